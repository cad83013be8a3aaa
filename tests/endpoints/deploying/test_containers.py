"""Image, weights, disk and environment of a plan; and the SDK they come from."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import borrowed
import pytest
from rig import cheapest

from planner.bundled import deploy_templates
from planner.endpoints.deploying import containers, vllm_command
from planner.errors import NotFoundError, UnknownNameError, UsageError
from planner.serving import models, table

if TYPE_CHECKING:
    from planner.plan import Plan

FOLDER = deploy_templates() / "sagemaker"
REGISTRIES = table.read(FOLDER / "image_registries.csv")
IMAGES = {row["engine"]: row for row in table.read(FOLDER / "images.csv")}


@pytest.mark.long
@pytest.mark.parametrize("engine", sorted(IMAGES))
def test_every_image_is_the_sdk_s(engine: str) -> None:
    regions = [row["region"] for row in REGISTRIES if row["engine"] == engine]
    known = (IMAGES[engine]["framework"], IMAGES[engine]["version"])
    assert regions
    assert [containers.image_uri(engine, region) for region in regions] == borrowed.sdk_images(
        (*known, region) for region in regions
    )


@pytest.mark.parametrize(
    ("engine", "region", "uri"),
    [  # as the SDK answered, read once by hand
        (
            "vllm",
            "us-east-1",
            "763104351884.dkr.ecr.us-east-1.amazonaws.com/vllm:0.30.0-gpu-py312-cu130-ubuntu24.04-sagemaker",
        ),
        (
            "lmi",
            "af-south-1",
            "626614931356.dkr.ecr.af-south-1.amazonaws.com/djl-inference:0.38.0-lmi29.0.0-cu130",
        ),
        (
            "tgi",
            "cn-north-1",
            "727897471807.dkr.ecr.cn-north-1.amazonaws.com.cn/huggingface-pytorch-tgi-inference:2.7.0-tgi3.3.6-gpu-py311-cu124-ubuntu22.04",
        ),
    ],
)
def test_images_have_the_account_and_domain_of_their_region(
    engine: str, region: str, uri: str
) -> None:
    assert containers.image_uri(engine, region) == uri


def test_a_region_without_the_image_is_an_error_with_a_way_out() -> None:
    with pytest.raises(NotFoundError) as caught:
        containers.image_uri("vllm", "cn-north-1")
    assert "--engine lmi" in caught.value.advice


def test_the_host_image_follows_the_cuda_version(plan: Plan) -> None:
    weights = containers.weights_for(models.get(plan.model), plan.precision)
    images = {
        engine: containers.container_for(plan, weights, engine=engine, context=4096).machine_image
        for engine in containers.ENGINES
    }
    assert images == {
        "vllm": "al2023-ami-sagemaker-inference-gpu-4-1",
        "lmi": "al2023-ami-sagemaker-inference-gpu-4-1",
        "tgi": "al2-ami-sagemaker-inference-gpu-3-1",
    }


def test_the_environment_says_what_the_plan_says() -> None:
    plan = cheapest(instance_types=("ml.g5.48xlarge",))
    weights = containers.weights_for(models.get(plan.model), plan.precision)
    made = containers.container_for(plan, weights, engine="vllm", context=4096)
    assert made.environment == {
        "SM_VLLM_MODEL": "meta-llama/Llama-2-70b-chat-hf",
        "SM_VLLM_SERVED_MODEL_NAME": "llama-2-70b",
        "SM_VLLM_TENSOR_PARALLEL_SIZE": "8",
        "SM_VLLM_MAX_MODEL_LEN": "4096",
        "SM_VLLM_GPU_MEMORY_UTILIZATION": "0.90",
        "SM_VLLM_DTYPE": "float16",
    }


def test_an_unknown_engine_names_those_there_are(plan: Plan) -> None:
    weights = containers.weights_for(models.get(plan.model), plan.precision)
    with pytest.raises(UnknownNameError):
        containers.container_for(plan, weights, engine="triton", context=4096)


def test_fp8_is_quantized_while_loading_and_int8_needs_a_checkpoint() -> None:
    model = models.get("llama-2-70b")
    fp8 = containers.weights_for(model, "fp8")
    assert (fp8.location, fp8.quantization) == ("meta-llama/Llama-2-70b-chat-hf", "fp8")
    assert fp8.size_gb == pytest.approx(137.95, abs=0.05)  # it is downloaded at 16 bits
    with pytest.raises(UsageError) as caught:
        containers.weights_for(model, "int8")
    assert "--weights" in caught.value.advice
    assert containers.weights_for(model, "int8", "me/own-w8a8").location == "me/own-w8a8"


def test_a_volume_is_ordered_only_where_the_machine_has_no_disk() -> None:
    weights = containers.weights_for(models.get("llama-2-7b"), "fp16")
    assert containers.volume_gb("ml.g5.xlarge", weights) is None
    assert containers.volume_gb("ml.p3.2xlarge", weights) == 47
    large = containers.weights_for(models.get("llama-3.1-405b"), "bf16")
    assert containers.volume_gb("ml.p3.2xlarge", large) == 512


def test_unknown_licences_are_not_taken_for_open_ones() -> None:
    assert containers.license_of(models.get("llama-2-70b")) == (
        True,
        "https://ai.meta.com/llama/license/",
    )
    for model in models.all_models():
        must_accept, url = containers.license_of(model)
        assert url.startswith("https://")
        assert must_accept or model.license.startswith(("Apache", "MIT", "Modified MIT"))


def test_large_weights_get_the_longest_time_sagemaker_allows() -> None:
    large = containers.weights_for(models.get("llama-2-70b"), "fp16")
    small = containers.weights_for(models.get("llama-2-7b"), "fp16")
    assert containers.startup_timeout_s(large) == 3600
    assert containers.startup_timeout_s(small) == 1800


def test_the_copies_that_were_promised_are_started() -> None:
    plan = replace(cheapest(model="llama-3.1-8b"), replicas=4, tensor_parallel=2)
    weights = containers.weights_for(models.get("llama-3.1-8b"), "bf16")
    made = containers.container_for(plan, weights, engine="vllm", context=4096)
    assert made.environment["SM_VLLM_DATA_PARALLEL_SIZE"] == "4"
    assert made.environment["SM_VLLM_TENSOR_PARALLEL_SIZE"] == "2"
    one = vllm_command.flags(plan, weights, 4096, copies=1)  # a pod of its own for each
    assert "data-parallel-size" not in one


def test_what_the_engine_is_told_about_memory_is_what_the_plan_assumed() -> None:
    plan = cheapest(model="llama-3.1-8b")
    weights = containers.weights_for(models.get("llama-3.1-8b"), "bf16")
    usual = vllm_command.flags(plan, weights, 4096)
    assert usual["gpu-memory-utilization"] == "0.90"
    assert not {"kv-cache-dtype", "max-num-seqs"} & set(usual)
    told = replace(plan, kv_precision="fp8", max_num_seqs=128, gpu_memory_utilization=0.95)
    flags = vllm_command.flags(told, weights, 4096)
    assert flags["kv-cache-dtype"] == "fp8"
    assert flags["max-num-seqs"] == "128"
    assert flags["gpu-memory-utilization"] == "0.95"
