"""Why machines can or cannot hold a model, as records."""

from __future__ import annotations

from datetime import date

import pytest

from planner.errors import UnknownNameError, UsageError
from planner.planning import Request, explain
from planner.pricing.instance_types import bundled


def verdict(model: str, instance_type: str, **options: int) -> tuple[bool, str]:
    request = Request(model=model, instance_types=(instance_type,), **options)  # type: ignore[arg-type] # ints only
    (record,) = explain(request)
    return record["fits"], record["reason"]


def test_every_machine_gets_a_verdict_with_a_reason() -> None:
    records = explain(Request(model="llama-2-70b", include_neuron=True))
    assert {r["instance_type"] for r in records} == {item.instance_type for item in bundled()}
    assert all(record["reason"] for record in records)
    fits = [record["fits"] for record in records]
    assert fits == sorted(fits, reverse=True)


def test_neuron_machines_are_among_them_only_where_asked_for() -> None:
    plain = explain(Request(model="llama-2-70b"))
    assert not [r for r in plain if r["needs_neuron"]]
    named = explain(Request(model="llama-2-70b", instance_types=("inf2.48xlarge",)))
    assert [r["needs_neuron"] for r in named] == [True]


def test_the_reason_gives_the_figures() -> None:
    assert verdict("llama-2-70b", "g5.12xlarge") == (
        False,
        "needs 128.5 GiB for weights + 5.0 GiB KV; 4x24 GiB has 86 usable: no",
    )


@pytest.mark.parametrize(
    ("model", "instance_type", "options"),
    [
        # text-generation-inference#1180: 13B in fp16 on four T4, not sharded.
        ("llama-2-13b", "g4dn.12xlarge", {"tensor_parallel": 1}),
        # text-generation-inference#1299: 70B in one process group of g5.48xlarge.
        ("llama-2-70b", "g5.48xlarge", {"tensor_parallel": 1}),
        ("llama-2-70b", "g5.xlarge", {}),
    ],
)
def test_known_out_of_memory_reports_are_explained(
    model: str, instance_type: str, options: dict[str, int]
) -> None:
    fits, reason = verdict(model, instance_type, **options)
    assert not fits
    assert "GiB" in reason


@pytest.mark.parametrize("instance_type", ["g5.48xlarge", "p4d.24xlarge", "g2-standard-96"])
def test_machines_known_to_serve_the_70b_fit(instance_type: str) -> None:
    assert verdict("llama-2-70b", instance_type)[0]


def test_a_verdict_does_not_depend_on_prices_or_their_date() -> None:
    request = Request(model="llama-2-7b", instance_types=("p5.48xlarge",))
    old = Request(model="llama-2-7b", instance_types=("p5.48xlarge",), as_of=date(2000, 1, 1))
    assert explain(request) == explain(old)


def test_bad_requests_are_refused_before_anything_is_tried() -> None:
    with pytest.raises(UsageError):
        explain(Request(model="llama-2-70b", concurrency=0))
    with pytest.raises(UnknownNameError):
        explain(Request(model="llama-2-70b", accelerators=("H1000",)))
