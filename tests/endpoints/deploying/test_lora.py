"""Adapters beside their model: looked up before anything costs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from planner.endpoints.deploying import lora, vllm_command
from planner.errors import UsageError
from planner.serving import models

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("hub")


def test_an_adapter_gets_its_name_its_rank_and_its_room() -> None:
    served = lora.read(["sql=someone/lora"], models.find("someone/llama"), here=False)
    assert served.arguments == {
        "enable-lora": "",
        "lora-modules": "sql=someone/lora",
        "max-lora-rank": "16",
        "max-loras": "1",
    }
    (room,) = served.remarks
    assert room.startswith("Adapters take 0.02 GB")  # 32 layers x 2 x 16 x (4096 + 4096) x 2 bytes


def test_the_largest_rank_has_room_for_all(tmp_path: Path) -> None:
    folder = tmp_path / "wide"
    folder.mkdir()
    wide = {"base_model_name_or_path": "someone/llama", "r": 100, "target_modules": ["q_proj"]}
    (folder / "adapter_config.json").write_text(json.dumps(wide))
    model = models.find("someone/llama")
    served = lora.read([f"wide={folder}", "sql=someone/lora"], model, here=True)
    assert served.arguments["max-lora-rank"] == "128"
    assert served.arguments["max-loras"] == "2"
    assert served.arguments["lora-modules"] == f"wide={folder} sql=someone/lora"
    with pytest.raises(UsageError, match="cannot read it"):
        lora.read([f"wide={folder}"], model, here=False)


def test_a_folder_with_quotes_in_its_name_stays_one_word(tmp_path: Path) -> None:
    folder = tmp_path / "ada's"
    folder.mkdir()
    config = {"base_model_name_or_path": "someone/llama", "r": 8, "target_modules": ["q_proj"]}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    served = lora.read([f"ada={folder}"], models.find("someone/llama"), here=True)
    modules = {"lora-modules": served.arguments["lora-modules"]}
    assert vllm_command.words(modules) == ["--lora-modules", f"ada={folder}"]


@pytest.mark.parametrize(
    ("texts", "says"),
    [
        (["someone/lora"], "NAME=WHERE"),
        (["a b=someone/lora"], "NAME=WHERE"),
        (["sql=someone/lora", "sql=someone/lora"], "twice"),
        (["sql=someone/llama"], "no adapter"),
        (["llama=someone/lora"], "the name of the model itself"),
    ],
)
def test_what_is_no_adapter_is_refused(texts: list[str], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        lora.read(texts, models.find("someone/llama"), here=False)


def test_an_adapter_of_another_shape_is_refused_and_its_own_model_named() -> None:
    with pytest.raises(UsageError) as caught:
        lora.read(["sql=someone/lora"], models.get("llama-2-70b"), here=False)
    assert caught.value.advice == "planner deploy someone/llama --lora sql=someone/lora"


def test_an_adapter_of_a_sister_is_served_with_a_remark() -> None:
    served = lora.read(["sql=someone/lora"], models.get("llama-2-7b"), here=False)
    assert "of the same shape, with other weights" in served.remarks[0]


def test_a_model_that_is_an_adapter_takes_no_more() -> None:
    with pytest.raises(UsageError) as caught:
        lora.read(["sql=someone/lora"], models.find("someone/lora"), here=False)
    assert "planner deploy someone/llama --lora lora=someone/lora" in caught.value.advice
