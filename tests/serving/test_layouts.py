"""Which split of a machine's GPUs serves most."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from planner.serving import accelerators, layouts, models
from planner.serving.layouts import LoadShape, Question, Targets

CHAT = Question("fp16", LoadShape(1024, 256))
FAST = Targets(ttft_p95_s=2.0, tpot_p95_s=0.05)


def best(model: str, card: str, count: float, question: Question = CHAT) -> layouts.Layout:
    found = layouts.best(models.get(model), accelerators.get(card), count, question)
    assert found is not None
    return found


def test_a_small_model_gets_a_copy_on_each_gpu() -> None:
    found = best("llama-3.1-8b", "H100", 8)
    assert (found.replicas, found.tensor_parallel, found.pipeline_parallel) == (8, 1, 1)


def test_a_large_model_gets_the_gpus_it_needs() -> None:
    found = best("llama-2-70b", "A100-80GB", 2)
    assert (found.replicas, found.tensor_parallel) == (1, 2)


def test_what_does_not_fit_has_no_layout() -> None:
    model, card = models.get("llama-2-70b"), accelerators.get("A10G")
    assert layouts.best(model, card, 4, CHAT) is None
    assert layouts.best(model, accelerators.get("K80"), 16, CHAT) is None


def test_targets_bound_the_requests_in_flight() -> None:
    free = best("llama-2-70b", "H200", 8)
    bound = best("llama-2-70b", "H200", 8, replace(CHAT, targets=FAST))
    assert bound.ttft_p95_s is not None
    assert bound.tpot_p95_s is not None
    assert bound.ttft_p95_s <= 2.0
    assert bound.tpot_p95_s <= 0.05
    assert bound.concurrent_requests is not None
    assert free.concurrent_requests is not None
    assert 0 < bound.concurrent_requests <= free.concurrent_requests


def test_where_even_one_request_misses_the_targets_nothing_is_served() -> None:
    hopeless = replace(CHAT, targets=Targets(tpot_p95_s=0.001))
    found = best("llama-2-70b", "A100-80GB", 8, hopeless)
    assert found.within_targets is False
    assert found.capacity_requests_per_second == 0.0
    assert found.bound == "tpot"
    assert found.tpot_p95_s is not None
    assert found.tpot_p95_s > 0.001


def test_many_requests_at_once_are_held_by_all_copies_together() -> None:
    few = best("llama-3.1-8b", "L40S", 8, replace(CHAT, context=4096, concurrency=8))
    held = few.kv_cache_tokens_low // 4096 * few.replicas
    model, card = models.get("llama-3.1-8b"), accelerators.get("L40S")
    many = replace(CHAT, context=4096, concurrency=held + 1)
    for layout in layouts.all_layouts(model, card, 8, many):
        assert layout.kv_cache_tokens_low // 4096 * layout.replicas > held


def test_a_pipeline_inside_a_machine_is_taken_only_where_nothing_else_holds_the_model() -> None:
    # Qwen2.5 7B has 28 heads: 4 GPUs can share them, 8 cannot.
    for card in ("A10G", "H100"):
        for layout in layouts.all_layouts(
            models.get("qwen2.5-7b"), accelerators.get(card), 8, replace(CHAT, precision="bf16")
        ):
            assert layout.pipeline_parallel == 1
    staged = layouts.all_layouts(models.get("llama-2-70b"), accelerators.get("L40S"), 3, CHAT)
    assert all(layout.pipeline_parallel > 1 for layout in staged)


def test_a_partition_of_a_card_has_a_layout_and_no_speed() -> None:
    found = best("qwen3-1.7b", "L4", 0.5, replace(CHAT, precision="bf16"))
    assert found.replicas == 1
    assert found.capacity_requests_per_second is None
    assert found.within_targets is None


models_ = st.sampled_from(["llama-3.1-8b", "llama-2-70b", "qwen3-32b", "mixtral-8x7b"])
cards = st.sampled_from(["L4", "A10G", "L40S", "A100-40GB", "A100-80GB", "H100", "H200"])


@given(models_, cards, st.sampled_from([1, 2, 4, 8]), st.sampled_from([Targets(), FAST]))
@settings(deadline=None, max_examples=40)
def test_the_best_layout_serves_as_much_as_any_and_fits_the_machine(
    model: str, card: str, count: int, targets: Targets
) -> None:
    question = replace(CHAT, targets=targets)
    known = models.get(model), accelerators.get(card), count, question
    found, every = layouts.best(*known), layouts.all_layouts(*known)
    assert (found is None) == (not every)
    for layout in every:
        assert layout.replicas * layout.gpus_per_replica <= count
        assert layout.kv_cache_tokens_low <= layout.kv_cache_tokens_high
        assert found is not None
        assert (found.capacity_requests_per_second or 0) >= 0.98 * (
            layout.capacity_requests_per_second or 0
        )


@given(models_, cards)
@settings(deadline=None, max_examples=20)
def test_looser_targets_never_serve_less(model: str, card: str) -> None:
    known = models.get(model), accelerators.get(card), 8
    tight = layouts.best(*known, replace(CHAT, targets=FAST))
    loose = layouts.best(*known, replace(CHAT, targets=Targets(4.0, 0.1)))
    if tight is not None:
        assert loose is not None
        assert (tight.capacity_requests_per_second or 0) <= 1.05 * (
            loose.capacity_requests_per_second or 0
        )
