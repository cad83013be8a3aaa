"""Verdicts, and the one line that explains each."""

from __future__ import annotations

from typing import Any

import pytest

from planner.errors import UsageError
from planner.serving import accelerators, models
from planner.serving.memory import EngineSettings
from planner.serving.memory.fit import Fit, fit


def try_fit(model: str, card: str, count: float, precision: str = "bf16", **more: Any) -> Fit:
    options: dict[str, Any] = {"host_memory_gib": 2048, "context": 4096, "concurrency": 4, **more}
    return fit(
        models.get(model), accelerators.get(card), count=count, precision=precision, **options
    )


def test_the_reason_reads_as_the_issue_asks() -> None:
    for card in ("A10G", "L4"):
        found = try_fit("llama-2-70b", card, 4)
        assert found.reason == (
            "needs 128.5 GiB for weights + 5.0 GiB KV; 4x24 GiB has 86 usable: no"
        )
        assert not found.fits


def test_eight_a10g_hold_llama_2_70b() -> None:
    found = try_fit("llama-2-70b", "A10G", 8)
    assert found.fits
    assert found.reason == "needs 128.5 GiB for weights + 5.0 GiB KV; 8x24 GiB has 173 usable: yes"
    assert (found.tensor_parallel, found.pipeline_parallel) == (8, 1)
    assert found.max_concurrency == found.kv_cache_tokens_low // 4096 == 7
    assert found.warnings == ()
    assert found.download_gb == pytest.approx(137.96)


@pytest.mark.parametrize(
    ("model", "card", "count"),
    [
        ("llama-2-13b", "T4", 4),  # text-generation-inference#1180: 13B on ml.g4dn.12xlarge
        ("llama-2-70b", "A10G", 8),  # text-generation-inference#1299: 70B on g5.48xlarge
        ("llama-2-70b", "A10G", 1),  # 70B fp16 on one A10G
    ],
)
def test_published_out_of_memory_reports_are_explained(model: str, card: str, count: int) -> None:
    unsharded = try_fit(model, card, count, "fp16", tensor_parallel=1)
    assert not unsharded.fits
    assert unsharded.max_concurrency == 0
    size = accelerators.get(card).memory_gib
    of = f"1 of {count}x{size:g}" if count > 1 else f"1x{size:g}"
    assert f"; {of} GiB has {size * 0.9:.0f} usable: no" in unsharded.reason
    assert try_fit(model, card, count, "fp16").fits == (count > 1)


def test_a_cache_too_small_for_all_requests_says_how_many_fit() -> None:
    found = try_fit("llama-2-7b", "RTX-4090", 1)
    assert not found.fits
    assert found.tight
    assert found.max_concurrency == 3
    assert found.reason.endswith("1x24 GiB has 22 usable: tight (3 to 4 of 4 requests fit)")
    assert "+ 1.2 GiB runtime;" in found.reason


@pytest.mark.parametrize("card", ["K80", "P100", "Radeon-Pro-V520", "Inferentia1"])
def test_cards_no_engine_serves_on_are_not_offered_whatever_the_model(card: str) -> None:
    found = try_fit("qwen3-0.6b", card, 16, concurrency=1)
    assert not found.fits
    assert found.reason.startswith(f"{card} is not offered: ")
    assert found.kv_cache_tokens == 0


def test_v100_fits_with_its_warning() -> None:
    found = try_fit("llama-2-70b", "V100-32GB", 8)
    assert found.fits
    assert found.precision == "fp16"
    assert any("needs an old engine" in line for line in found.warnings)


def test_neuron_fits_and_says_what_it_needs() -> None:
    found = try_fit("llama-2-70b", "Inferentia2", 12)
    assert found.fits
    assert found.needs_neuron
    assert "the model must be compiled for AWS Neuron first" in found.warnings
    assert not try_fit("llama-2-70b", "A10G", 8).needs_neuron


def test_a_partition_has_its_share_of_the_memory() -> None:
    eighth = try_fit("qwen3-1.7b", "L4", 0.125, concurrency=1)
    assert not eighth.fits
    assert "1/8 of 24 GiB has 2.7 usable" in eighth.reason
    half = try_fit("qwen3-1.7b", "L4", 0.5, concurrency=1)
    assert half.fits
    assert half.tensor_parallel == 1
    assert any("GRID" in line for line in half.warnings)
    sixth = try_fit("llama-2-7b", "A10", 1 / 6)
    assert "1/6 of 24 GiB" in sixth.reason


def test_pipeline_stages_are_used_only_where_shards_are_not_enough() -> None:
    one = try_fit("llama-3.1-405b", "H100", 8)
    assert not one.fits
    two = try_fit("llama-3.1-405b", "H100", 8, instances=2)
    assert (two.tensor_parallel, two.pipeline_parallel) == (8, 2)
    assert two.fits
    assert "2 x 8x80 GiB has 1152 usable: yes" in two.reason
    assert "spans 2 instances: the engine must run multi-node" in two.warnings


