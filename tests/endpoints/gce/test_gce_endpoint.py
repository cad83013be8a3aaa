"""Endpoints on Compute Engine in the sandbox: zones, shortages, failures, two at once."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from gce_rig import OPTIONS, TOKEN, Rig, cheapest

from planner.endpoints.deploying.preflight import PreflightError
from planner.endpoints.gce import Adapter, compute, requests, zones
from planner.endpoints.model import State
from planner.endpoints.talking.client import ChatClient
from planner.errors import CapacityError, CloudError, PlannerError, QuotaShortError, UsageError
from planner.ledger import Ledger

if TYPE_CHECKING:
    from pathlib import Path

    from planner.plan import Plan


@pytest.fixture(scope="module")
def plan() -> Plan:
    """Return a plan whose region has the type in three zones."""
    return cheapest(regions=("us-central1",), instance_types=("a3-highgpu-8g",))


@pytest.mark.long
def test_the_whole_life_of_an_endpoint(bench: Rig, plan: Plan, own_state_folder: Path) -> None:
    outcome = bench.deploy(plan)
    assert outcome.reply is not None
    assert (outcome.reply.tokens or 0) > 1
    made = Adapter()
    (shown,) = made.endpoints(plan.region)
    assert (shown.state, shown.guarded, shown.model) == (State.IN_SERVICE, True, plan.model)
    assert shown.hourly_usd == plan.on_demand_hourly_usd
    assert shown.expires_at is not None
    reply = ChatClient(made.transport(shown), shown.model).ask(
        [{"role": "user", "content": "why?"}], max_tokens=4
    )
    assert reply.text
    assert any("ready" in line.text for line in made.logs(shown, None))
    with pytest.raises(UsageError, match="cannot be moved"):
        made.extend(shown, None)
    (policy,) = [item["_policy"] for item in bench.world.notes["gcp-secrets"].values()]
    assert policy["bindings"][0]["members"] == [
        "serviceAccount:planner-endpoint@sandbox-project.iam.gserviceaccount.com"
    ]
    bench.destroy(shown.name, shown.region)
    assert bench.left() == []
    assert made.endpoints(plan.region) == []
    written = b"".join(file.read_bytes() for file in own_state_folder.rglob("*") if file.is_file())
    assert TOKEN.encode() not in written
    assert TOKEN not in json.dumps(bench.world.notes["gce"])


@pytest.mark.long
def test_the_second_run_finds_the_endpoint_as_asked_for(bench: Rig, plan: Plan) -> None:
    bench.deploy(plan)
    assert not bench.deploy(plan).changed
    with pytest.raises(UsageError, match="cannot be changed"):
        bench.deploy(plan, replace(OPTIONS, context=2048))
    assert len(bench.left()) == 2


@pytest.mark.long
def test_a_full_zone_moves_on_to_the_next(bench: Rig, plan: Plan) -> None:
    bench.scenario(no_capacity_in=("us-central1-a", "us-central1-b"))
    bench.deploy(plan)
    assert "instance us-central1-c/llama-2-70b" in bench.left()
    assert len(bench.world.notes["gce"]) == 1


@pytest.mark.long
def test_a_full_region_is_a_lack_of_capacity_and_names_each_zone(bench: Rig, plan: Plan) -> None:
    bench.scenario(no_capacity_in=("us-central1",))
    with pytest.raises(CapacityError) as caught:
        bench.deploy(plan)
    assert all(f"us-central1-{letter}" in caught.value.why for letter in "abc")
    assert caught.value.exit_code == 6
    assert bench.left() == []
    with Ledger() as ledger:
        assert ledger.resources() == []


def test_a_quota_that_is_short_is_found_before_anything_is_made(bench: Rig, plan: Plan) -> None:
    bench.scenario(gpu_instances=0)
    with pytest.raises(PreflightError) as caught:
        bench.deploy(plan)
    assert caught.value.exit_code == QuotaShortError.exit_code
    assert bench.left() == []


@pytest.mark.long
@pytest.mark.parametrize(
    ("failure", "cause"),
    [("out-of-memory", "out-of-memory"), ("gated", "gated"), ("disk-full", "disk-full")],
)
def test_what_the_console_says_is_translated_and_all_is_taken_back(
    bench: Rig, plan: Plan, failure: str, cause: str
) -> None:
    bench.scenario(endpoint_failure=failure)
    with pytest.raises(CloudError) as caught:
        bench.deploy(plan)
    assert caught.value.code == cause
    assert "log: " in caught.value.why
    assert "sagemaker" not in caught.value.advice
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
    assert len(bench.world.notes["gce"]) == 1
    assert len(errors) <= 1
    assert all("someone else" in str(error) for error in errors), [
        f"{error}: {error.why}" for error in errors
    ]


@pytest.mark.long
@pytest.mark.parametrize(("minutes", "removed"), [(0, False), (20, True)])
def test_a_secret_of_another_run_is_no_leftover_while_its_machine_may_come(
    minutes: int, bench: Rig, plan: Plan, *, removed: bool
) -> None:
    made = bench.world.now() - timedelta(minutes=minutes)
    labels = {requests.LABEL_ENDPOINT: plan.model, requests.LABEL_REGION: plan.region}
    name = f"planner-{plan.model}-other"
    others = {"name": f"projects/p/secrets/{name}", "labels": labels, "createTime": str(made)}
    bench.world.notes["gcp-secrets"][name] = others
    gone: list[bool] = []

    class Looks(Adapter):
        """Notes what is there when the deploy begins to make its own."""

        def steps(self, spec, context):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
            gone.append(name not in bench.world.notes["gcp-secrets"])
            return super().steps(spec, context)

    bench.deploy(plan, made=Looks())
    assert gone == [removed]


@pytest.mark.long
def test_of_two_machines_of_a_name_in_two_zones_the_younger_gives_way(
    bench: Rig, plan: Plan
) -> None:
    bench.scenario(no_capacity_in=("us-central1-a",))
    bench.deploy(plan, replace(OPTIONS, wait=False))
    # A run that did not see the other in its preflight: its own zone is free.
    machine = bench.world.notes["gce"].pop("us-central1-b/llama-2-70b")
    bench.scenario(no_capacity_in=())

    class Late(Adapter):
        """Its look at the cloud comes before the other machine shows."""

        def steps(self, spec, context):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
            bench.world.notes["gce"]["us-central1-b/llama-2-70b"] = machine
            return super().steps(spec, context)

    with pytest.raises(PlannerError, match="someone else"):
        bench.deploy(plan, made=Late())
    assert list(bench.world.notes["gce"]) == ["us-central1-b/llama-2-70b"]


def test_a_flex_start_machine_needs_an_expiry(bench: Rig, plan: Plan) -> None:
    with pytest.raises(PreflightError, match="1 thing"):
        bench.deploy(plan, replace(OPTIONS, life=None), Adapter("FLEX_START"))
    assert bench.left() == []


@pytest.mark.long
def test_a_spot_machine_that_google_takes_back_is_said_to_be_gone(bench: Rig, plan: Plan) -> None:
    bench.deploy(plan, made=Adapter("SPOT"))
    (machine,) = bench.world.notes["gce"].values()
    assert machine["scheduling"]["provisioningModel"] == "SPOT"
    bench.world.notes["gce"].clear()
    (left,) = Adapter().endpoints(plan.region)
    assert left.state is State.LEFTOVER
    bench.destroy(left.name, plan.region)
    assert bench.left() == []


@pytest.mark.long
def test_a_zone_that_does_not_have_the_machine_leads_to_the_next(bench: Rig, plan: Plan) -> None:
    bench.scenario(not_offered_in=("us-central1-a",))
    bench.deploy(plan)
    assert list(bench.world.notes["gce"]) == ["us-central1-b/llama-2-70b"]


@pytest.mark.long
def test_a_zone_whose_list_is_wrong_leads_to_the_next(bench: Rig, plan: Plan) -> None:
    class Late(Adapter):
        """Its first zone loses the machine once the preflight is over."""

        def steps(self, spec, context):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
            made = super().steps(spec, context)
            bench.scenario(
                denied_actions=("compute.machineTypes.list",), not_offered_in=("us-central1-a",)
            )
            return made

    bench.deploy(plan, made=Late())
    assert list(bench.world.notes["gce"]) == ["us-central1-b/llama-2-70b"]


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("RESOURCE_NOT_FOUND", "'projects/p/zones/z/acceleratorTypes/tesla-v100' was not found"),
        ("400", "Machine type with name 'a2' does not exist in zone 'z'."),
        ("404", "The resource 'projects/p/zones/us-west4-d' was not found"),
    ],
)
def test_not_found_here_is_known_in_all_its_words(code: str, why: str) -> None:
    assert compute.is_not_offered(CloudError("no", code=code, why=why))
    assert not compute.is_not_offered(CloudError("no", code="404", why="instances/x was not found"))


@pytest.mark.long
def test_zones_come_from_the_api_with_the_letters_that_no_table_has(bench: Rig, plan: Plan) -> None:
    del bench
    assert zones.offering("n1-standard-8+1xnvidia-tesla-t4", "us-central1") is not None
    assert "us-central1-f" in zones.to_try(
        replace(plan, instance_type="n1-standard-8+1xnvidia-tesla-t4"), "us-central1"
    )


def test_where_zones_may_not_be_listed_the_table_stands_in(bench: Rig, plan: Plan) -> None:
    bench.scenario(denied_actions=("compute.machineTypes.list",))
    assert zones.offering(plan.instance_type, "us-central1") is None
    assert zones.to_try(plan, "us-central1") == zones.zones(plan.instance_type, "us-central1")
    unknown = replace(plan, instance_type="a9-new-8g")
    assert [zone[-1] for zone in zones.to_try(unknown, "us-east4")] == ["a", "b", "c", "d", "f"]


@pytest.mark.long
def test_a_project_without_a_default_network_is_asked_for_its_own(
    bench: Rig, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.scenario(gcp_networks=())
    with pytest.raises(PreflightError, match="1 thing") as caught:
        bench.deploy(plan)
    assert "networks create" in caught.value.advice
    bench.scenario(gcp_networks=("corp", "lab"))
    with pytest.raises(PreflightError) as caught:
        bench.deploy(plan)
    assert caught.value.advice == "export PLANNER_GCP_NETWORK=NAME"
    monkeypatch.setenv("PLANNER_GCP_NETWORK", "lab")
    bench.deploy(plan)
    (machine,) = bench.world.notes["gce"].values()
    (card,) = machine["networkInterfaces"]
    assert card["network"] == "global/networks/lab"
    assert card["subnetwork"] == "regions/us-central1/subnetworks/lab-us-central1"
    assert set(bench.world.notes["gcp-firewalls"]) == {
        "planner-endpoint-closed-lab",
        "planner-endpoint-iap-lab",
    }


@pytest.mark.long
def test_the_only_network_of_a_project_is_taken(bench: Rig, plan: Plan) -> None:
    bench.scenario(gcp_networks=("corp",))
    bench.deploy(plan)
    (machine,) = bench.world.notes["gce"].values()
    assert machine["networkInterfaces"][0]["network"] == "global/networks/corp"
