"""Azure: Resource Manager clients, and what their errors mean.

Credentials come from ``DefaultAzureCredential`` (environment, workload identity, managed
identity, Azure CLI, ...). The subscription is ``AZURE_SUBSCRIPTION_ID``, else the default
one of the Azure CLI.

The clients carry policies of our own instead of the SDK's default list, for two reasons: the
default list registers a missing resource provider as a side effect (azure-mgmt-core's
``ARMAutoResourceProviderRegistrationPolicy``), which a read must not do; and a throttled
quota call may say ``Retry-After: 3600``, which nobody wants to sit through.
"""

from __future__ import annotations

import base64
import json
import os
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from planner.clouds import settings
from planner.errors import CloudError, NoCredentialsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from azure.core.credentials import TokenCredential
    from azure.mgmt.compute import ComputeManagementClient
    from azure.mgmt.costmanagement import CostManagementClient
    from azure.mgmt.machinelearningservices import MachineLearningServicesMgmtClient
    from azure.mgmt.quota import QuotaMgmtClient
    from azure.mgmt.resource.resources import ResourceManagementClient
    from azure.mgmt.support import MicrosoftSupport

ARM = "https://management.azure.com"
SANDBOX_SUBSCRIPTION = "00000000-0000-0000-0000-000000000000"

_lock = threading.Lock()
_clients: dict[str, Any] = {}


def forget() -> None:
    """Drop the clients: the settings changed."""
    with _lock:
        for made in _clients.values():
            made.close()
        _clients.clear()


settings.on_change(forget)


def subscription() -> str:
    """Return the id of the subscription that is asked about.

    Raises:
        NoCredentialsError: None is chosen anywhere.
    """
    chosen = settings.current()
    if chosen.azure_subscription:
        return chosen.azure_subscription
    if chosen.simulated:
        return SANDBOX_SUBSCRIPTION
    found = _cli_subscription()
    if found is None:
        raise NoCredentialsError(
            "no Azure subscription is chosen",
            why="AZURE_SUBSCRIPTION_ID is not set and the Azure CLI has no default",
            advice="az login, or export AZURE_SUBSCRIPTION_ID=...",
        )
    return found


def load() -> None:
    """Import the SDK's core, before several threads do.

    Its parts import each other: threads that begin with different ones would wait for each
    other for ever, which Python ends with an error.
    """
    import azure.core.exceptions
    import azure.core.rest
    import azure.mgmt.core  # noqa: F401 - as above


def compute() -> ComputeManagementClient:
    """Return the client of Microsoft.Compute."""

    def make(**options: Any) -> ComputeManagementClient:  # noqa: ANN401 - SDK keywords
        from azure.mgmt.compute import ComputeManagementClient

        return ComputeManagementClient(subscription_id=subscription(), **options)

    made: ComputeManagementClient = _client("compute", make)
    return made


def resources() -> ResourceManagementClient:
    """Return the client of Microsoft.Resources: groups, and any resource by its id."""

    def make(**options: Any) -> ResourceManagementClient:  # noqa: ANN401 - SDK keywords
        from azure.mgmt.resource.resources import (
            ResourceManagementClient,
        )

        return ResourceManagementClient(subscription_id=subscription(), **options)

    made: ResourceManagementClient = _client("resources", make)
    return made


def quota() -> QuotaMgmtClient:
    """Return the client of Microsoft.Quota."""

    def make(**options: Any) -> QuotaMgmtClient:  # noqa: ANN401 - SDK keywords
        from azure.mgmt.quota import QuotaMgmtClient

        return QuotaMgmtClient(subscription_id=subscription(), **options)

    made: QuotaMgmtClient = _client("quota", make)
    return made


def support() -> MicrosoftSupport:
    """Return the client of Microsoft.Support."""

    def make(**options: Any) -> MicrosoftSupport:  # noqa: ANN401 - SDK keywords
        from azure.mgmt.support import MicrosoftSupport

        return MicrosoftSupport(subscription_id=subscription(), **options)

    made: MicrosoftSupport = _client("support", make)
    return made


def machine_learning() -> MachineLearningServicesMgmtClient:
    """Return the client of Microsoft.MachineLearningServices."""

    def make(**options: Any) -> MachineLearningServicesMgmtClient:  # noqa: ANN401 - SDK keywords
        from azure.mgmt.machinelearningservices import (
            MachineLearningServicesMgmtClient,
        )

        return MachineLearningServicesMgmtClient(subscription_id=subscription(), **options)

    made: MachineLearningServicesMgmtClient = _client("machine_learning", make)
    return made


def costs() -> CostManagementClient:
    """Return the client of Microsoft.CostManagement."""

    def make(**options: Any) -> CostManagementClient:  # noqa: ANN401 - SDK keywords
        from azure.mgmt.costmanagement import CostManagementClient

        return CostManagementClient(**options)

    made: CostManagementClient = _client("costs", make)
    return made


@contextmanager
def errors(what: str, *, action: str = "", region: str = "") -> Iterator[None]:
    """Turn what the Azure SDK raises inside the block into planner's errors.

    Args:
        what: What is tried, for the message.
        action: The RBAC action it needs: ``Microsoft.Compute/locations/usages/read``.
        region: Where it is tried.
    """
    from azure.core.exceptions import AzureError

    try:
        yield
    except AzureError as error:
        from planner.clouds import azure_errors

        raise azure_errors.translate(error, what=what, action=action, region=region) from error


def token(scope: str) -> str:
    """Return a token of the caller's for one of Azure's services.

    Args:
        scope: ``https://vault.azure.net/.default``.
    """
    with errors("sign in"):
        return _credential(simulated=settings.current().simulated).get_token(scope).token


def caller() -> str:
    """Return the caller's object id in its directory, as its own token tells it.

    Raises:
        CloudError: The token does not tell.
    """
    parts = token(f"{ARM}/.default").split(".")
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        return str(claims["oid"])
    except (IndexError, ValueError, KeyError) as error:
        raise CloudError(
            "your token of Azure does not tell who you are", advice="az login"
        ) from error


def _client(name: str, make: Callable[..., Any]) -> Any:  # noqa: ANN401 - one of the SDK clients
    from planner.clouds import azure_models, azure_pipeline

    with _lock:
        if name not in _clients:
            chosen = settings.current()
            base_url = chosen.azure_endpoint or ARM
            credential = _credential(simulated=chosen.simulated)
            scope = subscription()
            _clients[name] = make(
                credential=credential,
                base_url=base_url,
                policies=azure_pipeline.policies(credential, scope, simulated=chosen.simulated),
                transport=azure_pipeline.transport(),
            )
            azure_models.guard(_clients[name])
        return _clients[name]


def _credential(*, simulated: bool) -> TokenCredential:
    if simulated:
        from planner.clouds.azure_pipeline import SandboxCredential

        return SandboxCredential()
    from azure.identity import DefaultAzureCredential

    return DefaultAzureCredential()


def _cli_subscription() -> str | None:
    """Return the default subscription of the Azure CLI, from its own file."""
    folder = Path(os.environ.get("AZURE_CONFIG_DIR") or Path.home() / ".azure")
    try:
        # The CLI writes the file with a byte order mark.
        profile = json.loads((folder / "azureProfile.json").read_text(encoding="utf-8-sig"))
    except (OSError, ValueError):
        return None
    for item in profile.get("subscriptions", []):
        if item.get("isDefault"):
            return str(item["id"])
    return None
