"""What engines leave for the cache, against the lines that they logged."""

from __future__ import annotations

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.bundled import pricing_data
from planner.errors import UnknownNameError
from planner.serving import accelerators, engines, memory, models, table
from planner.serving.memory import GIB, EngineSettings, Footprint, Split


def room(model: str, card: str, precision: str, count: int = 1, **told: object) -> memory.Span:
    settings = EngineSettings(**told)  # type: ignore[arg-type] # named by each test
    footprint = Footprint.of(models.get(model), precision, settings.kv_precision)
    found = memory.cache_bytes(
        footprint, accelerators.get(card), count=count, split=Split(count), settings=settings
    )
    return memory.Span(found.low / GIB, found.high / GIB)


def tokens(
    model: str, card: str, precision: str, count: int = 1, **told: object
) -> tuple[int, int]:
    settings = EngineSettings(**told)  # type: ignore[arg-type] # named by each test
    return memory.cache_tokens(
        Footprint.of(models.get(model), precision, settings.kv_precision),
        accelerators.get(card),
        count=count,
        split=Split(count),
        settings=settings,
        context=4096,
    )


def logged() -> list[tuple[bool, float]]:
    """Return whether each logged line lies inside the range, and how wide the range is."""
    found = []
    for row in table.read(pricing_data() / "memory_logs.csv"):
        try:
            model, card = models.get(row["model"]), accelerators.get(row["accelerator"])
        except UnknownNameError:
            continue  # nothing is claimed of models and cards that planner does not know
        if row["left_out"] or not (row["cache_gib"] or row["cache_tokens"]):
            continue
        settings = EngineSettings(
            row["engine"], row["kv_precision"], table.number(row["utilization"])
        )
        footprint = Footprint.of(model, row["precision"], row["kv_precision"])
        split = Split(int(row["tensor_parallel"]))
        asked = {"count": split.gpus, "split": split, "settings": settings}
        bytes_ = memory.cache_bytes(footprint, card, **asked)  # type: ignore[arg-type] # as named
        low, high = memory.cache_tokens(
            footprint,
            card,
            context=int(row["context"] or 8192),
            **asked,  # type: ignore[arg-type]
        )
        if row["cache_tokens"]:
            inside = low <= int(row["cache_tokens"]) <= high
        else:
            inside = bytes_.low / GIB <= float(row["cache_gib"]) <= bytes_.high / GIB
            # A cache below zero is an engine that did not start.
            inside |= float(row["cache_gib"]) < 0 and bytes_.low < 0
        found.append((inside, high / low if low else 0.0))
    return found


def test_nine_of_ten_logged_lines_lie_inside_the_range() -> None:
    lines = logged()
    assert len(lines) > 30
    assert sum(inside for inside, _ in lines) >= 0.9 * len(lines)


def test_the_range_is_narrow_where_there_is_room() -> None:
    assert statistics.median(width for _, width in logged() if width) < 1.35


def test_qwen3_32b_on_one_h100_has_about_four_and_a_half_gib() -> None:
    found = room("qwen3-32b", "H100", "bf16")
    assert found.low <= 4.45 <= found.high  # vLLM 0.11 logged 4.45
    assert found.low > 3.5


def test_llama_70b_fp8_does_not_start_on_one_h100_for_sure() -> None:
    low, _ = tokens("llama-3.3-70b", "H100", "fp8")
    assert low == 0  # vLLM 0.11 logged -1.44 GiB


def test_engines_differ_on_the_same_machine() -> None:
    # Llama 3 70B on 2 x A100-80GB: vLLM of today about 10,000, TGI 30,816
    # (text-generation-inference#2744).
    vllm = tokens("llama-3-70b", "A100-80GB", "fp16", 2)
    tgi = tokens("llama-3-70b", "A100-80GB", "fp16", 2, engine="tgi")
    assert vllm[0] <= 10_500
    assert tgi[0] <= 30_816 <= tgi[1]
    assert vllm != tgi


def test_an_fp8_cache_holds_twice_the_tokens() -> None:
    plain = tokens("llama-3.1-8b", "L4", "bf16")
    half = tokens("llama-3.1-8b", "L4", "bf16", kv_precision="fp8")
    assert half[0] == pytest.approx(2 * plain[0], abs=2)


def test_fewer_requests_in_flight_leave_more_room_at_the_low_end() -> None:
    plain, fewer = (
        room("qwen3-32b", "H100", "bf16"),
        room("qwen3-32b", "H100", "bf16", most_requests=128),
    )
    assert fewer.low > plain.low + 4
    assert fewer.high == plain.high


@given(
    st.sampled_from([m.name for m in models.all_models()]),
    st.sampled_from([a.name for a in accelerators.all_accelerators() if engines.runnable(a)]),
    st.sampled_from(["vllm", "sglang", "tgi", "tensorrt-llm", "deepspeed-mii"]),
    st.sampled_from([1, 2, 4, 8]),
)
def test_the_low_end_is_never_above_the_high_end(
    model: str, card: str, engine: str, count: int
) -> None:
    found = room(model, card, "fp16", count, engine=engine)
    assert found.low <= found.high
    low, high = tokens(model, card, "fp16", count, engine=engine)
    assert 0 <= low <= high


def test_vllm_takes_1024_requests_on_large_cards_other_than_a100() -> None:
    most = {
        name: engines.most_requests("vllm", accelerators.get(name))
        for name in ("H100", "H200", "MI300X", "RTX-PRO-6000", "A100-80GB", "L40S", "L4")
    }
    large = {name for name, requests in most.items() if requests == 1024}
    assert large == {"H100", "H200", "MI300X", "RTX-PRO-6000"}
    assert {most[name] for name in set(most) - large} == {256}
