"""Fitting is one question, loading another: methods, cards, and scales that must divide."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from model_corpus import all_facts, build

from planner.serving import accelerators, checkpoint_support, engines, memory, models
from planner.serving.memory.fit import fit
from planner.serving.models import Quantization, reader

if TYPE_CHECKING:
    from pathlib import Path

    from planner.serving.models import Model

H100, L4, V100 = (accelerators.get(name) for name in ("H100", "L4", "V100-16GB"))


def quantized(method: str, precision: str = "int4", **fields: Any) -> Model:
    model = models.get("llama-3.1-8b")
    found = Quantization(method, 4.125, **fields)
    return replace(model, quantization=found, native_precision=precision)


@pytest.mark.parametrize(
    "method", ["bitsandbytes", "gguf", "aqlm", "hqq", "eetq", "exl2", "not named"]
)
def test_vllm_loads_no_such_checkpoint_and_the_way_out_is_named(method: str) -> None:
    answer = checkpoint_support.loads(quantized(method), H100)
    assert not answer.runs
    assert method in answer.reason
    assert "--weights" in answer.fix
    found = fit(quantized(method), H100, count=1, precision="int4")
    assert found.fits, "it fits; that it is not loaded is another matter"
    assert any(answer.reason in warning for warning in found.warnings)


@pytest.mark.parametrize(
    ("engine", "method"),
    [("sglang", "gguf"), ("tgi", "eetq"), ("llama.cpp", "gguf"), ("vllm", "compressed-tensors")],
)
def test_each_engine_has_methods_of_its_own(engine: str, method: str) -> None:
    assert checkpoint_support.loads(quantized(method), H100, engine=engine).runs


def test_awq_asks_for_a_card_newer_than_volta() -> None:
    assert not checkpoint_support.loads(quantized("awq"), V100).runs
    assert checkpoint_support.loads(quantized("awq"), L4).runs
    assert any(
        "AWQ" in warning for warning in engines.support(quantized("awq"), V100, "int4").warnings
    )


def test_experts_that_blocks_do_not_let_split_are_served_whole(tmp_path: Path) -> None:
    model = reader.read(build(all_facts()["Qwen/Qwen3-235B-A22B-FP8"], tmp_path))
    assert checkpoint_support.splits(model, 4) == checkpoint_support.Answer()
    eight = checkpoint_support.splits(model, 8)
    assert eight.runs
    assert eight.flags == ("enable-expert-parallel",)
    assert "1,536 / 8 is no multiple of 128" in eight.warnings[0]
    found = fit(model, H100, count=8, precision="fp8", tensor_parallel=8)
    assert any("--enable-expert-parallel" in warning for warning in found.warnings)


def test_dense_layers_that_blocks_do_not_let_split_are_refused_with_a_width_that_works() -> None:
    model = replace(
        quantized("fp8", "fp8", block=(128, 128)), intermediate=128 * 12, heads=32, kv_heads=8
    )
    answer = checkpoint_support.splits(model, 8)
    assert not answer.runs
    assert answer.fix == "tensor parallel 4"
    assert not memory.can_shard(model, H100, 8)
    assert (
        "tensor parallel 4" in fit(model, H100, count=8, precision="fp8", tensor_parallel=8).reason
    )


def test_groups_of_a_row_must_divide_as_well() -> None:
    model = replace(quantized("gptq", group=128), intermediate=128 * 9)
    assert not checkpoint_support.splits(model, 2).runs
    assert checkpoint_support.splits(model, 1).runs
    assert checkpoint_support.splits(quantized("gptq", group=None), 4).runs


def test_weights_in_16_bits_are_loaded_by_every_engine() -> None:
    model = models.get("llama-3.1-8b")
    assert checkpoint_support.loads(model, H100, engine="tgi").runs
    assert checkpoint_support.splits(model, 8) == checkpoint_support.Answer()
