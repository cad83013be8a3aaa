"""Predictions: what is measured, what is modelled, and what is neither."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from planner.bundled import pricing_data
from planner.errors import NotFoundError, UnknownNameError, UsageError
from planner.serving import accelerators, engines, models, table
from planner.serving.speed.predict import Throughput, predict, usd_per_million_tokens
from planner.serving.speed.replicas import together

THEN = {"engine_generation": "2024"}


def ask(model: str, accelerator: str, count: int, precision: str, **options: Any) -> Throughput:
    setup = {"input_tokens": 1000, "output_tokens": 500, "concurrency": 16} | options
    return predict(
        models.get(model), accelerators.get(accelerator), count=count, precision=precision, **setup
    )


def test_a_measured_run_of_the_very_set_up_is_returned_with_its_source() -> None:
    found = ask("llama-2-70b", "H100", 4, "fp16", input_tokens=128, output_tokens=128, **THEN)
    assert found.throughput_basis == "measured"
    assert found.tokens_per_second == pytest.approx(733.598, abs=0.001)
    assert "argonne-lcf/LLM-Inference-Bench" in found.source
    assert "2024-10" in found.source


def test_both_16_bit_formats_share_a_measurement() -> None:
    load = {"input_tokens": 128, "output_tokens": 128, "engine_generation": "2024"}
    half, brain = (ask("llama-2-70b", "H100", 4, p, **load) for p in ("fp16", "bf16"))
    assert half.tokens_per_second == brain.tokens_per_second
    assert brain.throughput_basis == "measured"


def test_maximum_load_finds_the_published_maximum_load_run() -> None:
    found = ask(
        "llama-3.1-70b",
        "H200",
        1,
        "fp8",
        engine="tensorrt-llm",
        output_tokens=1000,
        concurrency=None,
        **THEN,
    )
    assert found.throughput_basis == "measured"
    assert found.tokens_per_second == pytest.approx(2585.0953)
    assert found.concurrency == found.max_concurrency


def test_measured_token_times_are_returned_where_the_source_has_them() -> None:
    found = ask(
        "llama-3.1-70b", "B200", 4, "fp8", input_tokens=1024, output_tokens=1024, concurrency=8
    )
    assert found.throughput_basis == "measured"
    assert found.time_to_first_token_s == pytest.approx(0.1089)
    assert found.time_per_output_token_s == pytest.approx(0.008179)


def test_a_run_faster_than_its_hardware_is_never_returned() -> None:
    # Published as 150 times what the card can calculate.
    found = ask(
        "qwen2.5-7b",
        "H100",
        1,
        "fp16",
        engine="tensorrt-llm",
        input_tokens=2048,
        output_tokens=2048,
        concurrency=64,
    )
    assert found.throughput_basis == "modelled"
    assert found.tokens_per_second < 20_000


def test_every_card_speaks_the_generation_that_is_deployed() -> None:
    for card in ("H100", "H200", "MI300X", "A100-80GB", "L4"):
        found = ask("llama-3.1-8b", card, 1, "fp16")
        assert found.engine_generation == "2026"
        assert found.software == "vLLM 0.12 and later"


def test_todays_vllm_is_faster_than_that_of_2024() -> None:
    for card in ("H100", "MI300X"):
        now = ask("llama-2-70b", card, 4, "fp16")
        then = ask("llama-2-70b", card, 4, "fp16", engine_generation="2024")
        assert now.tokens_per_second > 1.1 * then.tokens_per_second


@pytest.mark.parametrize(
    ("model", "accelerator", "count", "precision", "reason"),
    [
        ("llama-2-7b", "T4", 2, "fp16", "nothing was measured on T4"),
        ("llama-2-13b", "L4", 2, "fp16", "nothing was measured on L4"),
        ("llama-2-70b", "Trainium2", 16, "fp16", "AWS accelerators"),
    ],
)
def test_what_nothing_was_measured_like_is_unvalidated_and_at_least_twofold(
    model: str, accelerator: str, count: int, precision: str, reason: str
) -> None:
    found = ask(model, accelerator, count, precision)
    assert found.throughput_basis == "unvalidated"
    assert reason in found.source
    assert found.tokens_per_second_high >= 2 * found.tokens_per_second * 0.999
    assert found.tokens_per_second_low <= found.tokens_per_second / 2 * 1.001


def test_a_load_far_from_all_measured_ones_is_unvalidated() -> None:
    found = ask("llama-2-70b", "A10G", 8, "fp16", engine="tgi", input_tokens=9000)
    assert found.throughput_basis == "unvalidated"
    assert "far from what was measured" in found.source


def test_bands_widen_as_the_evidence_thins() -> None:
    def spread(found: Throughput) -> float:
        return found.tokens_per_second_high / found.tokens_per_second_low

    measured = ask("llama-2-70b", "H100", 4, "fp16", input_tokens=128, output_tokens=128, **THEN)
    between = ask("llama-2-70b", "H100", 4, "fp16", input_tokens=200, output_tokens=200, **THEN)
    other_size = ask("llama-2-70b", "H100", 8, "fp16", input_tokens=200, output_tokens=200, **THEN)
    other_card = ask("llama-2-70b", "A100-80GB", 4, "fp16", **THEN)
    spreads = [spread(f) for f in (measured, between, other_size, other_card)]
    assert spreads == sorted(spreads)
    assert [f.throughput_basis for f in (between, other_size, other_card)] == ["modelled"] * 3


def test_replicas_share_the_requests_and_nearly_add_their_speed() -> None:
    one = ask("llama-2-7b", "H100", 1, "fp16", concurrency=10)
    four = ask("llama-2-7b", "H100", 4, "fp16", concurrency=40, tensor_parallel=1)
    assert four.tokens_per_second == pytest.approx(together(4) * one.tokens_per_second)
    assert 3.5 < together(4) < 4
    assert four.max_concurrency == 4 * one.max_concurrency
    assert four.time_per_output_token_s == pytest.approx(one.time_per_output_token_s)


def test_one_request_keeps_one_replica_busy() -> None:
    one = ask("llama-2-7b", "H100", 1, "fp16", concurrency=1)
    four = ask("llama-2-7b", "H100", 4, "fp16", concurrency=1, tensor_parallel=1)
    assert four.tokens_per_second == pytest.approx(one.tokens_per_second)


def test_requests_beyond_the_cache_wait() -> None:
    fits = ask("llama-2-70b", "A100-80GB", 2, "fp16", concurrency=20)
    waits = ask("llama-2-70b", "A100-80GB", 2, "fp16", concurrency=200)
    assert waits.concurrency > waits.max_concurrency
    assert waits.time_to_first_token_s > 3 * fits.time_to_first_token_s


def test_the_times_of_a_request_add_up_to_the_speed() -> None:
    found = ask("llama-2-70b", "H100", 8, "fp16", concurrency=32)
    seconds = found.time_to_first_token_s + 499 * found.time_per_output_token_s
    assert 32 * 500 / seconds == pytest.approx(found.tokens_per_second)


def test_tensor_parallel_is_as_wide_as_the_heads_allow() -> None:
    assert ask("llama-2-70b", "H100", 8, "fp16").tensor_parallel == 8
    assert ask("falcon-7b", "H100", 4, "fp16").tensor_parallel == 1


def test_a_million_tokens_cost_what_the_published_run_costs() -> None:
    # SageMaker ml.p4d.24xlarge at $37.69/h and 321.54 tokens/s: $32.56, not the $10.43 published.
    assert usd_per_million_tokens(37.69, 321.54, 1.0) == pytest.approx(32.56, abs=0.005)
    assert usd_per_million_tokens(37.69, 321.54, 0.5) == pytest.approx(65.12, abs=0.01)


def test_a_model_that_does_not_fit_is_named_with_the_reason() -> None:
    with pytest.raises(NotFoundError, match="does not fit 4 x A10G") as error:
        ask("llama-2-70b", "A10G", 4, "fp16")
    assert error.value.advice == "planner fit llama-2-70b"


def test_a_precision_the_card_cannot_run_is_refused() -> None:
    with pytest.raises(NotFoundError, match="cannot run fp8"):
        ask("llama-2-7b", "V100-32GB", 1, "fp8")


def test_a_card_of_unknown_speed_has_no_throughput() -> None:
    unknown = replace(accelerators.get("H100-NVL"), name="Unknown", bandwidth_gbs=None)
    with pytest.raises(NotFoundError, match="no throughput can be estimated on Unknown"):
        predict(
            models.get("llama-2-7b"),
            unknown,
            precision="fp16",
            input_tokens=1000,
            output_tokens=500,
            concurrency=16,
        )


def test_every_card_that_can_be_rented_and_serves_has_a_speed() -> None:
    cards = {item["accelerator"] for item in table.read(pricing_data() / "instance_types.csv")}
    for name in cards:
        card = accelerators.get(name)
        if engines.runnable(card):
            assert card.bandwidth_gbs, name
            assert card.fp16_tflops, name


@pytest.mark.parametrize(
    "options",
    [
        {"input_tokens": 0},
        {"output_tokens": -1},
        {"concurrency": 0},
        {"tensor_parallel": 3},
        {"tensor_parallel": 0},
        {"tensor_parallel": 8},
        {"pipeline_parallel": 2, "tensor_parallel": 4},
    ],
)
def test_numbers_that_make_no_sense_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(UsageError):
        ask("llama-2-70b", "H100", 4, "fp16", **options)


def test_an_unknown_engine_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="vlm") as error:
        ask("llama-2-7b", "H100", 1, "fp16", engine="vlm")
    assert "vllm" in error.value.nearest
