"""Azure quotas through the azure-mgmt SDKs: regional, family, Spot, Azure ML, closed SKUs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from planner.pricing import instance_types
from planner.quotas import checking, demands, tracker
from planner.quotas.model import Demand, DemandCheck, Verdict
from planner.sandbox import scenarios

if TYPE_CHECKING:
    from planner.sandbox.server import Sandbox

A100 = "Standard_NC24ads_A100_v4"
T4 = "Standard_NC4as_T4_v3"


def check(name: str, region: str = "eastus", **changes: Any) -> DemandCheck:
    item = instance_types.bundled().get(name)
    return checking.check([Demand.of(item, region, **changes)])[0]


def turn(sandbox: Sandbox, **knobs: object) -> None:
    sandbox.world.reset(replace(scenarios.get("new-account"), **knobs))


def test_the_region_and_the_family_must_both_have_room(sandbox: Sandbox) -> None:
    found = check(A100)
    assert [(c.quota.quota_id, c.limit, c.short_by) for c in found.checks] == [
        ("cores", 20, 4),
        ("StandardNCADSA100v4Family", 0, 24),
    ]
    sandbox.world.limits["azure", "eastus", "standardncadsa100v4family", ()] = 24
    assert check(A100).verdict is Verdict.SHORT
    sandbox.world.limits["azure", "eastus", "cores", ()] = 24
    assert check(A100).verdict is Verdict.ENOUGH


def test_the_regional_quota_is_raised_first(sandbox: Sandbox) -> None:
    del sandbox
    first, second = tracker.asks(check(A100))
    assert (first.check.quota.quota_id, second.check.quota.region) == ("cores", "eastus")


def test_a_family_spelled_with_spaces_is_found(sandbox: Sandbox) -> None:
    sandbox.world.limits["azure", "eastus", "standardncasv3_t4family", ()] = 8
    found = check(T4)
    assert [c.quota.quota_id for c in found.checks] == ["cores", "Standard NCASv3_T4 Family"]
    assert found.verdict is Verdict.ENOUGH


def test_spot_counts_in_the_low_priority_bucket_alone(sandbox: Sandbox) -> None:
    found = check(T4, spot=True)
    assert [(c.quota.quota_id, c.limit) for c in found.checks] == [("lowPriorityCores", 3)]
    sandbox.world.limits["azure", "eastus", "lowprioritycores", ()] = 4
    assert check(T4, spot=True).verdict is Verdict.ENOUGH


def test_what_is_in_use_counts(sandbox: Sandbox) -> None:
    turn(sandbox, gpu_instances=1)
    sandbox.world.usage["azure", "eastus", "standardncadsa100v4family", ()] = 120
    found = check(A100)
    assert (found.checks[1].usage, found.checks[1].limit, found.checks[1].short_by) == (
        120,
        128,
        16,
    )


def test_a_restricted_sku_is_closed_and_not_asked_for(sandbox: Sandbox) -> None:
    sandbox.world.reset(scenarios.get("restricted"))
    found = check(A100)
    assert "NotAvailableForSubscription" in found.closed
    with pytest.raises(tracker.QuotaShortError, match="more quota does not help"):
        tracker.asks(found)
    assert not check(A100, "westus2").closed


def test_unregistered_providers_list_nothing_which_is_unknown(sandbox: Sandbox) -> None:
    turn(sandbox, providers_registered=False)
    found = check(A100)
    assert found.verdict is Verdict.UNKNOWN
    assert "az provider register" in found.reason


def test_without_the_right_to_list_sizes_the_family_comes_from_the_table(
    sandbox: Sandbox,
) -> None:
    turn(sandbox, denied_actions=("Microsoft.Compute/skus/read",))
    assert check(A100).checks[1].quota.quota_id == "StandardNCADSA100v4Family"


def test_a_size_whose_family_is_not_public_takes_it_from_the_api(sandbox: Sandbox) -> None:
    del sandbox
    family = check("Standard_ND96is_H100_v5").checks[1]
    assert family.limit == 0
    assert family.verdict is Verdict.SHORT


def test_azure_ml_has_counters_of_its_own(sandbox: Sandbox) -> None:
    turn(sandbox, gpu_instances=1)
    sandbox.world.limits["azure", "eastus", "cores", ()] = 0
    (asked,) = demands.of_instance_types([A100], wanted_regions=["eastus"], managed=True)
    (found,) = checking.check([asked])
    assert [c.quota.quota_id for c in found.checks] == [
        "TotalDedicatedCores",
        "StandardNCADSA100v4Family",
    ]
    assert found.verdict is Verdict.ENOUGH, "Compute's regional limit does not bind Azure ML"
