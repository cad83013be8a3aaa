"""``planner mcp`` as an assistant sees it, through the official SDK's own client."""

from __future__ import annotations

import json
import logging
import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from mcp import Client, StdioServerParameters
from model_corpus import all_facts, build

from planner.mcp import server
from planner.planning import Request, compare, list_offers
from planner.serving import models

if TYPE_CHECKING:
    from collections.abc import Callable
    from subprocess import CompletedProcess

    from mcp_types import CallToolResult, Tool

    from planner.sandbox.server import Sandbox

AS_OF = "2026-11-23"
PLANNER = str(Path(sys.executable).with_name("planner"))


def call(name: str, **arguments: Any) -> CallToolResult:
    """Call a tool of a server in this process."""

    async def talk() -> CallToolResult:
        async with Client(server()) as client:
            return await client.call_tool(name, arguments)

    return anyio.run(talk)


def answer(name: str, **arguments: Any) -> dict[str, Any]:
    """Return what a tool gives when all goes well."""
    result = call(name, **arguments)
    assert not result.is_error, result.content
    assert result.structured_content is not None
    # Assistants without structured output read the same from the text.
    assert json.loads(_text(result)) == result.structured_content
    return dict(result.structured_content)


def _text(result: CallToolResult) -> str:
    (content,) = result.content
    assert content.type == "text"
    return content.text


def _tools() -> list[Tool]:
    async def ask() -> list[Tool]:
        async with Client(server()) as client:
            return (await client.list_tools()).tools

    return anyio.run(ask)


def test_offers_only_tools_that_read() -> None:
    tools = _tools()
    assert {tool.name for tool in tools} == {
        "compare",
        "fit",
        "prices",
        "models",
        "report",
        "quota_check",
    }
    for tool in tools:
        assert tool.annotations is not None
        assert tool.annotations.read_only_hint
        assert tool.description


def test_only_the_tool_that_reads_accounts_reaches_beyond_this_machine() -> None:
    reaching = {t.name for t in _tools() if t.annotations and t.annotations.open_world_hint}
    assert reaching == {"quota_check"}


def test_compare_gives_the_plans_of_the_same_comparison() -> None:
    found = answer("compare", model="llama-2-70b", as_of=AS_OF, top=3)
    expected = compare(Request("llama-2-70b", as_of=date.fromisoformat(AS_OF)))
    assert found["plans_in_all"] == len(expected.plans)
    assert [p["instance_type"] for p in found["plans"]] == [
        p.instance_type for p in expected.plans[:3]
    ]
    first = expected.plans[0]
    assert first.on_demand_monthly_usd is not None
    assert found["plans"][0]["on_demand_monthly_usd"] == float(first.on_demand_monthly_usd)
    assert found["as_of"] == AS_OF
    assert found["assumptions"]["hours_per_month"] == 730


def test_compare_limits_are_those_of_the_command() -> None:
    found = answer(
        "compare", model="llama-2-70b", as_of=AS_OF, clouds=["gcp"], max_monthly_usd=6000
    )
    assert {plan["cloud"] for plan in found["plans"]} == {"gcp"}
    assert all(
        min(p["on_demand_monthly_usd"], p["committed_1y_monthly_usd"] or 1e9) <= 6000
        for p in found["plans"]
    )


def test_fit_says_why_not() -> None:
    found = answer("fit", model="llama-2-70b", instance_types=["g5.12xlarge"])
    assert found["verdicts"][0]["fits"] is False
    assert "needs 128.5 GiB for weights" in found["verdicts"][0]["reason"]


def test_fit_can_leave_out_what_does_not_fit() -> None:
    found = answer("fit", model="llama-2-70b", only_fitting=True, top=500)
    assert found["verdicts_in_all"] == len(found["verdicts"]) > 10
    assert all(verdict["fits"] for verdict in found["verdicts"])


