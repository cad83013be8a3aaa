"""Campaigns: several places, refusals, weeks; stopped and resumed at any point."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from planner.ledger import Ledger
from planner.quotas.campaign import COOL_DOWN

if TYPE_CHECKING:
    from tests.cli.quota.conftest import Typed

PLANNER = Path(sys.executable).with_name("planner")
ADA = (
    "--contact-first-name=Ada",
    "--contact-last-name=Lovelace",
    "--contact-country=GBR",
)
BEGIN = ("campaign", "llama-2-70b", *ADA, "--yes")
# What the clouds do with what is filed from that day on; two weeks, three clouds.
COURSE = {
    0: "partial",
    1: "partial",
    3: "denied",
    4: "denied",
    6: "case-closed",
    8: "denied",
    9: "needs-human",
    11: "denied",
    14: "approved",
    17: "approved",
}
KILLED = {0, 3, 6, 9, 11}


def look(typed: Typed, *, code: int) -> Any:
    return typed.json(*BEGIN, code=code)


def killed(typed: Typed) -> None:
    """Begin a look, and kill it as soon as a request has arrived in a cloud."""
    before = len(typed.world.requests)
    command = [PLANNER, "--sandbox", "quota", *BEGIN]
    with subprocess.Popen(
        command, env=typed.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as child:
        while child.poll() is None and len(typed.world.requests) <= before:
            time.sleep(0.005)
        child.kill()


@pytest.mark.long
def test_two_weeks_of_refusals_over_three_clouds_stopped_five_times(typed: Typed) -> None:
    typed.turn(outcome="partial", azure_refusal="ContactSupport", ticket_outcome="denied")
    seen: dict[tuple[str, str], str] = {}
    today = 0
    for day, outcome in COURSE.items():
        typed.world.clock.advance(timedelta(days=day - today))
        today = day
        typed.set(outcome=outcome, ticket_outcome="approved" if day > 11 else "denied")
        if day in KILLED:
            killed(typed)
        done = subprocess.run(
            [PLANNER, "--sandbox", "quota", *BEGIN, "--format=json"],
            env=typed.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode in {0, 8, 9}, done.stderr
        state = json.loads(done.stdout)["state"]
        seen |= {(r.key[0], r.id): r.key[2] for r in typed.world.requests}
        if state == "landed":
            break
    assert state == "landed"
    with Ledger() as ledger:
        rows = ledger.requests()
    # None lost, none twice: every request of the clouds is in the ledger once.
    written = Counter(row.native_id.replace("-", "") for row in rows if row.cloud != "gcp")
    filed = [r for r in typed.world.requests if r.key[0] == "aws" or "ticket" not in r.details]
    for request in filed:
        if request.key[0] != "gcp":
            assert written[request.id] == 1, (request.key, request.outcome)
    assert {cloud for cloud, _ in seen} >= {"aws", "azure", "gcp"}
    # After a refusal each cloud is left in peace for a while.
    by_key: dict[tuple[str, ...], list[Any]] = {}
    for row in sorted(rows, key=lambda row: row.filed_at):
        by_key.setdefault(row.key, []).append(row)
    for history in by_key.values():
        for before, after in itertools.pairwise(history):
            if before.closed_at is not None:
                assert after.filed_at - before.closed_at >= COOL_DOWN[before.cloud]


@pytest.mark.long
def test_the_portfolio_is_spread_over_clouds_cards_and_ways_to_buy(typed: Typed) -> None:
    text = typed.quota("campaign", "llama-2-70b", "--dry-run", code=8)
    assert not typed.world.requests
    first = look(typed, code=8)
    again = look(typed, code=8)
    assert first["targets"] == again["targets"]
    assert len(first["targets"]) == 4
    words = " ".join(first["targets"])
    assert all(f"in {cloud} " in words for cloud in ("aws", "azure", "gcp"))
    assert "spot" in words
    assert "to be asked for" in text
    open_now = Counter(request.key for request in typed.world.requests)
    assert set(open_now.values()) == {1}


@pytest.mark.long
def test_it_ends_when_one_place_has_room_and_takes_the_rest_back(typed: Typed) -> None:
    first = look(typed, code=8)
    google = next(row for row in first["limits"] if row["cloud"] == "gcp" and row["region"])
    aws = next(row for row in first["limits"] if row["cloud"] == "aws" and row["request"])
    typed.world.limits["aws", aws["region"], aws["quota_id"], ()] = int(aws["wanted"])
    done = look(typed, code=0)
    assert done["state"] == "landed"
    assert google["request"] in done["withdrawn"]
    assert typed.quota("status", code=8).count("WITHDRAWN") >= 1


@pytest.mark.long
def test_a_fleet_lands_only_when_all_of_it_has_room(typed: Typed, tmp_path: Path) -> None:
    size = tmp_path / "fleet.json"
    fleet = {
        "service": "gce",
        "region": "us-central1",
        "instance_type": "a2-ultragpu-1g",
        "machines_min": 1,
        "machines_peak": 4,
        "spot_machines_mean": 1,
    }
    size.write_text(json.dumps({"model": "llama-2-7b", "load": {}, "fleets": [fleet]}))
    begin = ("campaign", "--size", str(size), "--name=fleet", "--yes")
    first = typed.json(*begin, code=8)
    wanted = {row["quota_id"]: row["wanted"] for row in first["limits"]}
    assert wanted == {
        "NVIDIA-A100-80GB-GPUS-per-project-region": 3,
        "PREEMPTIBLE-NVIDIA-A100-80GB-GPUS-per-project-region": 1,
        "GPUS-ALL-REGIONS-per-project": 4,
    }
    typed.world.clock.advance(timedelta(days=1))
    assert typed.json(*begin, code=0)["state"] == "landed"


@pytest.mark.long
def test_stopping_takes_back_what_can_be_taken_back(typed: Typed) -> None:
    look(typed, code=8)
    text = typed.quota("campaign", "llama-2-70b", "--stop")
    assert "is taken back" in text
    assert "aws cannot take a request back" in text
