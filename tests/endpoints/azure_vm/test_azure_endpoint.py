"""Endpoints on Azure in the sandbox: zones, shortages, failures, expiry, two at once."""

from __future__ import annotations

import base64
import json
import threading
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from azure_rig import OPTIONS, TOKEN, Rig, cheapest, machines, store

from planner.endpoints.azure_vm import Adapter, access, api, checks, lookup
from planner.endpoints.azure_vm.machine import host_keys
from planner.endpoints.deploying.preflight import PreflightError
from planner.endpoints.model import State
from planner.endpoints.talking.client import ChatClient
from planner.errors import (
    CapacityError,
    CloudError,
    NotEnabledError,
    PermissionDeniedError,
    PlannerError,
    QuotaShortError,
    ThrottledError,
    UsageError,
)
from planner.ledger import Ledger
from planner.sandbox.azure import resources

if TYPE_CHECKING:
    from pathlib import Path

    from planner.plan import Plan


@pytest.mark.long
def test_the_whole_life_of_an_endpoint(bench: Rig, plan: Plan, own_state_folder: Path) -> None:
    outcome = bench.deploy(plan)
    assert outcome.reply is not None
    assert (outcome.reply.tokens or 0) > 1
    made = Adapter()
    assert made.regions() == [plan.region]
    (shown,) = made.endpoints(plan.region)
    assert (shown.state, shown.guarded, shown.model) == (State.IN_SERVICE, True, plan.model)
    assert shown.hourly_usd == plan.on_demand_hourly_usd
    assert shown.expires_at == outcome.spec.expires_at
    reply = ChatClient(made.transport(shown), shown.model).ask(
        [{"role": "user", "content": "why?"}], max_tokens=4
    )
    assert reply.text
    assert any("ready" in line.text for line in made.logs(shown, None))
    bench.destroy(shown.name, shown.region)
    assert bench.left() == []
    assert made.endpoints(plan.region) == []
    written = b"".join(file.read_bytes() for file in own_state_folder.rglob("*") if file.is_file())
    assert TOKEN.encode() not in written


@pytest.mark.long
def test_the_token_lies_in_the_vault_and_nowhere_else(bench: Rig, plan: Plan) -> None:
    bench.deploy(plan)
    kept = store(bench.world)
    having = [
        item["type"]
        for item in [*kept.resources.values(), *kept.groups.values()]
        if TOKEN in json.dumps(item, default=str)
    ]
    assert having == ["Microsoft.KeyVault/vaults/secrets"]
    (machine,) = machines(bench)
    custom = base64.b64decode(machine["properties"]["osProfile"]["customData"]).decode()
    assert TOKEN not in custom
    assert f"planner-{machine['tags']['planner:run']}.vault.azure.net" in custom
    (identity,) = kept.of_kind("Microsoft.ManagedIdentity/userAssignedIdentities")
    (vault,) = kept.of_kind("Microsoft.KeyVault/vaults")
    (policy,) = vault["properties"]["accessPolicies"]
    assert policy["objectId"] == identity["properties"]["principalId"]
    assert policy["permissions"] == {"secrets": ["get"]}
    assert list(machine["identity"]["userAssignedIdentities"]) == [identity["id"]]


@pytest.mark.long
def test_a_model_that_is_open_gets_no_vault_and_no_identity(bench: Rig) -> None:
    bench.deploy(cheapest("mistral-7b", instance_types=("Standard_NC24ads_A100_v4",)))
    kinds = {item["type"] for item in store(bench.world).resources.values()}
    assert not any("KeyVault" in kind or "ManagedIdentity" in kind for kind in kinds)


@pytest.mark.long
def test_the_second_run_finds_the_endpoint_as_asked_for(bench: Rig, plan: Plan) -> None:
    bench.deploy(plan)
    assert not bench.deploy(plan).changed
    with pytest.raises(UsageError, match="cannot be changed"):
        bench.deploy(plan, replace(OPTIONS, context=2048))
    assert len(machines(bench)) == 1
    (shown,) = Adapter().endpoints(plan.region)
    assert Adapter().settings(shown)["context"] == "4096"


@pytest.mark.long
def test_where_the_region_is_full_zones_are_asked_one_by_one(bench: Rig, plan: Plan) -> None:
    bench.scenario(no_capacity_in=("eastus-regional", "eastus-1"))
    bench.deploy(plan)
    (machine,) = machines(bench)
    assert machine["zones"] == ["2"]