def test_prices_carry_date_source_and_confidence() -> None:
    arguments: dict[str, Any] = {
        "accelerators": ["H100"],
        "pricing_models": ["committed"],
        "term_years": [1],
    }
    found = answer("prices", **arguments, as_of=AS_OF, top=5)
    assert len(found["offers"]) == 5
    for offer in found["offers"]:
        assert offer["term_years"] == 1
        assert offer["as_of"] <= AS_OF
        assert offer["source"]
        assert offer["confidence"] in {"high", "medium", "low"}
        assert offer["effective_hourly_usd"] > 0
    assert found["offers_in_all"] == len(list_offers(geo="us", **arguments))


def test_models_explains_one_that_is_a_folder(tmp_path: Path) -> None:
    build(all_facts()["Qwen/Qwen3-32B-FP8"], tmp_path)
    found = answer("models", model=str(tmp_path))
    assert (found["native_precision"], found["quantization"]) == ("fp8", "fp8")
    plans = answer("compare", model=str(tmp_path), clouds=["aws"], top=1)["plans"]
    assert plans[0]["precision"] == "fp8"


def test_models_lists_all_of_them() -> None:
    found = answer("models")
    assert [row["name"] for row in found["models"]] == [m.name for m in models.all_models()]


def test_report_is_markdown_with_the_answer_and_without_dangling_pictures() -> None:
    result = call("report", model="llama-2-70b", as_of=AS_OF, top=3)
    assert not result.is_error
    text = _text(result)
    plan = compare(Request("llama-2-70b", as_of=date.fromisoformat(AS_OF))).plans[0]
    assert text.startswith("# ")
    assert plan.instance_type in text
    assert f"{plan.on_demand_monthly_usd:,.0f}" in text
    assert "![" not in text


def test_an_unknown_model_is_a_tool_error_with_the_nearest_names_and_advice() -> None:
    result = call("compare", model="llama-2-70")
    assert result.is_error
    assert "unknown model 'llama-2-70'" in _text(result)
    assert "llama-2-70b" in _text(result)
    assert "Try: planner models" in _text(result)


def test_arguments_out_of_range_are_tool_errors() -> None:
    assert call("compare", model="llama-2-70b", geo="mars").is_error
    assert call("compare", model="llama-2-70b", utilization=2.0).is_error
    assert call("prices", top=0).is_error


def test_quota_check_without_credentials_says_how_to_sign_in(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    result = call("quota_check", model="llama-2-70b", clouds=["aws"], regions=["us-east-1"])
    assert result.is_error
    assert "no AWS credentials" in _text(result)
    assert "aws configure" in _text(result)


def test_quota_check_reads_quotas_and_asks_for_nothing(sandbox: Sandbox) -> None:
    found = answer("quota_check", model="llama-2-70b", clouds=["aws"], regions=["us-east-1"])
    assert found["places"]
    for place in found["places"]:
        assert place["simulated"] is True
        assert place["ready"] == "after a request"
        assert place["requests"][0]["ask_for"] > place["requests"][0]["limit"]
    assert sandbox.world.requests == []


def test_the_command_answers_over_stdin_and_stdout() -> None:
    async def talk() -> tuple[str, CallToolResult]:
        parameters = StdioServerParameters(command=PLANNER, args=["mcp"])
        async with Client(parameters) as client:
            assert client.server_info is not None
            result = await client.call_tool("compare", {"model": "llama-2-7b", "as_of": AS_OF})
            return client.server_info.name, result

    name, result = anyio.run(talk)
    assert name == "planner"
    assert not result.is_error
    assert "g" in _text(result)


def test_help_does_not_need_the_extra(
    installed_planner: Callable[..., CompletedProcess[str]],
) -> None:
    shown = installed_planner("mcp", "--help")
    assert shown.returncode == 0
    assert "gpu-planner[mcp]" in shown.stdout


@pytest.fixture(autouse=True)
def quiet_loggers() -> None:
    """Keep the SDK's log of expected tool errors out of the tests' output."""
    logging.getLogger("mcp").setLevel(logging.CRITICAL)
