"""The token in a vault of the endpoint's own, readable by its machine's identity alone.

The secret is written through Resource Manager, as templates do it: that needs no access policy
for the user, and no second sign-in. Vaults outlive their deletion for days ("soft delete"), so
one that has held a token is purged too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.endpoints.azure_vm import api, parts, requests
from planner.errors import CloudError, PermissionDeniedError

if TYPE_CHECKING:
    from planner.endpoints.azure_vm.requests import Group
    from planner.endpoints.interface import Context
    from planner.endpoints.model import DeploymentSpec

_IDENTITIES = "Microsoft.ManagedIdentity/userAssignedIdentities"
_VAULTS = "Microsoft.KeyVault/vaults"


def create(spec: DeploymentSpec, where: Group, context: Context) -> str:
    """Store the token of a deployment where its machine can read it; return the vault's name."""
    made = api.put(
        where.part(_IDENTITIES, requests.IDENTITY),
        parts.identity(spec),
        "create the machine's identity",
        context,
        kind=_IDENTITIES,
    )
    known = made["properties"]
    name = requests.vault_name(spec.run)
    vault = where.part(_VAULTS, name)
    api.put(
        vault,
        parts.vault(spec, known["tenantId"], known["principalId"]),
        "create the vault",
        context,
        kind=_VAULTS,
    )
    api.put(
        f"{vault}/secrets/{requests.SECRET}",
        parts.secret(spec),
        "store the token",
        context,
        kind=f"{_VAULTS}/secrets",
    )
    return name


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
