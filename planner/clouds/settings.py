"""Where the cloud clients point, and whose account they use.

The clouds' own environment variables and configuration files decide; planner adds only what
they lack. Boto3 reads ``AWS_PROFILE``, ``AWS_ENDPOINT_URL`` and ``AWS_ENDPOINT_URL_<SERVICE>``
(VPC endpoints) by itself.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_SANDBOX_TIMEOUT_S = 30


@dataclass(frozen=True, slots=True)
class CloudSettings:
    """Whose account, and which endpoints. None leaves the choice to the vendor's SDK.

    Attributes:
        aws_profile: Named profile of the AWS configuration files.
        aws_endpoint: One URL for all AWS services (the sandbox).
        azure_subscription: Subscription id.
        azure_endpoint: Base URL of Azure Resource Manager.
        gcp_project: Project id.
        gcp_endpoint: Base URL of all Google APIs.
        simulated: True while the clients talk to the sandbox; nothing is real then.
        sandbox_control: Base URL of the sandbox's own API, which keeps its clock.
        prices_endpoint: Base URL of all simulated price interfaces.
    """

    aws_profile: str | None = None
    aws_endpoint: str | None = None
    azure_subscription: str | None = None
    azure_endpoint: str | None = None
    gcp_project: str | None = None
    gcp_endpoint: str | None = None
    simulated: bool = False
    sandbox_control: str | None = None
    prices_endpoint: str | None = None


_chosen: CloudSettings | None = None
# What drops the clients of a cloud; each cloud adds its own when it is first used.
_forget_clients: list[Callable[[], None]] = []


def current() -> CloudSettings:
    """Return the settings in force: those chosen by :func:`use`, else the environment's."""
    return _chosen if _chosen is not None else from_environment()


def now() -> datetime:
    """Return what this machine's clock shows, UTC: really, or in the sandbox."""
    return _simulated("now") if current().sandbox_control else datetime.now(UTC)


def advance(seconds: float) -> datetime:
    """Move the sandbox's clock and return what time it is then."""
    return _simulated("advance", {"seconds": seconds})


def _simulated(path: str, body: dict[str, float] | None = None) -> datetime:
    """Ask the sandbox for its time, or move it."""
    import json
    import urllib.request

    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(  # noqa: S310 - loopback
        f"{current().sandbox_control}/{path}",
        data=data,
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=_SANDBOX_TIMEOUT_S) as answer:  # noqa: S310 - loopback
        return datetime.fromisoformat(json.load(answer)["here"])


def from_environment() -> CloudSettings:
    """Read the settings from environment variables."""
    environ = os.environ
    return CloudSettings(
        aws_profile=environ.get("AWS_PROFILE"),
        azure_subscription=environ.get("AZURE_SUBSCRIPTION_ID"),
        azure_endpoint=environ.get("PLANNER_AZURE_ENDPOINT"),
        gcp_project=environ.get("GOOGLE_CLOUD_PROJECT") or environ.get("CLOUDSDK_CORE_PROJECT"),
        gcp_endpoint=environ.get("PLANNER_GCP_ENDPOINT"),
    )


def use(settings: CloudSettings | None) -> None:
    """Put settings in force for this process (None: the environment's again).

    Clients made before are forgotten.
    """
    global _chosen  # noqa: PLW0603 - one process works with one set of accounts at a time
    _chosen = settings
    forget_clients()


def on_change(forget: Callable[[], None]) -> None:
    """Have ``forget`` called whenever other settings come into force."""
    _forget_clients.append(forget)


def sign_in_advice(command: str) -> str:
    """Return how to sign in again: with the cloud's own command, or in the sandbox."""
    simulated = "planner sandbox sign-in; for the real clouds: "
    return f"{simulated}{command}" if current().simulated else command


def forget_clients() -> None:
    """Drop all clients: those that are made next read the sign-in again."""
    for forget in _forget_clients:
        forget()


def override(
    *,
    aws_profile: str | None = None,
    azure_subscription: str | None = None,
    gcp_project: str | None = None,
) -> None:
    """Put a command's ``--profile``, ``--subscription`` and ``--project`` in force."""
    if aws_profile or azure_subscription or gcp_project:
        now = current()
        use(
            replace(
                now,
                aws_profile=aws_profile or now.aws_profile,
                azure_subscription=azure_subscription or now.azure_subscription,
                gcp_project=gcp_project or now.gcp_project,
            )
        )
