"""The shortest way: room now, else few, small, cheap requests."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from planner.errors import UnknownNameError, UsageError
from planner.ledger import QuotaRequest
from planner.planning import Request, compare
from planner.quotas import checking, demands, verdicts, ways
from planner.quotas.model import Check, DemandCheck, Quota, Verdict
from planner.quotas.ways import Ready

if TYPE_CHECKING:
    from planner.plan import Plan
    from planner.quotas.model import Demand
    from planner.sandbox.server import Sandbox


@pytest.fixture(scope="module")
def plans() -> dict[Demand, Plan]:
    return demands.of_plans(compare(Request("llama-2-70b", every_region=True)).plans)


def answer(demand: Demand, *, limits: tuple[float | None, ...], **more: Any) -> DemandCheck:
    quotas = tuple(
        Check(
            Quota(demand.cloud, demand.service, demand.region, f"{demand.region}-{n}", "", "vCPU"),
            need=10,
            limit=limit,
            usage=0,
            fixed=more.pop("fixed", ""),
        )
        for n, limit in enumerate(limits)
    )
    return DemandCheck(demand, quotas, **more)


def test_plans_become_demands_with_their_machines(plans: dict[Demand, Plan]) -> None:
    assert {demand.cloud for demand in plans} == {"aws", "azure", "gcp"}
    for demand, plan in plans.items():
        assert (demand.instance_type, demand.region, demand.instances) == (
            plan.instance_type,
            plan.region,
            plan.instances,
        )
        assert demand.model == "llama-2-70b"


def test_more_machines_cost_and_need_more(plans: dict[Demand, Plan]) -> None:
    plan = next(iter(plans.values()))
    ((demand, _),) = demands.of_plans([plan], instances=3).items()
    assert demand.instances == 3
    (way,) = ways.ways([answer(demand, limits=(0,))], {demand: plan})
    assert way.hourly_usd == 3 * plan.on_demand_hourly_usd / plan.instances


def test_what_has_room_comes_first_and_then_the_fewest_requests(
    plans: dict[Demand, Plan],
) -> None:
    first, second, third, fourth, fifth = list(plans)[:5]
    found = ways.ways(
        [
            answer(first, limits=(100,), closed="restricted"),
            answer(second, limits=(None,)),
            answer(third, limits=(0, 0)),
            answer(fourth, limits=(0, 100)),
            answer(fifth, limits=(100, 100)),
        ],
        plans,
    )
    assert [(way.ready, way.check.demand) for way in found] == [
        (Ready.NOW, fifth),
        (Ready.REQUEST, fourth),
        (Ready.REQUEST, third),
        (Ready.UNKNOWN, second),
        (Ready.CLOSED, first),
    ]
    assert [way.requests for way in found] == [0, 1, 2, 0, 0]


def test_among_single_requests_the_smallest_step_wins_and_then_the_price(
    plans: dict[Demand, Plan],
) -> None:
    found = ways.ways([answer(demand, limits=(0,)) for demand in plans], plans)
    keys = [(way.check.demand.gpus, way.hourly_usd) for way in found if way.hourly_usd is not None]
    assert keys == sorted(keys)


def test_a_quota_that_cannot_be_raised_is_closed(plans: dict[Demand, Plan]) -> None:
    demand = next(iter(plans))
    (way,) = ways.ways([answer(demand, limits=(0,), fixed="not eligible")], plans)
    assert way.ready is Ready.CLOSED


def test_alternatives_do_not_need_what_was_denied(plans: dict[Demand, Plan]) -> None:
    found = ways.ways([answer(demand, limits=(0,)) for demand in plans], plans)
    denied = found[0].check.demand
    request = QuotaRequest(
        cloud=denied.cloud,
        account="a",
        region=denied.region,
        service=denied.service,
        quota_id=f"{denied.region}-0",
        quota_name="",
        unit="vCPU",
        desired=10,
        filed_at=datetime.now(UTC),
    )
    others = ways.alternatives(found, request)
    assert len(others) == 3
    assert len({way.check.demand.instance_type for way in others}) == 3
    assert all(way.check.demand.region != denied.region for way in others)
    assert all(way.hourly_usd is not None for way in others)


@pytest.mark.long
def test_verdicts_are_given_by_what_tells_plans_apart(
    sandbox: Sandbox, plans: dict[Demand, Plan]
) -> None:
    sandbox.world.limits["aws", "us-east-1", "L-DB2E81BA", ()] = 48
    found = verdicts([plan for plan in plans.values() if plan.region == "us-east-1"])
    assert found["ec2", "g6e.12xlarge", "us-east-1", 1].verdict is Verdict.ENOUGH
    assert found["ec2", "g6.48xlarge", "us-east-1", 1].verdict is Verdict.SHORT


def test_regions_of_other_clouds_are_left_out() -> None:
    found = demands.of_instance_types(
        ["p5.48xlarge", "a3-highgpu-8g"], wanted_regions=["us-east-1", "us-central1"]
    )
    assert [(d.instance_type, d.region) for d in found] == [
        ("p5.48xlarge", "us-east-1"),
        ("a3-highgpu-8g", "us-central1"),
    ]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"names": ["p9.48xlarge"]}, UnknownNameError),
        ({"names": ["p5.48xlarge"], "wanted_regions": ["mars-1"]}, UnknownNameError),
        ({"names": ["p5.48xlarge"], "wanted_regions": ["eastus"]}, UsageError),
        ({"names": ["ml.p5.48xlarge"], "spot": True}, UsageError),
        ({"names": ["p5.48xlarge"], "managed": True}, UsageError),
    ],
)
def test_what_makes_no_sense_is_one_clear_error(
    arguments: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        demands.of_instance_types(**arguments)


@pytest.mark.long
def test_a_whole_comparison_is_checked_within_the_rates(
    sandbox: Sandbox, plans: dict[Demand, Plan]
) -> None:
    checks = checking.check(list(plans))
    assert len(checks) == len(plans)
    assert {check.verdict for check in checks} <= {Verdict.SHORT, Verdict.UNKNOWN}
    assert sum(sandbox.world.calls.values()) < 250
