"""What stated GPUs give: the layout that is chosen, and the band where the cache is tight."""

from __future__ import annotations

import pytest

from planner.errors import NotFoundError, UsageError
from planner.serving import accelerators, layouts, models, setups
from planner.serving.layouts import LoadShape, Question
from planner.serving.memory import Split


def at(
    model: str,
    card: str,
    count: int,
    precision: str,
    *,
    requests: int | None = None,
    split: Split | None = None,
) -> setups.Setup:
    return setups.at(
        models.get(model),
        accelerators.get(card),
        count=count,
        question=Question(precision),
        requests=requests,
        split=split,
    )


def test_without_a_split_the_one_that_gives_most_is_taken() -> None:
    free = at("llama-3.1-8b", "H100", 8, "bf16")
    assert free.replicas * free.throughput.tensor_parallel <= 8
    for width in (1, 2, 4, 8):
        asked = at("llama-3.1-8b", "H100", 8, "bf16", split=Split(width))
        assert asked.replicas == 8 // width
        assert asked.throughput.tokens_per_second <= free.throughput.tokens_per_second * 1.001


def test_one_request_runs_on_all_gpus_together() -> None:
    alone = at("llama-2-70b", "H100", 8, "fp16", requests=1)
    full = at("llama-2-70b", "H100", 8, "fp16")
    assert alone.throughput.tensor_parallel >= full.throughput.tensor_parallel


def test_what_fits_only_for_sure_at_the_high_end_is_told() -> None:
    found = at("llama-3.3-70b", "H100", 1, "fp8")
    assert found.tight
    assert found.kv_cache_tokens_low == 0
    assert found.kv_cache_tokens_high > 2048


def test_the_band_is_wider_where_the_cache_is_tight() -> None:
    def width(setup: setups.Setup) -> float:
        found = setup.throughput
        return found.tokens_per_second_high / found.tokens_per_second_low

    # Two cards leave room for few requests, four for many times as many.
    tight, roomy = (at("llama-3-70b", "A100-80GB", count, "bf16") for count in (2, 4))
    assert tight.kv_cache_tokens_high / tight.kv_cache_tokens_low > 2
    assert width(tight) > width(roomy)


def test_a_layout_s_band_reaches_to_the_high_end_of_the_cache() -> None:
    question = Question("bf16", LoadShape(1024, 1024))
    found = layouts.best(models.get("llama-3-70b"), accelerators.get("A100-80GB"), 2, question)
    assert found is not None
    assert found.bound == "memory"
    assert found.capacity_high is not None
    assert found.capacity_requests_per_second is not None
    assert found.capacity_high > found.capacity_requests_per_second * 1.2


def test_what_does_not_fit_says_so() -> None:
    with pytest.raises(NotFoundError) as caught:
        at("llama-2-70b", "A10G", 1, "fp16")
    assert caught.value.advice == "planner fit llama-2-70b"
    with pytest.raises(UsageError):
        at("llama-2-70b", "H100", 4, "fp16", split=Split(3))
