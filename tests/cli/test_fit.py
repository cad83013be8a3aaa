"""``planner fit`` as a user runs it."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Result


def test_each_verdict_is_explained_with_figures(planner: Callable[..., Result]) -> None:
    result = planner("fit", "llama-2-70b", "--instance-type", "g5.12xlarge", columns=200)
    assert result.code == 0
    text = " ".join(result.out.split())
    assert (
        "g5.12xlarge 4x A10G no needs 128.5 GiB for weights + 5.0 GiB KV; 4x24 GiB has 86 "
        "usable: no"
    ) in text


def test_a_report_of_out_of_memory_is_explained(planner: Callable[..., Result]) -> None:
    """text-generation-inference#1180: 13B in fp16 on one process of ml.g4dn.12xlarge."""
    arguments = ("fit", "llama-2-13b", "--instance-type", "ml.g4dn.12xlarge", "--format", "json")
    (unsharded,) = json.loads(planner(*arguments, "--tensor-parallel", "1").out)
    (sharded,) = json.loads(planner(*arguments).out)
    assert (unsharded["fits"], sharded["fits"]) == (False, True)


@pytest.mark.parametrize("columns", [80, 120, 200])
def test_the_table_fits_the_terminal(planner: Callable[..., Result], columns: int) -> None:
    result = planner("fit", "llama-2-70b", columns=columns)
    assert max(map(len, result.out.splitlines())) <= columns
    assert max(map(len, result.err.splitlines())) <= columns


def test_only_fitting_leaves_out_the_rest(planner: Callable[..., Result]) -> None:
    result = planner("fit", "llama-2-70b", "--only-fitting", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(result.out)))
    assert {row["fits"] for row in rows} == {"True"}
    assert "Standard_NC48ads_A100_v4" in {row["instance_type"] for row in rows}


def test_cards_that_no_engine_serves_say_so(planner: Callable[..., Result]) -> None:
    result = planner("fit", "llama-2-7b", "--accelerator", "K80", "--format", "json")
    for record in json.loads(result.out):
        assert record["fits"] is False
        assert "GiB for weights" not in record["reason"] or "engine" in record["reason"]


def test_neuron_machines_say_what_they_need(planner: Callable[..., Result]) -> None:
    result = planner("fit", "llama-2-70b", "--instance-type", "inf2.48xlarge")
    assert "compiled for AWS Neuron" in " ".join(result.err.split())
    assert "inf2" not in planner("fit", "llama-2-70b").out


def test_machine_formats_hold_every_field(planner: Callable[..., Result]) -> None:
    arguments = ("fit", "llama-2-70b", "--accelerator", "L4", "--precision", "int4")
    records = json.loads(planner(*arguments, "--format", "json").out)
    rows = list(csv.DictReader(io.StringIO(planner(*arguments, "--format", "csv").out)))
    assert len(records) == len(rows)
    assert list(rows[0]) == list(records[0])
    assert {"weights_gib", "kv_gib", "usable_gib", "kv_cache_tokens", "reason"} <= set(records[0])
    markdown = planner(*arguments, "--format", "markdown").out.splitlines()
    assert len(markdown) == len(records) + 2
