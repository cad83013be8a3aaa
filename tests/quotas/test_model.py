"""Verdicts: short is certain, missing is unknown, and every binding quota counts."""

from __future__ import annotations

import math
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from planner.quotas.model import Check, Demand, DemandCheck, Quota, Verdict

QUOTA = Quota("aws", "ec2", "us-east-1", "L-417A185B", "Running On-Demand P instances", "vCPU")
DEMAND = Demand(
    cloud="aws",
    service="ec2",
    region="us-east-1",
    instance_type="p5.48xlarge",
    accelerator="H100",
    accelerator_count=8,
    vcpus=192,
    quota_family="",
)
amounts = st.integers(0, 10_000)
known = st.integers(0, 10_000).map(float)


@given(amounts, known, known)
def test_the_smallest_target_is_just_enough(need: int, limit: float, usage: float) -> None:
    check = Check(QUOTA, need, limit, usage)
    granted = replace(check, limit=float(check.target))
    assert granted.verdict is Verdict.ENOUGH
    if need + usage > 0:
        assert replace(granted, limit=granted.limit - 1).verdict is Verdict.SHORT


@given(amounts, known, known)
def test_short_by_is_what_is_missing(need: int, limit: float, usage: float) -> None:
    check = Check(QUOTA, need, limit, usage)
    assert (check.verdict is Verdict.SHORT) == (check.short_by > 0)
    assert replace(check, limit=limit + check.short_by).verdict is Verdict.ENOUGH


@given(amounts)
def test_a_missing_quota_is_unknown_and_not_zero(need: int) -> None:
    check = Check(QUOTA, need, None, 0)
    assert check.verdict is Verdict.UNKNOWN
    assert check.short_by == 0


@given(st.integers(1, 100), known)
def test_unknown_use_leaves_only_short_certain(need: int, limit: float) -> None:
    verdict = Check(QUOTA, need, limit, None).verdict
    assert verdict is (Verdict.SHORT if need > limit else Verdict.UNKNOWN)


def test_no_limit_is_enough() -> None:
    assert Check(QUOTA, 192, math.inf, 1000.0).verdict is Verdict.ENOUGH


enough = Check(QUOTA, 1, 9.0, 0.0)
short = Check(QUOTA, 9, 1.0, 0.0)
unknown = Check(QUOTA, 1, None, why="AWS lists no quota")


def test_every_binding_quota_counts() -> None:
    assert DemandCheck(DEMAND, (enough, enough)).verdict is Verdict.ENOUGH
    assert DemandCheck(DEMAND, (enough, unknown)).verdict is Verdict.UNKNOWN
    assert DemandCheck(DEMAND, (enough, unknown, short)).verdict is Verdict.SHORT
    assert DemandCheck(DEMAND).verdict is Verdict.UNKNOWN


def test_a_closed_door_is_not_deployable_however_large_the_quota() -> None:
    check = DemandCheck(DEMAND, (enough,), closed="NotAvailableForSubscription")
    assert check.verdict is Verdict.ENOUGH
    assert not check.deployable
    assert check.reason == "NotAvailableForSubscription"


def test_the_unit_is_converted_in_words() -> None:
    assert Check(QUOTA, 192).in_machines(DEMAND) == "192 vCPU = 1 x p5.48xlarge"
