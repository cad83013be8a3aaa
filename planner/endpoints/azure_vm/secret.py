"""Secrets in a vault of the endpoint's own, which its machine's identity may read.

The token for gated weights, and the keys of the way in. They are written through Resource
Manager, as templates do it: that needs no access policy for the user, and no second sign-in.
Vaults outlive their deletion for days ("soft delete"), so one that has held a secret is purged too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import requests as http

from planner.clouds import azure, settings
from planner.endpoints.azure_vm import api, parts, requests
from planner.endpoints.machines import secrets
from planner.endpoints.model import Secret
from planner.errors import CloudError, PermissionDeniedError

if TYPE_CHECKING:
    from datetime import datetime

    from planner.endpoints.azure_vm.requests import Group
    from planner.endpoints.interface import Context
    from planner.endpoints.machines.secrets import Kept
    from planner.endpoints.model import DeploymentSpec

_IDENTITIES = "Microsoft.ManagedIdentity/userAssignedIdentities"
_VAULTS = "Microsoft.KeyVault/vaults"
_SCOPE = "https://vault.azure.net/.default"


def create(spec: DeploymentSpec, where: Group, context: Context) -> str:
    """Store a deployment's secrets where its machine can read them; return the vault's name."""
    made = api.put(
        where.part(_IDENTITIES, requests.IDENTITY),
        parts.identity(spec),
        "create the machine's identity",
        context,
        kind=_IDENTITIES,
    )
    known = made["properties"]
    name = requests.vault_name(spec.run)
    # Whoever deploys may tell applications their key; the token is the machine's alone.
    readers = [known["principalId"], *([azure.caller()] if spec.api_key is not None else [])]
    api.put(
        where.part(_VAULTS, name),
        parts.vault(spec, known["tenantId"], readers),
        "create the vault",
        context,
        kind=_VAULTS,
    )
    for secret, kept in of(spec).items():
        ends = spec.expires_at if secret == requests.SECRET else None
        put(where, secret, kept, context, ends=ends)
    return name


def of(spec: DeploymentSpec) -> dict[str, Kept]:
    """Return the secrets of a deployment by their names in its vault."""
    return secrets.of(spec, requests.SECRET, requests.KEY)


def put(
    where: Group, name: str, kept: Kept, context: Context, *, ends: datetime | None = None
) -> None:
    """Give a secret of an endpoint's vault a value."""
    vault = requests.vault_name(where.name.rpartition("-")[2])
    api.put(
        f"{where.part(_VAULTS, vault)}/secrets/{name}",
        parts.secret(kept.value, ends),
        f"store {kept.what}",
        context,
        kind=f"{_VAULTS}/secrets",
    )


def keys(vault: str) -> Secret:
    """Return what a vault holds for the way in: read from the vault itself, as its policy allows.

    Raises:
        PermissionDeniedError: Someone else has deployed it.
        CloudError: The vault does not answer.
    """
    simulated = settings.current().azure_endpoint
    host = f"{simulated}/sandbox-vault/{vault}" if simulated else f"https://{vault}.vault.azure.net"
    try:
        answer = http.get(
            f"{host}/secrets/{requests.KEY}?api-version=7.4",
            headers={"Authorization": f"Bearer {azure.token(_SCOPE)}"},
            timeout=30,
        )
    except http.RequestException as error:
        raise CloudError(f"{vault} does not answer", why=str(error)) from error
    if answer.status_code == http.codes.forbidden:
        raise PermissionDeniedError(
            "the key can be read by whoever deployed the endpoint",
            why=f"the access policy of {vault} names nobody else",
            advice=f"az keyvault set-policy --name {vault} --secret-permissions get "
            "--object-id YOURS",
            action="secrets/get",
        )
    if not answer.ok:
        raise CloudError("cannot read the key", why=answer.text[:300], code=str(answer.status_code))
    return Secret(str(answer.json()["value"]))


def purge(run: str, region: str) -> None:
    """Purge a run's vault, whose group is deleted; one that never was is no error.

    Who may not purge leaves it to Azure, which does so after seven days.
    """
    kind = "Microsoft.KeyVault/locations/deletedVaults/purge/action"
    place = f"Microsoft.KeyVault/locations/{region}/deletedVaults/{requests.vault_name(run)}"
    version = parts.VERSIONS[_VAULTS]
    try:
        api.send(
            "POST",
            f"providers/{place}/purge?api-version={version}",
            "purge the vault that held the token",
            action=kind,
        )
    except PermissionDeniedError:
        return
    except CloudError as error:
        if not api.is_missing(error):
            raise
