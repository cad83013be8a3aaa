"""Parts of an endpoint that are sent by their id, without an SDK of their own. Pure.

The expiry (a Logic App, its role, the auto-shutdown) and the token (an identity, a vault, a
secret). Checked against the models of those SDKs that planner does without.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from planner.endpoints.azure_vm.requests import short_tags

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from planner.endpoints.azure_vm.requests import Group
    from planner.endpoints.model import DeploymentSpec, Secret

WORKFLOW = "expiry"
CONTRIBUTOR = "b24988ac-6180-42a0-ab88-20f7382dd24c"
"""The built-in role's id, the same in every directory."""
VERSIONS = {
    "Microsoft.Authorization/roleAssignments": "2022-04-01",
    "Microsoft.DevTestLab/schedules": "2018-09-15",
    "Microsoft.KeyVault/vaults": "2023-07-01",
    "Microsoft.KeyVault/vaults/secrets": "2023-07-01",
    "Microsoft.Logic/workflows": "2019-05-01",
    "Microsoft.ManagedIdentity/userAssignedIdentities": "2023-01-31",
    "Microsoft.Network/networkSecurityGroups": "2024-05-01",
    "Microsoft.Network/networkSecurityGroups/securityRules": "2024-05-01",
    "Microsoft.Network/publicIPAddresses": "2024-05-01",
    "Microsoft.Network/virtualNetworks": "2024-05-01",
}
"""API versions of what is sent by its id, without an SDK of its own."""
_RETRY_MINUTES = 15
_ARM = "https://management.azure.com"
_DEFINITION = (
    "https://schema.management.azure.com/providers/Microsoft.Logic/schemas/2016-06-01/"
    "workflowdefinition.json#"
)


def workflow(
    where: Group, region: str, tags: dict[str, str], expires_at: datetime
) -> dict[str, Any]:
    """Return the Logic App that deletes the group, itself included, from the expiry on.

    A recurrence with a start time does not run before it; it then tries again every quarter of
    an hour until the group is gone.
    """
    recurrence = {
        "frequency": "Minute",
        "interval": _RETRY_MINUTES,
        "startTime": expires_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    delete = {
        "method": "DELETE",
        "uri": f"{_ARM}{where.id}?api-version=2021-04-01"
        "&forceDeletionTypes=Microsoft.Compute/virtualMachines",
        "authentication": {"type": "ManagedServiceIdentity", "audience": f"{_ARM}/"},
    }
    return {
        "location": region,
        "tags": tags,
        "identity": {"type": "SystemAssigned"},
        "properties": {
            "state": "Enabled",
            "definition": {
                "$schema": _DEFINITION,
                "contentVersion": "1.0.0.0",
                "triggers": {"time_is_up": {"type": "Recurrence", "recurrence": recurrence}},
                "actions": {
                    "delete_the_resource_group": {
                        "type": "Http",
                        "inputs": delete,
                        "runAfter": {},
                        # It would wait for the end of its own deletion.
                        "operationOptions": "DisableAsyncPattern",
                    }
                },
            },
        },
    }


def role_assignment(where: Group, principal: str) -> tuple[str, dict[str, Any]]:
    """Return id and body of what lets a Logic App delete its group; it reaches no other.

    No built-in role allows the deletion of a group alone: this is Contributor, on that group.
    """
    name = uuid.uuid5(uuid.NAMESPACE_URL, f"planner:{where.id}:{principal}")
    role = (
        f"/subscriptions/{where.subscription}/providers/Microsoft.Authorization/"
        f"roleDefinitions/{CONTRIBUTOR}"
    )
    return where.part("Microsoft.Authorization/roleAssignments", str(name)), {
        "properties": {
            "roleDefinitionId": role,
            "principalId": principal,
            "principalType": "ServicePrincipal",
        }
    }


def schedule(where: Group, name: str, region: str, at: datetime | None) -> dict[str, Any]:
    """Return the auto-shutdown of a machine: the second line behind the Logic App.

    Args:
        where: The group.
        name: Of the machine.
        region: Where it is.
        at: When, UTC; the schedule knows the time of day only. None switches it off.
    """
    return {
        "location": region,
        "properties": {
            "status": "Enabled" if at is not None else "Disabled",
            "taskType": "ComputeVmShutdownTask",
            "dailyRecurrence": {"time": at.strftime("%H%M") if at is not None else "0000"},
            "timeZoneId": "UTC",
            "notificationSettings": {"status": "Disabled"},
            "targetResourceId": where.part("Microsoft.Compute/virtualMachines", name),
        },
    }


def schedule_id(where: Group, name: str) -> str:
    """Return the id of a machine's auto-shutdown; its form makes Azure's portal show it."""
    return where.part("Microsoft.DevTestLab/schedules", f"shutdown-computevm-{name}")


def identity(spec: DeploymentSpec) -> dict[str, Any]:
    """Return the body of the identity that the machine reads its token as."""
    return {"location": spec.region, "tags": short_tags(spec.name, spec.run)}


def vault(spec: DeploymentSpec, tenant: str, readers: Sequence[str]) -> dict[str, Any]:
    """Return the body of the vault.

    An access policy holds at once; a role assignment takes minutes to be known everywhere.

    Args:
        spec: The deployment.
        tenant: The directory.
        readers: Object ids of who may read what is in it: the machine's identity alone, and the
            user where there is a key to be told.
    """
    return {
        "location": spec.region,
        "tags": short_tags(spec.name, spec.run),
        "properties": {
            "tenantId": tenant,
            "sku": {"family": "A", "name": "standard"},
            "enableRbacAuthorization": False,
            "accessPolicies": [
                {"tenantId": tenant, "objectId": reader, "permissions": {"secrets": ["get"]}}
                for reader in readers
            ],
            "softDeleteRetentionInDays": 7,  # the shortest; it is purged with the endpoint
        },
    }


def secret(value: Secret, ends: datetime | None = None) -> dict[str, Any]:
    """Return the body of a secret."""
    attributes: dict[str, Any] = {"enabled": True}
    if ends is not None:
        attributes["exp"] = int(ends.timestamp())
    return {"properties": {"value": value.reveal(), "attributes": attributes}}
