"""Google Cloud quotas: the card, all GPUs, all CPUs; Spot apart; new cards per family."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from planner.clouds import pacing
from planner.pricing import instance_types
from planner.quotas import checking, tracker
from planner.quotas.interface import adapter
from planner.quotas.model import Demand, DemandCheck, Verdict
from planner.sandbox import scenarios

if TYPE_CHECKING:
    from planner.sandbox.server import Sandbox

HERE = "us-central1"


def demand(name: str, region: str = HERE, **changes: Any) -> Demand:
    return Demand.of(instance_types.bundled().get(name), region, **changes)


def check(name: str, region: str = HERE, **changes: Any) -> DemandCheck:
    return checking.check([demand(name, region, **changes)])[0]


def turn(sandbox: Sandbox, **knobs: object) -> None:
    sandbox.world.reset(replace(scenarios.get("new-account"), **knobs))


@pytest.mark.parametrize(
    ("name", "spot", "quota", "dimensions"),
    [
        ("a2-highgpu-1g", False, "NVIDIA-A100-GPUS-per-project-region", {}),
        ("a2-ultragpu-1g", False, "NVIDIA-A100-80GB-GPUS-per-project-region", {}),
        (
            "a3-highgpu-8g",
            False,
            "GPUS-PER-GPU-FAMILY-per-project-region",
            {"gpu_family": "NVIDIA_H100"},
        ),
        ("a3-highgpu-8g", True, "PREEMPTIBLE-NVIDIA-H100-GPUS-per-project-region", {}),
        ("g2-standard-96", True, "PREEMPTIBLE-NVIDIA-L4-GPUS-per-project-region", {}),
        ("n1-standard-8+1xnvidia-tesla-t4", False, "NVIDIA-T4-GPUS-per-project-region", {}),
        ("n1-standard-8+1xnvidia-tesla-v100", False, "NVIDIA-V100-GPUS-per-project-region", {}),
        ("n1-standard-8+1xnvidia-tesla-p100", False, "NVIDIA-P100-GPUS-per-project-region", {}),
    ],
)
def test_each_card_has_its_quota(
    sandbox: Sandbox, name: str, quota: str, dimensions: dict[str, str], *, spot: bool
) -> None:
    del sandbox
    first, gpus, *cpus = check(name, spot=spot).checks
    assert first.quota.quota_id == quota
    assert dict(first.quota.dimensions) == {"region": HERE, **dimensions}
    assert first.limit == 0
    assert gpus.quota.quota_id == "GPUS-ALL-REGIONS-per-project"
    # Machines that bring their cards need no CPU quota; N1 machines do.
    assert [c.quota.quota_id for c in cpus] == (
        ["CPUS-per-project-region", "CPUS-ALL-REGIONS-per-project"]
        if name.startswith("n1-")
        else []
    )


def test_the_cap_of_the_project_binds_as_well(sandbox: Sandbox) -> None:
    card = "NVIDIA-A100-80GB-GPUS-per-project-region"
    sandbox.world.limits["gcp", HERE, card, (("region", HERE),)] = 2
    assert [c.quota.quota_id for c in check("a2-ultragpu-2g").short] == [
        "GPUS-ALL-REGIONS-per-project"
    ]
    sandbox.world.limits["gcp", "", "GPUS-ALL-REGIONS-per-project", ()] = 2
    assert check("a2-ultragpu-2g").verdict is Verdict.ENOUGH
    assert check("a2-ultragpu-2g", "us-east4").verdict is Verdict.SHORT


def instance(sandbox: Sandbox, name: str, **changes: Any) -> None:
    sandbox.world.notes["gce"][name] = {
        "name": name,
        "status": "RUNNING",
        "zone": f"{HERE}-a",
        "machineType": f"https://x/zones/{HERE}-a/machineTypes/a3-highgpu-8g",
        "scheduling": {},
        **changes,
    }


def test_new_cards_in_use_are_counted_from_the_instances(sandbox: Sandbox) -> None:
    turn(sandbox, gpu_instances=2)
    instance(sandbox, "one")
    instance(sandbox, "stopped", status="TERMINATED")
    instance(sandbox, "spot", scheduling={"provisioningModel": "SPOT"})
    instance(sandbox, "elsewhere", zone="us-east4-b")
    assert check("a3-highgpu-8g").checks[0].usage == 8
    assert check("a3-highgpu-8g", spot=True).checks[0].usage == 8


def test_old_cards_in_use_are_read_from_the_region(sandbox: Sandbox) -> None:
    turn(sandbox, gpu_instances=1)
    key = ("gcp", HERE, "NVIDIA-L4-GPUS-per-project-region", (("region", HERE),))
    sandbox.world.usage[key] = 3
    found = check("g2-standard-96").checks[0]
    assert (found.usage, found.limit, found.short_by) == (3, 8, 3)


def test_a_part_of_a_card_is_unknown(sandbox: Sandbox) -> None:
    turn(sandbox, gpu_instances=1)
    assert check("g4-standard-6").verdict is Verdict.UNKNOWN


def test_a_quota_that_google_does_not_list_is_unknown(sandbox: Sandbox) -> None:
    turn(sandbox, gpu_instances=1)
    strange = replace(demand("a2-ultragpu-1g"), accelerator="Z99")
    (found,) = checking.check([strange])
    assert found.verdict is Verdict.UNKNOWN
    assert "Google lists no quota NVIDIA-Z99-GPUS-per-project-region" in found.reason


@pytest.mark.parametrize(
    "reason", ["NO_VALID_BILLING_ACCOUNT", "NOT_SUPPORTED", "NOT_ENOUGH_USAGE_HISTORY", "OTHER"]
)
def test_an_ineligible_quota_is_not_asked_for(sandbox: Sandbox, reason: str) -> None:
    turn(sandbox, ineligible=reason)
    found = check("a2-ultragpu-1g")
    assert reason in found.short[0].fixed
    with pytest.raises(tracker.QuotaShortError, match="pointless"):
        tracker.refuse_pointless(tracker.asks(found)[0])
    assert not sandbox.world.requests


def test_a_fixed_quota_is_not_asked_for(sandbox: Sandbox) -> None:
    turn(sandbox, adjustable=False)
    assert "fixed" in check("a2-ultragpu-1g").short[0].fixed


def test_an_api_that_is_off_is_unknown_with_the_command_to_enable_it(sandbox: Sandbox) -> None:
    turn(sandbox, api_enabled=False)
    found = check("a2-ultragpu-1g")
    assert found.verdict is Verdict.UNKNOWN
    assert found.advice == "gcloud services enable cloudquotas.googleapis.com"


def test_many_regions_take_as_many_calls_as_one(sandbox: Sandbox) -> None:
    del sandbox
    regions = ("us-central1", "us-east1", "us-east4", "europe-west4", "asia-southeast1")
    checking.check(
        [demand("a2-ultragpu-1g", region) for region in regions],
        adapters={"gcp": adapter("gcp")},
    )
    assert pacing.calls() == {("gcp", "cloudquotas"): 2, ("gcp", "compute"): 2}
