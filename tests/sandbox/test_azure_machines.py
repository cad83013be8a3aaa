"""Simulated Resource Manager, through the azure-mgmt SDKs: groups, machines, operations."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import requests
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from planner.clouds import azure
from planner.endpoints.azure_vm import api
from planner.sandbox import reality
from planner.sandbox.azure.store import store

if TYPE_CHECKING:
    from planner.sandbox.server import Sandbox

GROUP = f"/subscriptions/{azure.SANDBOX_SUBSCRIPTION}/resourceGroups/g"
MACHINE: dict[str, Any] = {
    "location": "eastus",
    "properties": {
        "hardwareProfile": {"vmSize": "Standard_NC24ads_A100_v4"},
        "osProfile": {"computerName": "m", "adminUsername": "ada"},
        "priority": "Regular",
    },
}


@pytest.fixture
def group(sandbox: Sandbox) -> Sandbox:
    # The SDK's own polling knows nothing of reads that are behind.
    calm = reality.of("calm")
    sandbox.world.scenario = replace(sandbox.world.scenario, gpu_instances=1, **calm)
    azure.resources().resource_groups.create_or_update(
        "g", {"location": "eastus", "tags": {"planner:endpoint": "m"}}
    )
    return sandbox


def create(name: str = "m", **changes: Any) -> Any:
    body = {**MACHINE, **changes}
    client = azure.compute().virtual_machines
    return client.begin_create_or_update("g", name, body, polling_interval=0).result()


def code(error: HttpResponseError) -> str:
    assert error.error is not None
    return str(error.error.code)


def test_a_machine_is_made_by_an_operation_that_goes_on_for_a_while(group: Sandbox) -> None:
    url = f"{group.endpoints.azure}{GROUP}/providers/Microsoft.Compute/virtualMachines/m"
    answer = requests.put(url, json=MACHINE, timeout=5)
    assert answer.status_code == 201
    assert answer.json()["properties"]["provisioningState"] == "Creating"
    follow = answer.headers["Azure-AsyncOperation"]
    assert requests.get(follow, timeout=5).json()["status"] == "InProgress"
    assert requests.get(follow, timeout=5).json()["status"] == "Succeeded"
    assert requests.get(url, timeout=5).json()["properties"]["provisioningState"] == "Succeeded"


def test_the_sdk_follows_it_and_shows_the_instance_view(group: Sandbox) -> None:
    del group
    assert create().properties.provisioning_state == "Succeeded"
    shown = azure.compute().virtual_machines.get("g", "m", expand="instanceView")
    codes = [status.code for status in shown.properties.instance_view.statuses]
    assert codes == ["ProvisioningState/succeeded", "PowerState/running"]
    plain = azure.compute().virtual_machines.get("g", "m")
    assert plain.properties.instance_view is None
    where = api.group("g")
    (address,) = api.children(where, "look", kind="Microsoft.Network/publicIPAddresses")
    assert address["properties"]["ipAddress"]


def test_machines_take_up_quota_until_they_are_gone(group: Sandbox) -> None:
    del group

    def used() -> dict[str, int]:
        rows = azure.compute().usage.list("eastus")
        return {str(row.name.value): row.current_value for row in rows if row.current_value}

    create()
    assert used() == {"cores": 24, "StandardNCADSA100v4Family": 24}
    azure.compute().virtual_machines.begin_delete("g", "m", polling_interval=0).result()
    assert used() == {}
    for number in range(5):
        create(f"m{number}")
    with pytest.raises(HttpResponseError) as caught:
        create("too-many")
    assert (caught.value.status_code, code(caught.value)) == (409, "OperationNotAllowed")
    assert "Current Limit: 128, Current Usage: 120" in str(caught.value)


def test_a_shortage_comes_in_the_operation_and_leaves_a_machine_that_failed(
    group: Sandbox,
) -> None:
    group.world.scenario = replace(group.world.scenario, no_capacity_in=("eastus-2",))
    with pytest.raises(HttpResponseError) as caught:
        create(zones=["2"])
    assert code(caught.value) == "ZonalAllocationFailed"
    shown = azure.compute().virtual_machines.get("g", "m", expand="instanceView")
    assert shown.properties.provisioning_state == "Failed"
    assert create(zones=["1"]).properties.provisioning_state == "Succeeded"


def test_a_group_takes_all_with_it_and_keeps_deleted_vaults(group: Sandbox) -> None:
    create()
    vault = {"location": "eastus", "properties": {"tenantId": "t", "sku": {}}}
    azure.resources().resources.begin_create_or_update_by_id(
        f"{GROUP}/providers/Microsoft.KeyVault/vaults/v".lstrip("/"),
        vault,
        api_version="2023-07-01",
    ).result()
    groups = azure.resources().resource_groups
    assert [item.name for item in groups.list(filter="tagName eq 'planner:endpoint'")] == ["g"]
    assert list(groups.list(filter="tagName eq 'planner:endpoint' and tagValue eq 'x'")) == []
    deletion = groups.begin_delete("g", polling_interval=0)
    with pytest.raises(HttpResponseError) as caught:
        create("late")
    assert code(caught.value) in {"ResourceGroupBeingDeleted", "ResourceGroupNotFound"}
    deletion.result()
    with pytest.raises(ResourceNotFoundError):
        groups.get("g")
    assert list(store(group.world).deleted_vaults) == ["v"]
    assert store(group.world).resources == {}


def test_a_deletion_may_fail_and_leave_everything(group: Sandbox) -> None:
    create()
    group.world.notes["azure-knobs"]["failed_deletes"] = 1
    groups = azure.resources().resource_groups
    with pytest.raises(HttpResponseError) as caught:
        groups.begin_delete("g", polling_interval=0).result()
    assert code(caught.value) == "ResourceGroupDeletionBlocked"
    assert groups.get("g").properties.provisioning_state == "Succeeded"
    groups.begin_delete("g", polling_interval=0).result()


def test_what_refers_to_nothing_or_has_unknown_members_is_refused(group: Sandbox) -> None:
    del group
    absent = f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/none"
    with pytest.raises(HttpResponseError) as caught:
        create(identity={"type": "UserAssigned", "userAssignedIdentities": {absent: {}}})
    assert code(caught.value) == "InvalidResourceReference"
    with pytest.raises(HttpResponseError) as caught:
        create(properties={**MACHINE["properties"], "gpu": True})
    assert code(caught.value) == "InvalidRequestContent"


def test_the_auto_shutdown_deallocates_at_its_time_of_day(group: Sandbox) -> None:
    create()
    now = group.world.now()
    machine = f"{GROUP}/providers/Microsoft.Compute/virtualMachines/m"
    at = (now + timedelta(hours=2)).strftime("%H%M")
    azure.resources().resources.begin_create_or_update_by_id(
        f"{GROUP}/providers/Microsoft.DevTestLab/schedules/s".lstrip("/"),
        {
            "location": "eastus",
            "properties": {
                "status": "Enabled",
                "taskType": "ComputeVmShutdownTask",
                "dailyRecurrence": {"time": at},
                "timeZoneId": "UTC",
                "targetResourceId": machine,
            },
        },
        api_version="2018-09-15",
    ).result()

    def power() -> str:
        view = azure.compute().virtual_machines.get("g", "m", expand="instanceView")
        return str(view.properties.instance_view.statuses[-1].code)

    group.world.clock.advance(timedelta(hours=1))
    assert power() == "PowerState/running"
    group.world.clock.advance(timedelta(hours=1, minutes=1))
    assert power() == "PowerState/deallocated"
