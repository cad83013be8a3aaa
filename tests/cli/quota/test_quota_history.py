"""How full quotas were: written down by checks, shown by history, with an alarm."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from planner.sandbox.aws.ec2_capacity import reservations

if TYPE_CHECKING:
    from tests.cli.quota.conftest import Typed

P5 = ("--instance-type", "p5.48xlarge", "--region", "us-east-1")


def reserve(typed: Typed, count: int) -> None:
    reservations(typed.world, "us-east-1").append(
        {
            "CapacityReservationId": f"cr-{count}",
            "OwnerId": "123456789012",
            "InstanceType": "p5.48xlarge",
            "TotalInstanceCount": count,
            "State": "active",
        }
    )


@pytest.mark.long
def test_checks_keep_the_record_and_the_day_it_is_full_is_told(typed: Typed) -> None:
    typed.turn(gpu_instances=10)  # 1,920 vCPU
    reserve(typed, 2)
    typed.quota("check", *P5)
    typed.world.clock.advance(timedelta(days=2))
    reserve(typed, 4)
    typed.quota("check", *P5)
    typed.quota("check", *P5)  # nothing has changed, so nothing is written
    (row,) = typed.json("history")
    assert (row["usage"], row["limit"], row["looks"]) == (1152, 1920, 2)
    assert row["share"] == 0.6
    assert row["days_left"] == 2
    assert typed.json("history", "--cloud=gcp") == []


@pytest.mark.long
def test_the_alarm_rings_before_the_limit(typed: Typed) -> None:
    typed.turn(gpu_instances=10)
    reserve(typed, 8)
    assert "ALARM" not in typed.quota("check", *P5, "--alarm", "90%")
    assert "80% in use (1536 of 1920 vCPU)" in typed.quota("check", *P5, "--alarm=80%", code=7)
    assert "ALARM" in typed.quota("history", "--alarm=80%", code=7)
    assert "no share" in typed.quota("check", *P5, "--alarm=900%", code=2)
