"""Sizes of weights and KV cache against published checkpoints and hand-computed figures."""

from __future__ import annotations

import pytest

from planner.errors import UnknownNameError
from planner.serving import accelerators, memory, models, precision

GB = 1e9
GIB = 2**30


@pytest.mark.parametrize(
    ("model", "scheme", "published_gb"),
    [
        # The card of TheBloke/Synthia-70B-v1.2b-AWQ (a Llama 2 70B): 4 bit, group 128, 36.61 GB.
        ("llama-2-70b", "awq", 36.61),
        # Table 1 of the gpt-oss model card: 60.8 GiB and 12.8 GiB.
        ("gpt-oss-120b", "mxfp4", 60.8 * GIB / GB),
        ("gpt-oss-20b", "mxfp4", 12.8 * GIB / GB),
    ],
)
def test_weights_have_the_size_of_the_published_checkpoint(
    model: str, scheme: str, published_gb: float
) -> None:
    size = memory.weight_bytes(models.get(model), scheme) / GB
    assert size == pytest.approx(published_gb, rel=0.005)


def test_fp8_leaves_embeddings_and_output_head_at_16_bits() -> None:
    tables = 2 * 128_256 * 8192
    linear = 70.55e9 - tables
    size = memory.weight_bytes(models.get("llama-3.1-70b"), "fp8")
    assert size == pytest.approx(linear + 2 * tables, rel=0.001)


@pytest.mark.parametrize(
    ("model", "values_per_token"),
    [
        ("llama-2-7b", 2 * 32 * 128 * 32),  # MHA: key and value, heads, head_dim, layers
        ("llama-2-70b", 2 * 8 * 128 * 80),  # GQA: 8 KV heads of 64
        ("deepseek-v3", (512 + 64) * 61),  # MLA: one latent and one rotary key
    ],
)
def test_kv_cache_of_a_token_counts_every_layer(model: str, values_per_token: int) -> None:
    known = models.get(model)
    assert memory.kv_bytes_per_token(known) == 2 * values_per_token
    assert memory.kv_bytes_per_token(known, "fp8") == values_per_token


def test_a_sliding_window_makes_long_contexts_cheaper() -> None:
    footprint = memory.Footprint.of(models.get("gpt-oss-120b"), "mxfp4")
    one = memory.Split(1)
    # Half of the layers look back 128 tokens only: a long sequence takes half as much a token.
    whole = footprint.device_kv(one, 131_072, windowed=False)
    assert footprint.device_kv(one, 131_072) == pytest.approx(whole / 2, rel=0.01)


def test_kv_heads_are_copied_when_there_are_more_gpus_than_heads() -> None:
    footprint = memory.Footprint.of(models.get("llama-2-70b"), "fp16")
    eight = footprint.device_kv(memory.Split(8), 4096)
    sixteen = footprint.device_kv(memory.Split(16), 4096)
    assert sixteen == eight


def test_every_gpu_holds_the_whole_latent_of_mla() -> None:
    footprint = memory.Footprint.of(models.get("deepseek-v3"), "fp8")
    assert footprint.device_kv(memory.Split(8), 100) == footprint.device_kv(memory.Split(1), 100)


def test_the_fullest_pipeline_stage_decides_when_layers_do_not_divide() -> None:
    model = models.get("llama-2-70b")
    footprint = memory.Footprint.of(model, "fp16")
    layer = memory.layer_bytes(model, "fp16") / 80
    expected = 27 * layer + 2 * model.vocab * model.hidden
    assert footprint.device_weights(memory.Split(1, 3)) == pytest.approx(expected)


@pytest.mark.parametrize(("width", "allowed"), [(1, True), (2, True), (3, False), (8, True)])
def test_tensor_parallelism_must_divide_the_heads(width: int, allowed: bool) -> None:  # noqa: FBT001 - parametrized
    can = memory.can_shard(models.get("llama-2-70b"), accelerators.get("A10G"), width)
    assert can is allowed


def test_neuron_pads_heads_that_do_not_divide() -> None:
    assert memory.can_shard(models.get("llama-2-70b"), accelerators.get("Inferentia2"), 12)


def test_an_unknown_precision_names_the_ones_there_are() -> None:
    with pytest.raises(UnknownNameError, match="fp7") as caught:
        precision.get("fp7")
    assert "fp8" in caught.value.nearest
    with pytest.raises(UnknownNameError, match="int4"):
        memory.kv_bytes_per_token(models.get("llama-2-7b"), "int4")


def test_precisions_answer_to_their_schemes() -> None:
    assert precision.get("AWQ").name == "int4"
    assert precision.get("gptq_int4").name == "int4"
    assert precision.get("NVFP4").name == "fp4"
