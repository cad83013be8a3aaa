"""What ``import planner`` offers."""

from __future__ import annotations

import doctest
import inspect
import subprocess
import sys
from datetime import date

import pytest

import planner
from planner import api, planning

AS_OF = date(2026, 11, 23)


def test_every_public_name_can_be_used_and_is_listed() -> None:
    assert set(planner.__all__) == {"__version__", *planner._PUBLIC}
    for name in planner.__all__:
        assert getattr(planner, name) is not None
        assert name in dir(planner)


def test_a_name_that_is_not_public_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'compere'"):
        _ = planner.compere


def test_importing_planner_loads_no_library() -> None:
    heavy = "{'click', 'duckdb', 'numpy', 'pandas', 'rich'}"
    code = f"import planner, sys; sys.exit(', '.join({heavy} & set(sys.modules)) or 0)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_keyword_arguments_are_exactly_the_fields_of_a_request() -> None:
    fields = {
        name: annotation
        for name, annotation in planning.Request.__annotations__.items()
        if name != "model"
    }
    assert {k: v.__forward_arg__ for k, v in api.Options.__annotations__.items()} == fields


def test_compare_by_keywords_is_the_comparison_of_that_request() -> None:
    by_keywords = planner.compare("llama-2-70b", geo="eu", as_of=AS_OF, clouds=("azure",))
    request = planner.Request("llama-2-70b", geo="eu", as_of=AS_OF, clouds=("azure",))
    assert by_keywords == planning.compare(request)
    assert {plan.cloud for plan in by_keywords.plans} == {"azure"}


def test_explain_by_keywords_gives_the_reasons() -> None:
    (verdict,) = planner.explain("llama-2-70b", instance_types=("g5.12xlarge",))
    assert not verdict["fits"]
    assert "128.5 GiB" in verdict["reason"]


def test_an_unknown_model_names_the_nearest() -> None:
    with pytest.raises(planner.PlannerError, match="unknown model 'llama-2-70'") as error:
        planner.compare("llama-2-70")
    assert "llama-2-70b" in error.value.why


@pytest.mark.parametrize("module", [api, inspect.getmodule(planner.total_cost)])
def test_examples_in_docstrings_are_true(module: object) -> None:
    assert inspect.ismodule(module)
    assert doctest.testmod(module).failed == 0