@pytest.mark.long
def test_a_full_region_is_a_lack_of_capacity_and_names_each_zone(bench: Rig, plan: Plan) -> None:
    bench.scenario(no_capacity_in=("eastus",))
    with pytest.raises(CapacityError) as caught:
        bench.deploy(plan)
    assert [line.partition(":")[0] for line in caught.value.why.splitlines()] == [
        "eastus",
        "eastus zone 1",
        "eastus zone 2",
        "eastus zone 3",
    ]
    assert caught.value.exit_code == 6
    assert bench.left() == []
    with Ledger() as ledger:
        assert ledger.resources() == []


@pytest.mark.long
def test_a_size_that_was_closed_after_the_preflight_is_a_lack_of_capacity(
    bench: Rig, plan: Plan
) -> None:
    class Late(Adapter):
        """Its size is closed once the preflight is over."""

        def steps(self, spec, context):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
            bench.scenario(restricted_regions=("eastus",))
            return super().steps(spec, context)

    with pytest.raises(CapacityError):
        bench.deploy(plan, made=Late())
    assert bench.left() == []


@pytest.mark.long
def test_quota_that_is_used_up_meanwhile_is_said_and_all_is_taken_back(
    bench: Rig, plan: Plan
) -> None:
    class Late(Adapter):
        """Its quota is gone once the preflight is over."""

        def steps(self, spec, context):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
            bench.scenario(gpu_instances=0)
            return super().steps(spec, context)

    with pytest.raises(QuotaShortError) as caught:
        bench.deploy(plan, made=Late())
    assert "Current Limit: " in caught.value.why
    assert caught.value.exit_code == 4
    assert bench.left() == []


@pytest.mark.parametrize(
    ("knobs", "error"),
    [
        ({"gpu_instances": 0}, QuotaShortError),
        ({"providers_registered": False}, NotEnabledError),
        (
            {"denied_actions": ("Microsoft.Authorization/roleAssignments/write",)},
            PermissionDeniedError,
        ),
    ],
)
def test_what_stands_in_the_way_is_found_before_anything_is_made(
    bench: Rig, plan: Plan, knobs: dict[str, object], error: type[PlannerError]
) -> None:
    bench.scenario(**knobs)
    with pytest.raises(PreflightError) as caught:
        bench.deploy(plan)
    assert caught.value.exit_code == error.exit_code
    assert bench.left() == []


def test_spot_quota_is_asked_for_as_spot_quota(bench: Rig, plan: Plan) -> None:
    bench.scenario(gpu_instances=0)
    with pytest.raises(PreflightError) as caught:
        bench.deploy(plan, made=Adapter("SPOT"))
    assert "--region eastus " in caught.value.advice
    assert caught.value.advice.endswith(" --spot")


@pytest.mark.long
def test_without_an_expiry_nobody_needs_to_assign_roles(bench: Rig, plan: Plan) -> None:
    bench.scenario(denied_actions=("Microsoft.Authorization/roleAssignments/write",))
    bench.deploy(plan, replace(OPTIONS, life=None))
    kinds = {item["type"] for item in store(bench.world).resources.values()}
    assert not any("Logic" in kind or "DevTestLab" in kind for kind in kinds)
    assert not Adapter().endpoints(plan.region)[0].guarded


@pytest.mark.long
def test_who_may_not_purge_vaults_leaves_it_to_azure(bench: Rig, plan: Plan) -> None:
    bench.scenario(denied_actions=("Microsoft.KeyVault/locations/deletedVaults/purge/action",))
    bench.deploy(plan)
    bench.destroy("llama-2-70b", plan.region)
    assert [item.partition(" {")[0] for item in bench.left()] == ["deleted vault"]


def test_a_region_that_is_closed_to_the_subscription_is_not_a_matter_of_quota(
    bench: Rig, plan: Plan
) -> None:
    bench.scenario(restricted_regions=("eastus",))
    with pytest.raises(PreflightError) as caught:
        bench.deploy(plan)
    assert "NotAvailableForSubscription" in caught.value.why
    assert "support request" in caught.value.advice


def test_sizes_that_the_images_cannot_serve_are_refused_with_the_reason(
    bench: Rig, plan: Plan
) -> None:
    with pytest.raises(PreflightError, match="1 thing") as caught:
        bench.deploy(replace(plan, instance_type="Standard_NV72ads_A10_v5"))
    assert "GRID" in caught.value.why
    assert bench.left() == []


