"""The hunt for room: laws of trying in turn, whatever fails where."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.endpoints.deploying import hunt
from planner.endpoints.deploying.choices import Attempt, Result
from planner.endpoints.deploying.lifecycle import RollbackIncompleteError
from planner.endpoints.deploying.places import in_turn
from planner.endpoints.deploying.preflight import Finding, PreflightError, Status
from planner.errors import (
    CapacityError,
    CloudError,
    InterruptedByUserError,
    NoCredentialsError,
    NotEnabledError,
    PlannerError,
    QuotaShortError,
    UsageError,
)
from planner.planning import Request, compare
from planner.quotas.model import Check, Demand, DemandCheck, Quota

if TYPE_CHECKING:
    from planner.plan import Plan


@pytest.fixture(scope="module")
def plans() -> list[Plan]:
    """Plans of three clouds, cheapest first."""
    services = ("sagemaker", "gce", "azure-vm")
    request = Request("llama-2-70b", services=services, max_instances=1, every_region=True)
    return [plan for plan in compare(request).plans if plan.on_demand_hourly_usd is not None]


@dataclass(frozen=True)
class Place:
    """What the loop needs of a prepared deployment."""

    number: int
    cloud: str

    @property
    def spec(self) -> Any:
        return SimpleNamespace(plan=self)


def preflight(check: str, error: type[PlannerError] = PlannerError) -> PreflightError:
    return PreflightError(
        [Finding(check, Status.BAD, f"{check} is not as it should be", "", error)]
    )


FAILURES = {
    "room": None,
    "full": CapacityError("full"),
    "quota": QuotaShortError("short"),
    "region": NotEnabledError("off"),
    "preflight": preflight("container"),
    "signed out": NoCredentialsError("nobody"),
}


class Cloud:
    """Places that start or fail as told; knows what exists at any time."""

    def __init__(self, ways: list[str]) -> None:
        self.ways = ways
        self.billed: set[int] = set()
        self.asked: list[int] = []

    def attempt(self, place: Place) -> int:
        assert not self.billed, "two at once"
        self.asked.append(place.number)
        self.billed.add(place.number)
        error = FAILURES[self.ways[place.number]]
        if error is not None:
            self.billed.discard(place.number)
            raise error
        return place.number


@given(
    st.lists(
        st.tuples(st.sampled_from(sorted(FAILURES)), st.sampled_from(["aws", "azure", "gcp"])),
        max_size=12,
    )
)
def test_the_hunt_ends_on_the_cheapest_place_with_room_and_leaves_nothing_elsewhere(
    course: list[tuple[str, str]],
) -> None:
    # Whoever is not signed in to a cloud is not signed in anywhere in it.
    out = {cloud for way, cloud in course if way == "signed out"}
    ways = ["signed out" if cloud in out else way for way, cloud in course]
    cloud = Cloud(ways)
    places: Any = [Place(number, name) for number, (_, name) in enumerate(course)]
    failed: list[Attempt] = []
    told: list[Attempt] = []
    if "room" not in ways:
        with pytest.raises(CapacityError):
            in_turn(places, cloud.attempt, lambda: None, told.append, failed)
        assert not cloud.billed
        assert len(failed) == len(course)
    else:
        won = in_turn(places, cloud.attempt, lambda: None, told.append, failed)
        assert won == ways.index("room")
        assert cloud.billed == {won}
        assert len(failed) == won
    assert told == failed
    # A cloud that nobody is signed in to is asked once.
    asked = [course[number][1] for number in cloud.asked if ways[number] == "signed out"]
    assert len(asked) == len(set(asked))


@pytest.mark.parametrize(
    "error",
    [
        CloudError("the container does not start"),
        RollbackIncompleteError(CapacityError("full"), [], "planner destroy it"),
        InterruptedByUserError("stop"),
        preflight("licence", UsageError),
        preflight("token", NoCredentialsError),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_would_come_again_or_may_be_billed_ends_the_hunt(error: PlannerError) -> None:
    asked = []

    def attempt(place: Place) -> None:
        asked.append(place)
        raise error

    places: Any = [Place(0, "aws"), Place(1, "gcp")]
    with pytest.raises(type(error)):
        in_turn(places, attempt, lambda: None, lambda _: None, [])
    assert len(asked) == 1


def test_nothing_is_tried_after_an_interruption() -> None:
    def interrupted() -> None:
        raise InterruptedByUserError("stop")

    places: Any = [Place(0, "aws")]
    with pytest.raises(InterruptedByUserError):
        in_turn(places, lambda _: pytest.fail("tried"), interrupted, lambda _: None, [])


def verdict(plan: Plan, limit: float | None, closed: str = "") -> DemandCheck:
    demand = Demand(
        plan.cloud, plan.service, plan.region, plan.instance_type, plan.accelerator, 1, 8, ""
    )
    quota = Quota(plan.cloud, plan.service, plan.region, "id", "machines", "instances")
    return DemandCheck(demand, (Check(quota, 1, limit, 0),), closed=closed)


def key(plan: Plan) -> tuple[str, str, str, int]:
    return plan.service, plan.instance_type, plan.region, plan.instances


@given(st.data())
def test_what_has_quota_comes_first_in_price_order_and_what_is_short_not_at_all(
    plans: list[Plan], data: st.DataObject
) -> None:
    few = plans[:8]
    limits = data.draw(st.lists(st.sampled_from([None, 0, 5]), min_size=8, max_size=8))
    verdicts = {key(p): verdict(p, n) for p, n in zip(few, limits, strict=True)}
    to_try, short = hunt.by_quota(few, verdicts)
    by = {n: [p for p, limit in zip(few, limits, strict=True) if limit == n] for n in limits}
    assert to_try == [*by.get(5, []), *by.get(None, [])]
    assert [item.plan for item in short] == by.get(0, [])
    assert all(item.result is Result.PASSED_OVER for item in short)
    assert all("planner quota request" in item.error.advice for item in short)


def test_a_closed_type_is_passed_over_and_a_quota_nobody_asked_about_is_tried(
    plans: list[Plan],
) -> None:
    closed, unasked = plans[:2]
    why = "the subscription may not use it there"
    to_try, passed = hunt.by_quota([closed, unasked], {key(closed): verdict(closed, 9, why)})
    assert to_try == [unasked]
    assert str(passed[0].error) == why


def test_nowhere_says_what_was_tried_and_exits_as_the_first_reason_does(plans: list[Plan]) -> None:
    full = Attempt(plans[0], CapacityError("full up"), Result.NO_ROOM)
    short = Attempt(plans[1], QuotaShortError("0 of 1", advice="ask"), Result.PASSED_OVER)
    both = hunt.NowhereError([short, full], "llama-2-70b")
    assert both.exit_code == 6
    assert str(both) == "no room in 1 place tried (1 more passed over)"
    assert both.why == f"{plans[0].instance_type} in {plans[0].region}: full up"
    assert "--keep-trying" in both.advice
    none = hunt.NowhereError([short], "llama-2-70b")
    assert (none.exit_code, none.advice) == (4, "ask")
    assert "nothing was made" in str(none)


def test_the_most_that_may_be_billed_is_of_the_dearest_places(plans: list[Plan]) -> None:
    prices = [Decimal(3), Decimal(9), Decimal(5)]
    ready: Any = tuple(
        SimpleNamespace(spec=SimpleNamespace(plan=replace(plans[0], on_demand_hourly_usd=price)))
        for price in prices
    )
    found = hunt.Survey(ready)
    assert found.most_hourly_usd() == 9
    assert found.most_hourly_usd(race=2) == 14
    assert found.most_hourly_usd(race=9) == 17
