"""Models outside planner's table go to clouds as well: their config.json says what they are."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hub import LLAMA

from planner.endpoints.deploying import outside
from planner.errors import UnknownNameError, UsageError
from planner.serving import models

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from subprocess import CompletedProcess

    Planner = Callable[..., CompletedProcess[str]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "my-llama"
    path.mkdir()
    (path / "config.json").write_text(json.dumps(LLAMA))
    return path


def test_a_model_of_the_table_keeps_its_row(hub: list[str | None]) -> None:
    assert outside.learn("meta-llama/Llama-2-70b-hf") == "llama-2-70b"
    assert hub == []


def test_an_id_of_the_hub_is_a_model_like_any_other_then(hub: list[str | None]) -> None:
    name = outside.learn("someone/llama")
    assert models.get(name) is models.get("someone/llama")
    assert models.get(name).params_b == pytest.approx(6.74, abs=0.01)
    asked = len(hub)
    assert outside.learn("someone/llama") == name
    assert len(hub) == asked, "it is read once"
    assert name not in {model.name for model in models.all_models()}


def test_no_model_of_the_table_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "Llama-2-70b"
    path.mkdir()
    (path / "config.json").write_text(json.dumps(LLAMA))
    name = outside.learn(str(path), "someone/llama-70b")
    assert name == "own-llama-2-70b"
    assert models.get("llama-2-70b").params_b == pytest.approx(69, abs=0.5)
    with pytest.raises(UsageError, match="another model"):
        models.add(models.get("llama-2-70b"))


def test_a_cloud_cannot_read_a_folder_that_is_here(folder: Path) -> None:
    with pytest.raises(UsageError, match="on this machine only"):
        outside.learn(str(folder))
    assert outside.learn(str(folder), "s3://bucket/llama/") == "my-llama"


def test_a_word_that_means_nothing_is_an_unknown_model() -> None:
    with pytest.raises(UnknownNameError, match="nonsense"):
        outside.learn("nonsense")


@pytest.mark.long
@pytest.mark.parametrize("service", ["sagemaker", "gce", "azure-vm"])
def test_every_cloud_plans_an_id_of_the_hub(
    service: str, hub: list[str | None], installed_planner: Planner
) -> None:
    arguments = ("deploy", "someone/llama", "--to", service, "--accept-license", "--plan")
    done = installed_planner(
        *("--sandbox", *arguments, "--format", "json"), PLANNER_SANDBOX_SCENARIO="approved"
    )
    assert hub, done.stderr
    made = json.loads(done.stdout)
    assert (made["plan"]["service"], made["plan"]["model"]) == (service, "llama")


@pytest.mark.long
def test_manifests_serve_a_folder_whose_weights_are_on_the_hub(
    folder: Path, installed_planner: Planner
) -> None:
    done = installed_planner(
        *("deploy", str(folder), "--weights", "someone/llama", "--emit", "kubernetes")
    )
    assert done.returncode == 0, done.stderr
    assert "- someone/llama" in done.stdout
    assert "--served-model-name=my-llama" in done.stdout