@pytest.mark.long
@pytest.mark.parametrize("failure", ["out-of-memory", "gated", "disk-full"])
def test_what_the_console_says_is_translated_and_all_is_taken_back(
    bench: Rig, plan: Plan, failure: str
) -> None:
    bench.scenario(endpoint_failure=failure)
    with pytest.raises(CloudError) as caught:
        bench.deploy(plan)
    assert caught.value.code == failure
    assert "log: " in caught.value.why
    assert "sagemaker" not in caught.value.advice
    assert bench.left() == []


@pytest.mark.long
def test_an_identity_that_is_not_known_everywhere_yet_is_waited_for(bench: Rig, plan: Plan) -> None:
    bench.scenario(identity_lag_s=60)
    bench.deploy(plan)
    assert Adapter().endpoints(plan.region)[0].guarded


@pytest.mark.long
def test_azure_asks_for_patience_and_gets_it(bench: Rig, plan: Plan) -> None:
    bench.scenario(throttle_first=1, retry_after_s=0)
    assert bench.deploy(plan).reply is not None
    bench.destroy("llama-2-70b", plan.region)
    bench.world.reset(replace(bench.world.scenario, retry_after_s=3600))
    with pytest.raises(ThrottledError, match="fewer calls"):
        bench.deploy(plan)
    assert bench.left() == []


@pytest.mark.long
def test_of_two_deploys_at_once_one_machine_stays(bench: Rig, plan: Plan) -> None:
    errors: list[PlannerError] = []
    together = threading.Barrier(2)

    def run() -> None:
        together.wait()
        try:
            bench.deploy(plan, replace(OPTIONS, wait=False))
        except PlannerError as error:
            errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(machines(bench)) == 1, [f"{error}: {error.why}" for error in errors]
    assert len(store(bench.world).groups) == 1
    assert len(errors) <= 1
    assert all("someone else" in f"{error} {error.why}" for error in errors), errors


@pytest.mark.long
def test_the_younger_of_two_groups_gives_way_and_takes_only_its_own_back(
    bench: Rig, plan: Plan
) -> None:
    bench.deploy(plan, replace(OPTIONS, wait=False))
    kept = store(bench.world)
    (name, group), parts = next(iter(kept.groups.items())), dict(kept.resources)
    kept.groups.clear()
    kept.resources.clear()

    class Late(Adapter):
        """Its look at the cloud comes before the other group shows."""

        def steps(self, spec, context):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
            kept.groups[name] = group
            kept.resources.update(parts)
            return super().steps(spec, context)

    with pytest.raises(PlannerError, match="someone else"):
        bench.deploy(plan, made=Late())
    assert list(kept.groups) == [name]
    assert kept.resources == parts


@pytest.mark.long
def test_the_cloud_deletes_the_endpoint_when_its_time_is_up(bench: Rig, plan: Plan) -> None:
    bench.deploy(plan)
    bench.world.clock.advance(timedelta(hours=7, minutes=59))
    assert Adapter().find("llama-2-70b", plan.region) is not None
    bench.world.clock.advance(timedelta(minutes=2))
    catch_up(bench)
    assert Adapter().find("llama-2-70b", plan.region) is None
    assert [item for item in bench.left() if not item.startswith("deleted vault")] == []


@pytest.mark.long
def test_without_its_role_the_expiry_could_not_delete_and_the_machine_is_deallocated(
    bench: Rig, plan: Plan
) -> None:
    bench.deploy(plan)
    kept = store(bench.world)
    (role,) = kept.of_kind("Microsoft.Authorization/roleAssignments")
    kept.drop(role["id"])
    bench.world.clock.advance(timedelta(hours=8, minutes=16))
    (shown,) = Adapter().endpoints(plan.region)
    assert (shown.state, shown.billed) == (State.FAILED, False)
    assert "deallocated" in shown.problem
    assert not shown.guarded


@pytest.mark.long
def test_the_expiry_can_be_moved_both_ways_and_taken_away(bench: Rig, plan: Plan) -> None:
    bench.deploy(plan)
    made = Adapter()
    (shown,) = made.endpoints(plan.region)
    assert shown.expires_at is not None
    later = shown.expires_at + timedelta(hours=40)
    made.extend(shown, later)
    bench.world.clock.advance(timedelta(hours=30))
    (still,) = made.endpoints(plan.region)
    assert (still.state, still.expires_at) == (State.IN_SERVICE, later)
    made.extend(still, None)
    bench.world.clock.advance(timedelta(hours=30))
    (free,) = made.endpoints(plan.region)
    assert (free.state, free.guarded, free.expires_at) == (State.IN_SERVICE, False, None)
    (group,) = lookup.groups("llama-2-70b")
    assert group.tags["planner:expires"] == "never"
    soon = bench.world.now().replace(microsecond=0) + timedelta(minutes=5)
    made.extend(free, soon)
    bench.world.clock.advance(timedelta(minutes=6))
    catch_up(bench)
    assert made.endpoints(plan.region) == []


