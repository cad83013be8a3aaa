"""The physical order: a better card is never slower, nor faster than its hardware allows."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.errors import NotFoundError
from planner.serving import memory, models
from planner.serving.speed import order
from planner.serving.speed.generations import GENERATIONS
from planner.serving.speed.predict import predict

PRECISIONS = ("fp16", "fp8", "int4", "fp4")
SHAPES = ((1024, 1024), (4000, 200), (128, 2048))

speeds = st.fixed_dictionaries({name: st.floats(-5, 15) for name in order.CHAIN})


def broken(found: dict[str, float], precision: str) -> list[tuple[str, str]]:
    limit = order.reach(precision)
    return [
        (first, second)
        for first, slow in found.items()
        for second, fast in found.items()
        if math.log(fast / slow) > limit[first, second] + 1e-9
    ]


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("width", [1, pytest.param(4, marks=pytest.mark.long)])
def test_no_model_breaks_the_order_of_cards(
    precision: str, shape: tuple[int, int], width: int
) -> None:
    asked = 0
    for model in models.all_models():
        for requests in (8, 256):
            found = {}
            for card in order.chain():
                try:
                    answer = predict(
                        model,
                        card,
                        precision=precision,
                        input_tokens=shape[0],
                        output_tokens=shape[1],
                        concurrency=requests,
                        tensor_parallel=width if memory.can_shard(model, card, width) else 1,
                        kv_tokens=10**9,
                    )
                except NotFoundError:
                    continue
                found[card.name] = answer.tokens_per_second
                asked += 1
            assert not broken(found, precision), model.name
    assert asked > 1000


@pytest.mark.parametrize(
    ("engine", "generation"),
    [(engine, item.name) for engine, known in GENERATIONS.items() for item in known],
)
def test_the_order_holds_in_every_generation(engine: str, generation: str) -> None:
    for name in ("llama-2-70b", "llama-3.1-8b", "gpt-oss-120b"):
        for requests in (1, 64):
            found = {
                card.name: predict(
                    models.get(name),
                    card,
                    precision="fp8",
                    engine=engine,
                    engine_generation=generation,
                    input_tokens=1024,
                    output_tokens=1024,
                    concurrency=requests,
                    tensor_parallel=2,
                    kv_tokens=10**9,
                ).tokens_per_second
                for card in order.chain()
            }
            assert not broken(found, "fp8"), (engine, generation, name)


@given(speeds, st.sampled_from(PRECISIONS))
def test_any_speeds_are_moved_into_the_order_and_those_inside_stay(
    found: dict[str, float], precision: str
) -> None:
    limit = order.reach(precision)
    kept = order.keep(found, precision)
    for first, slow in kept.items():
        for second, fast in kept.items():
            assert fast - slow <= limit[first, second] + 1e-9
    again = order.keep(kept, precision)
    assert all(again[name] == pytest.approx(value, abs=1e-9) for name, value in kept.items())


@given(speeds, st.sampled_from(PRECISIONS), st.sampled_from(order.CHAIN))
def test_a_card_that_was_not_measured_finds_its_place_between_the_others(
    found: dict[str, float], precision: str, unknown: str
) -> None:
    limit = order.reach(precision)
    known = order.keep({n: v for n, v in found.items() if n != unknown}, precision)
    placed = order.between(unknown, found[unknown], known, precision)
    for name, value in known.items():
        assert placed - value <= limit[name, unknown] + 1e-9
        assert value - placed <= limit[unknown, name] + 1e-9


def test_the_chain_is_the_one_that_is_promised() -> None:
    assert all(order.beats(better, other) for better, other in pairwise(order.CHAIN[:6]))
    assert order.beats("H100", "L40S")
    assert order.beats("L40S", "L4")
    assert not order.beats("A100-40GB", "L40S")
    assert not order.beats("L40S", "A100-40GB")
