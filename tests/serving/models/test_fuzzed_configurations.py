"""Whatever a file holds: a model or an error of planner's, never a traceback or a silent 16-bit."""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from model_corpus import all_facts

from planner.errors import PlannerError
from planner.serving.models import gguf_header, reader

if TYPE_CHECKING:
    from pathlib import Path

    from planner.serving.models import Model

_CONFIGURATIONS = [
    facts["files"]["config.json"]
    for facts in all_facts().values()
    if "config.json" in facts.get("files", {})
]
_ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([0, -1, 1, 7, 10**6, 10**18, 1e300, math.inf, math.nan, 0.5, "64", "auto", ""]),
    st.lists(st.integers(-1, 9), max_size=3),
    st.dictionaries(st.sampled_from(["factor", "type", "weights"]), st.integers(), max_size=2),
    st.just([None]),
    st.just([[1]]),
    st.just({"text_config": {"text_config": {}}}),
)


@st.composite
def damaged(draw: st.DrawFn) -> dict[str, Any]:
    """Give a real configuration with some of its keys, at any depth, replaced or taken away."""
    config = copy.deepcopy(draw(st.sampled_from(_CONFIGURATIONS)))
    for _ in range(draw(st.integers(1, 5))):
        place = config
        while (inner := [v for v in place.values() if isinstance(v, dict) and v]) and draw(
            st.booleans()
        ):
            place = draw(st.sampled_from(inner))
        key = draw(st.sampled_from(sorted(place)))
        if draw(st.booleans()):
            place[key] = copy.deepcopy(draw(_ODD))  # it may be damaged in its turn
        else:
            del place[key]
        if not place:
            break
    return config


def _read(config: dict[str, Any]) -> Model | None:
    try:
        return reader.of(reader.Checkpoint(config, "fuzzed", "a file"))
    except PlannerError as error:
        refusal = error
    assert str(refusal)
    assert refusal.why
    return None


@pytest.mark.long
@given(damaged())
@settings(max_examples=400, deadline=None)
def test_a_damaged_configuration_is_a_model_or_an_error(config: dict[str, Any]) -> None:
    model = _read(config)
    if model is None:
        return
    assert 0 < model.parameters < 1e15
    assert 0 <= model.active_parameters <= model.parameters
    assert math.isfinite(model.kv_bytes_per_token())
    assert model.kv_bytes_per_token(beyond_window=True) <= model.kv_bytes_per_token()
    assert math.isfinite(model.state_bytes)
    assert model.max_context > 0
    assert model.loaded_bytes is None or 0 < model.loaded_bytes <= 2.01 * model.parameters


@pytest.mark.long
@given(
    st.sampled_from(_CONFIGURATIONS),
    st.dictionaries(
        st.sampled_from(["quant_method", "bits", "group_size", "config_groups", "quant_type"]),
        st.one_of(_ODD, st.text(max_size=12)),
        min_size=1,
    ),
)
@settings(max_examples=300, deadline=None)
def test_a_quantization_that_nobody_knows_is_never_taken_for_16_bits(
    config: dict[str, Any], quantization: dict[str, Any]
) -> None:
    plain = {k: v for k, v in config.items() if "quantization" not in k and k != "text_config"}
    model = _read({**plain, "quantization_config": quantization})
    if model is None:
        return
    assert model.quantization is not None
    known = model.quantization.bits is not None
    assert bool(model.native_precision) == known
    assert (model.loaded_bytes is not None) == known
    assert known or any("not known" in warning for warning in model.warnings)


@given(st.binary(max_size=400))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_a_header_or_an_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "any.gguf"
    path.write_bytes(b"GGUF\x03\x00\x00\x00" + content)
    try:
        header = gguf_header.read(path)
    except PlannerError:
        return
    assert isinstance(header.fields, dict)


@given(st.text(max_size=60))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_in_the_place_of_a_configuration_is_an_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(text, encoding="utf-8")
    with pytest.raises(PlannerError) as caught:
        reader.read(tmp_path)
    assert caught.value.advice
