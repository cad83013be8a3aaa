"""The reader against published models: counts, bytes, caches and states, by their own keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from model_corpus import all_facts, build

from planner.serving.models import reader

if TYPE_CHECKING:
    from pathlib import Path

    from planner.serving.models import Model

# Shares by which a figure may differ: towers are sized by rule, bytes by the width of a method.
_MAY_DIFFER = {
    "parameters": 0.005,
    "active_parameters": 0.01,
    "weights_bytes": 0.03,
    "kv_bytes_per_token": 0.001,
    "kv_bytes_beyond_window": 0.001,
    "window_tokens": 0,
    "state_bytes": 0.001,
    "max_context": 0,
}
_WITH_TOWERS = 0.02


def _read(model: Model) -> dict[str, float | None]:
    return {
        "parameters": model.parameters,
        "active_parameters": model.active_parameters,
        "weights_bytes": model.loaded_bytes,
        "kv_bytes_per_token": model.kv_bytes_per_token(),
        "kv_bytes_beyond_window": model.kv_bytes_per_token(beyond_window=True),
        "window_tokens": model.sliding_window,
        "state_bytes": model.state_bytes,
        "max_context": model.max_context,
    }


@pytest.mark.parametrize("name", all_facts())
def test_a_published_model_is_read_right(name: str, tmp_path: Path) -> None:
    facts = all_facts()[name]
    read = _read(reader.read(build(facts, tmp_path)))
    wrong: dict[str, Any] = {}
    for figure, right in facts["expected"].items():
        share = _MAY_DIFFER[figure]
        if figure == "parameters" and facts["towers"]:
            share = _WITH_TOWERS
        if read[figure] != pytest.approx(right, rel=share, abs=1):
            wrong[figure] = (read[figure], right)
    assert not wrong


def test_the_corpus_has_every_kind_of_layer() -> None:
    names = all_facts()
    assert len(names) > 170
    for kind in ("Mamba", "Kimi", "MiniMax", "DeepSeek-V4", "Jamba", "gemma-3", "Nemotron-Super"):
        assert any(kind.casefold() in name.casefold() for name in names), kind
