"""Secrets of a machine in Secret Manager: this run's alone, readable by planner's machines alone.

The token for gated weights, and the keys of the way in.
"""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from planner.endpoints.gce import api, compute, requests
from planner.endpoints.machines import secrets
from planner.endpoints.model import Secret
from planner.endpoints.watching import waiting
from planner.errors import CloudError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.endpoints.interface import Context
    from planner.endpoints.machines.secrets import Kept
    from planner.endpoints.model import DeploymentSpec, Endpoint

_API = "secretmanager"


def path(name: str) -> str:
    """Return the resource name of a secret."""
    return f"{api.project_path()}/secrets/{name}"


def of(spec: DeploymentSpec) -> dict[str, Kept]:
    """Return the secrets of a deployment by their names."""
    return secrets.of(spec, requests.secret_name(spec), requests.key_name(spec))


def create(spec: DeploymentSpec, context: Context, name: str, kept: Kept) -> str:
    """Store a secret of a deployment and return its name.

    A run that comes here again finds its own work.
    """
    try:
        api.call(
            "POST",
            f"/v1/{api.project_path()}/secrets",
            "create the secret",
            api=_API,
            action="secretmanager.secrets.create",
            body=requests.secret(spec),
            repeatable=True,  # a second one finds the first: the name is this run's alone
            secretId=name,
        )
    except CloudError as error:
        if not api.is_taken(error):
            raise
    write(name, kept.value, kept.what)
    reader = {
        "role": "roles/secretmanager.secretAccessor",
        "members": [f"serviceAccount:{spec.execution_role}"],
    }
    # A service account that was just made is not known everywhere at once.
    waiting.once_known(
        lambda: api.call(
            "POST",
            f"/v1/{path(name)}:setIamPolicy",
            f"let the machine read {kept.what}",
            api=_API,
            action="secretmanager.secrets.setIamPolicy",
            body={"policy": {"bindings": [reader]}},
            repeatable=True,
        ),
        context,
        compute.is_unknown_account,
    )
    return name


def key_of(endpoint: Endpoint) -> str:
    """Return the name of what holds the keys of an endpoint's way in.

    Raises:
        NotFoundError: It is gone.
    """
    return secrets.key_of(endpoint, "secret", requests.KEY, "Secret Manager")


def read(name: str) -> Secret:
    """Return what a secret holds."""
    answer = api.call(
        "GET",
        f"/v1/{path(name)}/versions/latest:access",
        "read the key",
        api=_API,
        action="secretmanager.versions.access",
    )
    return Secret(base64.b64decode(answer["payload"]["data"]).decode())


def write(name: str, value: Secret, what: str = "the key") -> None:
    """Give a secret another value; machines read the latest version."""
    data = base64.b64encode(value.reveal().encode()).decode()
    api.call(
        "POST",
        f"/v1/{path(name)}:addVersion",
        f"store {what}",
        api=_API,
        action="secretmanager.versions.add",
        body={"payload": {"data": data}},
        repeatable=True,
    )


def delete(name: str) -> None:
    """Delete a secret; one that is gone is no error."""
    try:
        api.call(
            "DELETE",
            f"/v1/{path(name)}",
            "delete the secret",
            api=_API,
            action="secretmanager.secrets.delete",
        )
    except CloudError as error:
        if not api.is_missing(error):
            raise


def is_there(name: str) -> bool:
    """Tell whether a secret is there; asked by its name, not by a list that is behind."""
    try:
        api.call(
            "GET",
            f"/v1/{path(name)}",
            "look at the secret",
            api=_API,
            action="secretmanager.secrets.get",
        )
    except CloudError as error:
        if api.is_missing(error):
            return False
        raise
    return True


class Stored(NamedTuple):
    """A secret of planner's, and the endpoint it is for."""

    endpoint: str
    name: str
    created: datetime | None


def stored(region: str, endpoint: str = "") -> Iterator[Stored]:
    """Yield planner's secrets for machines of a region, or for one endpoint there."""
    token = ""
    while True:
        page = _page(token)
        for item in page.get("secrets", []):
            labels = item.get("labels", {})
            owner = labels.get(requests.LABEL_ENDPOINT, "")
            here = labels.get(requests.LABEL_REGION) == region
            if here and owner and endpoint in ("", owner):
                made = item.get("createTime")
                yield Stored(
                    owner,
                    item["name"].rsplit("/", 1)[-1],
                    datetime.fromisoformat(made).astimezone(UTC) if made else None,
                )
        token = page.get("nextPageToken", "")
        if not token:
            return


def _page(token: str) -> dict[str, Any]:
    return api.call(
        "GET",
        f"/v1/{api.project_path()}/secrets",
        "list the secrets",
        api=_API,
        action="secretmanager.secrets.list",
        filter=f"labels.{requests.LABEL_ENDPOINT}:*",
        pageToken=token,
    )
