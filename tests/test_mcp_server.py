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

from planner import api
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
    # Once, as text that every assistant reads; a structured copy would double the answer.
    assert result.structured_content is None
    return dict(json.loads(_text(result)))


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
        "size",
        "throughput",
        "history",
        "rent_or_buy",
    }
    for tool in tools:
        assert tool.annotations is not None
        assert tool.annotations.read_only_hint
        assert tool.description


def test_only_the_tool_that_reads_accounts_reaches_beyond_this_machine() -> None:
    reaching = {t.name for t in _tools() if t.annotations and t.annotations.open_world_hint}
    assert reaching == {"quota_check"}


@pytest.mark.long
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


@pytest.mark.long
def test_models_explains_one_that_is_a_folder(tmp_path: Path) -> None:
    build(all_facts()["Qwen/Qwen3-32B-FP8"], tmp_path)
    found = answer("models", model=str(tmp_path))
    assert (found["native_precision"], found["quantization"]) == ("fp8", "fp8")
    plans = answer("compare", model=str(tmp_path), clouds=["aws"], top=1)["plans"]
    assert plans[0]["precision"] == "fp8"


def test_models_lists_all_of_them() -> None:
    found = answer("models")
    assert [row["name"] for row in found["models"]] == [m.name for m in models.all_models()]


@pytest.mark.long
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
    assert "Try: the tool models" in _text(result)


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


@pytest.mark.long
def test_quota_check_reads_quotas_and_asks_for_nothing(sandbox: Sandbox) -> None:
    found = answer("quota_check", model="llama-2-70b", clouds=["aws"], regions=["us-east-1"])
    assert found["places"]
    for place in found["places"]:
        assert place["simulated"] is True
        assert place["ready"] == "after a request"
        assert place["requests"][0]["ask_for"] > place["requests"][0]["limit"]
    assert sandbox.world.requests == []


@pytest.mark.long
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


@pytest.mark.long
def test_size_gives_the_fleets_of_the_same_load() -> None:
    found = answer("size", model="llama-3.1-8b", requests_per_second=0.3, as_of=AS_OF, top=2)
    asked = api.load(requests_per_second=0.3)
    expected = api.size("llama-3.1-8b", asked, as_of=date.fromisoformat(AS_OF))
    assert found["fleets_in_all"] == len(expected.fleets)
    assert len(found["fleets"]) == 2
    assert found["best"]["cheapest"]["monthly_usd"] == pytest.approx(expected.cheapest.monthly_usd)
    assert "hourly_requests_per_second" not in found["load"]


def test_a_load_is_given_in_one_way() -> None:
    result = call("size", model="llama-3.1-8b", requests_per_day=9.0, users=3.0)
    assert result.is_error
    assert "--" not in _text(result)


def test_throughput_has_a_band_and_says_how_it_is_known() -> None:
    found = answer("throughput", model="llama-3.1-8b", accelerator="H100", concurrency=32)
    assert found["tokens_per_second_low"] <= found["tokens_per_second"]
    assert found["tokens_per_second"] <= found["tokens_per_second_high"]
    assert found["throughput_basis"] in {"measured", "modelled", "unvalidated"}


def test_history_says_what_changed_with_both_dates() -> None:
    found = answer("history", since="2025-06-30", accelerators=["H100"], as_of=AS_OF, top=3)
    assert 0 < len(found["changes"]) <= 3
    assert found["changes_in_all"] >= len(found["changes"])
    assert all(row["source"] for row in found["changes"])


def test_rent_or_buy_is_that_of_the_comparison() -> None:
    found = answer("rent_or_buy", model="llama-2-70b", as_of=AS_OF)
    assert found["said"]
    assert found["prices"]


@pytest.mark.parametrize(
    "arguments",
    [
        {"model": "llama-2-70b", "context": 9_999_999},
        {"model": "llama-2-70b", "utilization": 3.0},
        {"model": "llama-2-70b", "regions": ["moon"]},
        {"model": "llama-9"},
    ],
)
def test_an_error_speaks_of_arguments_and_not_of_a_terminal(arguments: dict[str, Any]) -> None:
    result = call("compare", **arguments)
    assert result.is_error
    assert "--" not in _text(result)
    assert "Try: planner" not in _text(result)


def test_an_answer_of_ten_plans_is_small_and_no_schema_is_empty() -> None:
    size = len(_text(call("compare", model="llama-2-70b", as_of=AS_OF)))
    assert size < 30_000
    assert all(tool.output_schema is None for tool in _tools())
