"""Laws of the roofline and of every prediction."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from planner.errors import NotFoundError
from planner.serving import accelerators, models
from planner.serving.speed import effects, roofline
from planner.serving.speed.predict import ENGINES, predict

CARDS = [
    card
    for card in accelerators.all_accelerators()
    if card.bandwidth_gbs is not None and card.fp16_tflops is not None
]

cards = st.sampled_from(CARDS)
any_model = st.sampled_from(models.all_models())
tokens = st.integers(1, 8192)
requests = st.integers(1, 512)


@st.composite
def setups(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "model": draw(any_model),
        "accelerator": draw(cards),
        "precision": draw(st.sampled_from(["fp16", "fp8", "int4"])),
        "kv_precision": draw(st.sampled_from(["fp16", "fp8"])),
        "tensor_parallel": draw(st.sampled_from([1, 2, 4, 8])),
        "pipeline_parallel": draw(st.sampled_from([1, 2])),
        "input_tokens": draw(tokens),
        "output_tokens": draw(tokens),
    }


# The rates of one generation on very different cards.
rates = st.sampled_from(
    [
        effects.rates(effects.Setting(*engine, "serving", "fp8", "dense"), accelerators.get(card))
        for engine in (("vllm", "2026"), ("tensorrt-llm", "2024"), ("sglang", "2026"))
        for card in ("H100", "L4", "MI300X")
    ]
)


def speed(setup: dict[str, Any], batch: int, with_rates: roofline.Rates) -> float:
    return roofline.tokens_per_second(roofline.work(**setup), with_rates, batch)


@given(setups(), requests, requests, rates)
def test_more_requests_never_lower_the_roofline(
    setup: dict[str, Any], few: int, more: int, with_rates: roofline.Rates
) -> None:
    few, more = sorted((few, more))
    assert speed(setup, few, with_rates) <= speed(setup, more, with_rates) * (1 + 1e-9)


@given(setups(), requests, st.floats(1, 10), rates)
def test_a_faster_memory_is_never_slower(
    setup: dict[str, Any], batch: int, times: float, with_rates: roofline.Rates
) -> None:
    card = setup["accelerator"]
    faster = replace(card, bandwidth_gbs=card.bandwidth_gbs * times)
    plain = speed(setup, batch, with_rates)
    assert plain <= speed(setup | {"accelerator": faster}, batch, with_rates) * (1 + 1e-9)


@given(setups(), requests, rates)
def test_longer_prompts_and_worse_rates_are_never_faster(
    setup: dict[str, Any], batch: int, with_rates: roofline.Rates
) -> None:
    plain = speed(setup, batch, with_rates)
    longer = setup | {"input_tokens": setup["input_tokens"] * 2}
    assert speed(longer, batch, with_rates) <= plain * (1 + 1e-9)
    slower = replace(with_rates, compute=with_rates.compute / 2, layer=with_rates.layer * 2)
    assert speed(setup, batch, slower) <= plain * (1 + 1e-9)


@given(any_model, requests, requests)
def test_more_tokens_touch_more_experts_and_never_more_than_all(
    model: models.Model, few: int, more: int
) -> None:
    few, more = sorted((few, more))
    work = roofline.work(
        model,
        accelerators.get("H100"),
        precision="fp8",
        kv_precision="fp16",
        tensor_parallel=1,
        pipeline_parallel=1,
        input_tokens=100,
        output_tokens=100,
    )
    shares = [roofline.touched_share(work, batch) for batch in (few, more)]
    assert 0 < shares[0] <= shares[1] + 1e-12
    assert shares[1] <= 1 + 1e-12


@pytest.mark.long
@given(
    any_model,
    cards,
    st.sampled_from([1, 2, 4, 8]),
    st.sampled_from(["fp16", "bf16", "fp8", "int4"]),
    st.sampled_from(ENGINES),
    tokens,
    tokens,
    st.none() | requests,
)
def test_every_prediction_is_positive_and_inside_its_band(  # noqa: PLR0917 - one per dimension
    model: models.Model,
    card: accelerators.Accelerator,
    count: int,
    precision: str,
    engine: str,
    input_tokens: int,
    output_tokens: int,
    concurrency: int | None,
) -> None:
    try:
        found = predict(
            model,
            card,
            count=count,
            precision=precision,
            engine=engine,
            input_tokens=input_tokens,
            output_tokens=output_tokens,
            concurrency=concurrency,
        )
    except NotFoundError:
        reject()  # what does not fit has no speed
    assert 0 < found.tokens_per_second_low <= found.tokens_per_second
    assert found.tokens_per_second <= found.tokens_per_second_high
    assert found.time_to_first_token_s > 0
    assert found.time_per_output_token_s >= 0
    assert found.max_concurrency >= 1
    assert found.source