@pytest.mark.long
def test_only_ssh_from_the_user_s_own_address_comes_in(
    bench: Rig, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.deploy(plan, replace(OPTIONS, wait=False))
    kind = "Microsoft.Network/networkSecurityGroups/securityRules"
    assert store(bench.world).of_kind(kind) == []
    (shown,) = Adapter().endpoints(plan.region)
    Adapter().transport(shown)
    monkeypatch.setenv(access.FROM, "203.0.113.0/24")
    Adapter().transport(shown)
    rules = [rule["properties"] for rule in store(bench.world).of_kind(kind)]
    assert [(rule["sourceAddressPrefix"], rule["destinationPortRange"]) for rule in rules] == [
        ("127.0.0.1/32", "22"),
        ("203.0.113.0/24", "22"),
    ]
    assert len({rule["priority"] for rule in rules}) == 2
    monkeypatch.setenv(access.FROM, "everywhere")
    with pytest.raises(UsageError, match="everywhere"):
        Adapter().transport(shown)


@pytest.mark.long
def test_nobody_gets_in_who_was_not_admitted(bench: Rig, plan: Plan) -> None:
    bench.deploy(plan, replace(OPTIONS, wait=False))
    (shown,) = Adapter().endpoints(plan.region)
    way = Adapter().transport(shown)
    store(bench.world).drop(
        next(
            item["id"]
            for item in store(bench.world).resources.values()
            if item["type"].endswith("securityRules")
        )
    )
    with pytest.raises(CloudError, match="refuses"):
        way.send({"messages": []})


@pytest.mark.long
def test_the_machine_s_ssh_keys_come_from_its_console_or_from_its_agent(
    bench: Rig, plan: Plan
) -> None:
    bench.deploy(plan, replace(OPTIONS, wait=False))
    (group,) = lookup.groups("llama-2-70b")
    told = host_keys(group.group, "llama-2-70b")
    assert [key.split()[0] for key in told] == ["ssh-ed25519"]
    # Nothing is on the console yet.
    bench.scenario(endpoint_startup_s=10_000)
    assert host_keys(group.group, "llama-2-70b") == told


@pytest.mark.long
def test_a_spot_machine_that_azure_takes_back_is_deleted_and_said_to_be_gone(
    bench: Rig, plan: Plan
) -> None:
    bench.deploy(replace(plan, pricing_model="spot", spot_hourly_usd=Decimal(3)))
    (shown,) = Adapter().endpoints(plan.region)
    assert shown.hourly_usd == 3
    (machine,) = machines(bench)
    properties = machine["properties"]
    assert (properties["priority"], properties["evictionPolicy"]) == ("Spot", "Delete")
    assert properties["billingProfile"] == {"maxPrice": -1}
    store(bench.world).drop(machine["id"])
    grow_old(bench)
    (left,) = Adapter().endpoints(plan.region)
    assert left.state is State.LEFTOVER
    bench.destroy(left.name, plan.region)
    assert bench.left() == []
    with pytest.raises(UsageError, match="FLEX_START"):
        Adapter("FLEX_START")


def catch_up(bench: Rig) -> None:
    """Let what happened be known everywhere."""
    Adapter().endpoints("eastus")  # time is looked at
    bench.world.clock.advance(timedelta(seconds=10))


def grow_old(bench: Rig) -> None:
    """Let the groups have been made an hour ago."""
    catch_up(bench)
    for group in store(bench.world).groups.values():
        made = datetime.fromisoformat(group["tags"]["planner:created"]) - timedelta(hours=1)
        group["tags"]["planner:created"] = made.isoformat()


@pytest.mark.long
def test_a_group_that_was_just_made_is_no_leftover_until_its_machine_stays_away(
    bench: Rig, plan: Plan
) -> None:
    bench.deploy(plan)
    (machine,) = machines(bench)
    store(bench.world).drop(machine["id"])
    (shown,) = Adapter().endpoints(plan.region)
    assert (shown.state, shown.guarded) == (State.CREATING, True)
    assert not bench.deploy(plan, replace(OPTIONS, wait=False)).changed
    grow_old(bench)
    assert bench.deploy(plan).changed
    assert len(store(bench.world).groups) == 1


@pytest.mark.long
def test_a_second_run_waits_for_the_machine_that_the_first_is_making(
    bench: Rig, plan: Plan
) -> None:
    bench.deploy(plan, replace(OPTIONS, wait=False))
    kept, (machine,) = store(bench.world), machines(bench)
    away = {key: item for key, item in kept.resources.items() if item is machine}
    for key in away:
        del kept.resources[key]
    timer = threading.Timer(1, lambda: kept.resources.update(away))
    timer.start()
    outcome = bench.deploy(plan)
    timer.join()
    assert not outcome.changed
    assert outcome.reply is not None


@pytest.mark.long
def test_a_machine_that_stands_still_but_is_billed_is_shown_as_billed(
    bench: Rig, plan: Plan
) -> None:
    bench.deploy(plan)
    (machine,) = machines(bench)
    machine["_power"] = "stopped"
    (shown,) = Adapter().endpoints(plan.region)
    assert (shown.state, shown.billed) == (State.FAILED, True)


# Looked at by Azure on the way to what is called, or when its answer says that it goes on.
BY_THE_WAY = {
    "Microsoft.KeyVault/vaults/read",
    "Microsoft.KeyVault/vaults/secrets/read",
    "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action",
    "Microsoft.ManagedIdentity/userAssignedIdentities/read",
    "Microsoft.DevTestLab/schedules/read",
    *(
        f"Microsoft.Network/{name}"
        for name in (
            "networkInterfaces/join/action",
            "networkInterfaces/write",
            "networkSecurityGroups/join/action",
            "networkSecurityGroups/read",
            "networkSecurityGroups/securityRules/read",
            "publicIPAddresses/join/action",
            "publicIPAddresses/read",
            "publicIPAddresses/write",
            "virtualNetworks/read",
            "virtualNetworks/subnets/join/action",
        )
    ),
}


@pytest.mark.long
def test_the_printed_role_allows_what_is_called_and_nothing_else(bench: Rig, plan: Plan) -> None:
    bench.scenario(no_capacity_in=("eastus-regional",))
    bench.deploy(plan)
    made = Adapter()
    (shown,) = made.endpoints(plan.region)
    made.extend(shown, None)
    bench.scenario(endpoint_startup_s=10_000)
    (group,) = lookup.groups(shown.name)
    host_keys(group.group, shown.name)
    bench.destroy(shown.name, plan.region)
    called = {name for cloud, name in bench.world.calls if cloud == "azure"}
    called = {name for name in called if name.startswith("Microsoft.")}
    allowed = set(checks.needed(reserved=False))
    assert called <= allowed, called - allowed
    assert allowed - called == BY_THE_WAY


def test_payloads_that_azure_would_not_take_are_refused_by_the_sandbox(bench: Rig) -> None:
    where = api.group("planner-x-1")
    kind = "Microsoft.Logic/workflows"
    body = {"location": "eastus", "properties": {"state": "Enabled"}}
    with pytest.raises(CloudError) as caught:
        api.put(where.part(kind, "expiry"), body, "try", api.unattended(), kind=kind)
    assert caught.value.code == "ResourceGroupNotFound"
    store(bench.world).groups["planner-x-1"] = {
        "id": where.id,
        "properties": {"provisioningState": "Succeeded"},
    }
    with pytest.raises(CloudError, match="InvalidRequestContent") as caught:
        api.put(where.part(kind, "expiry"), body, "try", api.unattended(), kind=kind)
    assert "definition" in caught.value.why


@pytest.mark.long
def test_a_workflow_without_the_role_deletes_nothing(bench: Rig, plan: Plan) -> None:
    bench.deploy(plan)
    kept = store(bench.world)
    (role,) = kept.of_kind("Microsoft.Authorization/roleAssignments")
    role["properties"]["principalId"] = "someone-else"
    bench.world.clock.advance(timedelta(hours=9))
    resources.pass_time(bench.world)
    assert len(kept.groups) == 1


@pytest.mark.long
@pytest.mark.parametrize(("allowed", "kind"), [(True, "Standard"), (False, "TrustedLaunch")])
def test_secure_boot_is_off_whatever_the_subscription_takes(
    bench: Rig, plan: Plan, kind: str, *, allowed: bool
) -> None:
    bench.scenario(standard_security=allowed)
    assert bench.deploy(plan).reply is not None
    (machine,) = machines(bench)
    profile = machine["properties"]["securityProfile"]
    assert profile["securityType"] == kind
    assert not profile.get("uefiSettings", {}).get("secureBootEnabled", False)
