"""Calls stay within the documented rates, and are counted."""

from __future__ import annotations

import time

import pytest

from planner.clouds import pacing

GET = "service-quotas:GetServiceQuota"


@pytest.fixture(autouse=True)
def fresh() -> None:
    pacing.reset()


def test_more_than_the_burst_waits_for_the_rate() -> None:
    start = time.monotonic()
    for _ in range(7):
        pacing.pace("aws", GET, "us-east-1")
    # Five at once, then five a second: the seventh is sent after 0.4 s.
    assert 0.3 < time.monotonic() - start < 1.5
    assert pacing.calls() == {("aws", GET): 7}


def test_each_region_has_a_rate_of_its_own() -> None:
    start = time.monotonic()
    for region in ("us-east-1", "us-west-2", "eu-west-1"):
        for _ in range(5):
            pacing.pace("aws", GET, region)
    assert time.monotonic() - start < 0.3


def test_a_call_without_a_documented_rate_is_only_counted() -> None:
    start = time.monotonic()
    for _ in range(100):
        pacing.pace("aws", "ec2:DescribeInstances", "us-east-1")
    assert time.monotonic() - start < 0.3
    assert pacing.calls() == {("aws", "ec2:DescribeInstances"): 100}
