"""Lifecycles: each with its source, and what a stage means for a machine."""

from __future__ import annotations

from datetime import date
from fnmatch import fnmatchcase

from planner.pricing import instance_types, lifecycle
from planner.pricing.lifecycle import Stage


def test_every_line_names_a_known_machine_and_its_source() -> None:
    names = {item.key for item in instance_types.bundled()}
    for entry in lifecycle.bundled():
        assert entry.lifecycle.source
        assert any(
            service == entry.service and fnmatchcase(name, entry.instance_types)
            for service, name in names
        ), entry


def test_a_retirement_counts_from_its_day() -> None:
    found = lifecycle.of("azure-vm", "Standard_NC24s_v3")
    assert found.stage is Stage.RETIRED
    assert not found.is_retired(date(2025, 9, 29))
    assert found.is_retired(date(2025, 9, 30))
    assert found.words == "retired since 2025-09-30"


def test_a_machine_that_no_line_names_is_available() -> None:
    found = lifecycle.of("ec2", "g5.xlarge")
    assert found.stage is Stage.AVAILABLE
    assert found.words == ""


def test_what_holds_for_one_way_of_paying_says_nothing_of_the_machine() -> None:
    assert lifecycle.of("gce", "a2-ultragpu-2g").stage is Stage.AVAILABLE
    assert lifecycle.of("gce", "a2-ultragpu-2g", "committed").stage is Stage.SALES_ONLY