def test_a_second_instance_that_is_not_needed_is_named() -> None:
    found = try_fit("llama-2-7b", "H100", 1, instances=2)
    assert found.pipeline_parallel == 1
    assert "1 of the 2 instances would do" in found.warnings


def test_gpus_that_the_heads_cannot_use_are_named() -> None:
    found = try_fit("qwen2.5-7b", "A10G", 8)  # 28 heads
    assert found.tensor_parallel == 4
    assert "4 of 8x24 GiB" in found.reason
    assert "uses 4 of 8 GPUs; copies can run on the rest" in found.warnings


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"tensor_parallel": 8}, "tensor parallel 8 needs 8 GPUs in one instance, it has 4: no"),
        ({"tensor_parallel": 3}, "64 attention and 8 KV heads do not split over 3 GPUs: no"),
        (
            {"tensor_parallel": 4, "pipeline_parallel": 2},
            "2 stages of 4 GPUs need 8, 4 are here: no",
        ),
        ({"tensor_parallel": 2, "replicas": 3}, "3 copies of 2 GPUs need 6, 4 are here: no"),
        ({"pipeline_parallel": 5}, "5 stages of 1 GPUs need 5, 4 are here: no"),
    ],
)
def test_a_layout_that_cannot_be_is_refused_with_its_reason(
    options: dict[str, Any], reason: str
) -> None:
    found = try_fit("llama-2-70b", "A100-80GB", 4, **options)
    assert not found.fits
    assert found.reason == reason


def test_a_fit_that_depends_on_the_range_is_tight_and_says_what_to_set() -> None:
    found = try_fit("qwen3-32b", "H100", 1)
    assert found.tight
    assert not found.fits
    assert found.remedies == (
        "--max-num-seqs 512",
        "--gpu-memory-utilization 0.95",
        "--kv-precision fp8",
        "--context 3840",
    )
    assert any(
        line.startswith("tight: fits for sure with --max-num-seqs") for line in found.warnings
    )


def test_each_remedy_makes_it_fit() -> None:
    for settings in (
        EngineSettings(most_requests=512),
        EngineSettings(utilization=0.95),
        EngineSettings(kv_precision="fp8"),
    ):
        assert try_fit("qwen3-32b", "H100", 1, settings=settings).fits
    assert try_fit("qwen3-32b", "H100", 1, context=3840).fits


def test_copies_on_one_machine_share_the_requests() -> None:
    one = try_fit("llama-3.1-8b", "L4", 8, tensor_parallel=1, concurrency=6)
    assert one.fits
    assert "uses 1 of 8 GPUs; copies can run on the rest" in one.warnings
    eight = try_fit("llama-3.1-8b", "L4", 8, tensor_parallel=1, replicas=8, concurrency=48)
    assert eight.fits
    assert eight.max_concurrency == 8 * one.max_concurrency
    assert eight.kv_cache_tokens_low == one.kv_cache_tokens_low


def test_a_context_beyond_the_models_own_is_a_warning() -> None:
    found = try_fit("llama-2-7b", "A100-80GB", 1, context=8192, concurrency=1)
    assert found.fits
    assert "8192 tokens are more than the 4096 that llama-2-7b was made for" in found.warnings


def test_the_host_is_never_a_refusal() -> None:
    unknown = try_fit("llama-2-70b", "A10G", 8, host_memory_gib=None)
    assert unknown.warnings == ("host memory is not known; loading takes about 29 GiB",)
    small = try_fit("llama-2-70b", "A10G", 8, host_memory_gib=8, local_storage_gb=100)
    assert small.fits
    assert small.warnings == (
        "host memory of 8 GiB is small: loading takes 29",
        "local disk of 100 GB is too small for 138 GB of weights: add a larger one",
    )
    sized = try_fit("llama-2-70b", "A10G", 8, local_storage_gb=0)
    assert sized.warnings == ()


def test_gemma_does_not_run_where_there_is_no_bf16() -> None:
    found = try_fit("gemma-2-9b", "T4", 4)
    assert found.reason == "gemma-2-9b overflows in fp16 and T4 (Turing) has no bf16: no"


@pytest.mark.parametrize(
    "options",
    [
        {"context": 0},
        {"concurrency": -1},
        {"instances": 0},
        {"count": 0},
        {"count": -2},
        {"count": 2.5},
        {"tensor_parallel": 0},
        {"pipeline_parallel": -1},
    ],
)
def test_numbers_that_make_no_sense_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        try_fit("llama-2-7b", "H100", **{"count": 1, **options})
