"""What a sweep finds, and what it leaves alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from planner.endpoints.model import Endpoint, State
from planner.endpoints.watching import sweeping
from planner.endpoints.watching.locate import Found
from planner.endpoints.watching.sweeping import Reason
from planner.errors import CloudError
from planner.ledger import Resource

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
GOOD = Endpoint(
    name="good",
    cloud="aws",
    service="ec2",
    region="us-east-1",
    state=State.IN_SERVICE,
    owner="ada",
    hourly_usd=Decimal("8.29"),
    expires_at=NOW + timedelta(hours=1),
    guarded=True,
)


def noted(**changes: object) -> Resource:
    made = Resource(
        id="us-east-1/ec2-endpoint/gone/1",
        endpoint="gone",
        cloud="aws",
        account="1",
        region="us-east-1",
        kind="ec2:endpoint",
        recorded_at=NOW - timedelta(hours=9),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, None),
        ({"state": State.LEFTOVER, "guarded": False}, Reason.LEFTOVER),
        ({"state": State.FAILED, "occupied": True}, Reason.FAILED),
        ({"expires_at": NOW - timedelta(seconds=1)}, Reason.OVERDUE),
        ({"guarded": False}, Reason.UNGUARDED),
        ({"guarded": False, "expires_at": None}, Reason.UNGUARDED),
        ({"guarded": False, "state": State.DELETING}, Reason.UNGUARDED),
        ({"guarded": False, "state": State.GONE}, None),
    ],
)
def test_each_thing_has_its_reason(changes: dict[str, object], reason: Reason | None) -> None:
    seen = replace(GOOD, **changes)  # type: ignore[arg-type]
    found = sweeping.findings([seen], [], lambda _: NOW)
    assert [item.reason for item in found] == ([] if reason is None else [reason])
    assert all(item.removable is (reason is not Reason.UNGUARDED) for item in found)


def test_what_costs_money_comes_first_and_the_ledger_says_who_made_it() -> None:
    free = replace(GOOD, name="a-leftover", state=State.LEFTOVER)
    dear = replace(GOOD, name="b-overdue", expires_at=NOW - timedelta(hours=1))
    found = sweeping.findings([free, dear], [noted(endpoint="b-overdue")], lambda _: NOW)
    assert [(item.endpoint.name, item.known) for item in found] == [
        ("b-overdue", True),
        ("a-leftover", False),
    ]


@pytest.mark.parametrize(
    ("entry", "found", "simulated", "is_lost"),
    [
        (noted(), Found(()), False, True),
        (noted(), Found((replace(GOOD, name="gone"),)), False, False),
        (noted(recorded_at=NOW - timedelta(hours=1)), Found(()), False, False),  # may be starting
        (noted(), Found((), (("us-east-1", CloudError("no answer")),)), False, False),
        (noted(), Found((), (("ec2", CloudError("no answer")),)), False, False),
        (noted(), Found(()), True, False),
        (noted(id="sandbox/us-east-1/x"), Found(()), True, True),
        (noted(id="sandbox/us-east-1/x"), Found(()), False, False),
        (noted(cloud="local", region="local"), Found(()), False, False),
    ],
)
def test_the_ledger_forgets_only_what_is_surely_gone(
    entry: Resource, found: Found, *, simulated: bool, is_lost: bool
) -> None:
    assert sweeping.lost(found, [entry], NOW, simulated=simulated) == ([entry] if is_lost else [])
