"""Deploys in the sandbox of what people bring: a fine-tune in S3, a quantized id, an adapter."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hub import LLAMA

from planner.clouds import aws
from planner.sandbox import process, scenarios

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from subprocess import CompletedProcess

    from planner.sandbox.server import Sandbox

    Planner = Callable[..., CompletedProcess[str]]

REGION = "us-east-1"
DEPLOY = ("--to", "sagemaker", "--region", REGION, "--yes", "--create-roles", "--accept-license")


@pytest.fixture
def world(sandbox: Sandbox, own_state_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """A sandbox with quotas that the installed command finds."""
    own_state_folder.mkdir(parents=True, exist_ok=True)
    monkeypatch.setenv("PLANNER_SANDBOX", "1")
    monkeypatch.delenv("HF_TOKEN", raising=False)
    process.write_state(sandbox.endpoints)
    base = scenarios.with_settings(
        scenarios.get("approved"), {"endpoint_startup_s": "0", "list_lag_s": "0"}
    )
    sandbox.world.reset(base)
    return sandbox


def made() -> dict[str, Any]:
    """Return the one model that stands in the account: its data and what its container is told."""
    client = aws.client("sagemaker", REGION)
    (listed,) = client.list_models()["Models"]
    container: dict[str, Any] = client.describe_model(ModelName=listed["ModelName"])[
        "PrimaryContainer"
    ]
    return container


@pytest.mark.long
@pytest.mark.usefixtures("world")
def test_a_fine_tune_is_served_from_its_bucket(tmp_path: Path, installed_planner: Planner) -> None:
    folder = tmp_path / "fine-llama"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(LLAMA))
    weights = ("--weights", "s3://bucket/fine/")
    done = installed_planner("deploy", str(folder), *weights, *DEPLOY)
    assert done.returncode == 0, done.stderr
    container = made()
    source = container["ModelDataSource"]["S3DataSource"]["S3Uri"]
    assert source == "s3://bucket/fine/"
    assert container["Environment"]["SM_VLLM_SERVED_MODEL_NAME"] == "fine-llama"


@pytest.mark.long
@pytest.mark.usefixtures("world", "hub")
def test_a_quantized_id_is_served_as_it_is(installed_planner: Planner) -> None:
    done = installed_planner("deploy", "someone/llama-awq", *DEPLOY)
    assert done.returncode == 0, done.stderr
    told = made()["Environment"]
    assert told["SM_VLLM_MODEL"] == "someone/llama-awq"
    assert "SM_VLLM_QUANTIZATION" not in told, "the checkpoint says its method itself"


@pytest.mark.long
@pytest.mark.usefixtures("world", "hub")
def test_an_adapter_is_served_on_its_base(installed_planner: Planner) -> None:
    done = installed_planner("deploy", "someone/lora", *DEPLOY)
    assert done.returncode == 0, done.stderr
    told = made()["Environment"]
    assert told["SM_VLLM_MODEL"] == "someone/llama"
    assert told["SM_VLLM_LORA_MODULES"] == "lora=someone/lora"
    assert (told["SM_VLLM_ENABLE_LORA"], told["SM_VLLM_MAX_LORA_RANK"]) == ("", "16")
    assert told["SM_VLLM_SERVED_MODEL_NAME"] == "someone/llama"


@pytest.mark.usefixtures("world")
def test_an_adapter_that_is_here_cannot_be_read_by_a_cloud(
    tmp_path: Path, installed_planner: Planner
) -> None:
    config = {"base_model_name_or_path": "llama-2-7b", "r": 8}
    (tmp_path / "adapter_config.json").write_text(json.dumps(config))
    done = installed_planner("deploy", str(tmp_path), *DEPLOY)
    assert done.returncode == 2
    assert "on this machine only" in done.stderr


@pytest.mark.usefixtures("world")
def test_a_checkpoint_that_vllm_does_not_load_is_refused_before_anything_is_made(
    tmp_path: Path, installed_planner: Planner
) -> None:
    quantization = {"quant_method": "bitsandbytes", "load_in_4bit": True}
    (tmp_path / "config.json").write_text(
        json.dumps({**LLAMA, "quantization_config": quantization})
    )
    done = installed_planner("deploy", str(tmp_path), "--weights", "s3://bucket/bnb/", *DEPLOY)
    assert done.returncode == 2
    assert "does not load" in done.stderr
    assert aws.client("sagemaker", REGION).list_models()["Models"] == []


@pytest.mark.long
@pytest.mark.usefixtures("world", "hub")
def test_a_model_is_served_with_an_adapter_and_the_users_own_arguments(
    installed_planner: Planner,
) -> None:
    own = ("--lora", "sql=someone/lora", "--engine-arg", "max-num-batched-tokens=8192")
    done = installed_planner("deploy", "someone/llama", *own, *DEPLOY)
    assert done.returncode == 0, done.stderr
    assert "Adapters take 0.02 GB" in done.stderr
    told = made()["Environment"]
    assert told["SM_VLLM_MODEL"] == "someone/llama"
    assert told["SM_VLLM_SERVED_MODEL_NAME"] == "llama"
    assert told["SM_VLLM_LORA_MODULES"] == "sql=someone/lora"
    assert told["SM_VLLM_MAX_NUM_BATCHED_TOKENS"] == "8192"
    again = installed_planner("deploy", "someone/llama", *own, *DEPLOY)
    assert "nothing to change" in again.stdout + again.stderr or again.returncode == 0
    changed = installed_planner(
        "deploy", "someone/llama", *own[:2], "--engine-arg", "max-num-batched-tokens=4096",
        *DEPLOY, "--plan",
    )  # fmt: skip
    assert "8192" in changed.stderr
    assert "4096" in changed.stderr


@pytest.mark.usefixtures("world", "hub")
def test_an_argument_that_the_engine_does_not_know_makes_nothing(
    installed_planner: Planner,
) -> None:
    done = installed_planner("deploy", "someone/llama", "--engine-arg", "max-tokns=1", *DEPLOY)
    assert done.returncode == 2
    assert "unknown argument of vLLM" in done.stderr
    assert aws.client("sagemaker", REGION).list_models()["Models"] == []
