"""planner for assistants: an MCP server that answers, and never spends.

Each tool is a command of the same name without its side effects, and gives what the command
prints with ``--format json``, as compact JSON text. Nothing is created, requested, written or
deleted; quota_check reads the user's accounts with the user's own credentials, and only when it
is called.

Front end beside ``planner.cli``; needs the extra ``gpu-planner[mcp]``.
"""

from __future__ import annotations

import functools
import json
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Literal, ParamSpec

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import ToolAnnotations
from pydantic import Field

from planner import __version__, mcp_loads
from planner.errors import PlannerError
from planner.mcp_words import (
    Accelerators,
    AsOf,
    Clouds,
    Concurrency,
    Context,
    Geo,
    InstanceTypes,
    KvPrecision,
    Model,
    Precision,
    Regions,
    Top,
    Tpot,
    Ttft,
    advice,
    in_words_of_tools,
    plain,
    rows,
)

if TYPE_CHECKING:
    from collections.abc import Callable


P = ParamSpec("P")

# Rows that help an assistant; it can ask for more, or filter.
_PLANS = 10
_ROWS = 50
_INSTRUCTIONS = """\
planner knows what cloud GPUs cost on AWS, Azure and Google Cloud, which of them can hold an \
open LLM, how fast they serve it, and which quotas bind them. Money is US dollars. A price has \
a date (as_of) and a source: say both when you quote one. null is not known, never zero. \
Figures with basis "estimated" or "unvalidated" are not published prices or measurements: say \
so. Nothing here spends money or changes an account; for that the user types planner commands.\
"""
_BUNDLED = ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=False)
_ACCOUNTS = ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=True)


def server() -> MCPServer[Any]:
    """Return the server with its tools."""
    made: MCPServer[Any] = MCPServer(
        "planner", version=__version__, instructions=_INSTRUCTIONS, log_level="WARNING"
    )
    # Without a structured copy: an assistant that gets both reads everything twice.
    for tool in _TOOLS:
        made.add_tool(_advised(tool), annotations=_BUNDLED, structured_output=False)
    made.add_tool(_advised(quota_check), annotations=_ACCOUNTS, structured_output=False)
    return made


def compare(
    model: Model,
    *,
    precision: Precision = None,
    context: Context = None,
    concurrency: Concurrency = 4,
    input_tokens: int = 1024,
    output_tokens: int = 1024,
    cached_share: Annotated[float, Field(description="Share of the prompt in the cache.")] = 0.0,
    ttft_s: Ttft = 2.0,
    tpot_s: Tpot = 0.2,
    kv_precision: KvPrecision = None,
    utilization: Annotated[float, Field(description="Share of the capacity really used.")] = 1.0,
    geo: Geo = "us",
    clouds: Clouds = (),
    regions: Regions = (),
    accelerators: Accelerators = (),
    instance_types: InstanceTypes = (),
    max_monthly_usd: float | None = None,
    sort: Literal["on-demand", "committed", "tokens"] = "on-demand",
    as_of: AsOf = None,
    top: Top = _PLANS,
) -> dict[str, Any]:
    """Rank the cloud machines that can serve a model, by cost.

    One plan per instance type at its cheapest region: hourly and monthly price on demand and
    with a one-year commitment, break-even hours, the layout (copies x tensor parallel) that
    serves most within the targets, the requests and tokens per second that it serves then, with
    a band, and dollars per million output tokens at that capacity. plans_in_all says how many
    there are beyond those returned.
    """
    from planner import planning

    found = planning.compare(
        planning.Request(
            model,
            precision=precision,
            context=context,
            concurrency=concurrency,
            input_tokens=input_tokens,
            output_tokens=output_tokens,
            cached_share=cached_share,
            ttft_s=ttft_s,
            tpot_s=tpot_s,
            kv_precision=kv_precision,
            utilization=utilization,
            max_monthly=None if max_monthly_usd is None else Decimal(str(max_monthly_usd)),
            sort=sort,
            as_of=as_of,
            geo=geo,
            clouds=clouds,
            regions=regions,
            accelerators=accelerators,
            instance_types=instance_types,
        )
    ).to_dict()
    plans = found.pop("plans")
    return {**plain(found), **rows("plans", plans, top)}


def fit(
    model: Model,
    *,
    precision: Precision = None,
    context: Context = None,
    concurrency: Concurrency = 4,
    kv_precision: KvPrecision = None,
    clouds: Clouds = (),
    accelerators: Accelerators = (),
    instance_types: InstanceTypes = (),
    only_fitting: bool = False,
    top: Top = _ROWS,
) -> dict[str, Any]:
    """Explain why instance types can or cannot hold a model: weights, KV cache, what is left.

    fits is sure; tight depends on what the engine keeps, and remedies says what to set.

    Without filters every instance type that planner knows is judged; fitting ones come first.
    """
    from planner import planning

    request = planning.Request(
        model,
        precision=precision,
        context=context,
        concurrency=concurrency,
        kv_precision=kv_precision,
        clouds=clouds,
        accelerators=accelerators,
        instance_types=instance_types,
    )
    verdicts = [v for v in planning.explain(request) if v["fits"] or not only_fitting]
    return rows("verdicts", verdicts, top)


def prices(
    *,
    geo: Geo = "us",
    clouds: Clouds = (),
    regions: Regions = (),
    accelerators: Accelerators = (),
    instance_types: InstanceTypes = (),
    pricing_models: tuple[Literal["on_demand", "spot", "committed"], ...] = (),
    term_years: tuple[Literal[1, 3], ...] = (),
    as_of: AsOf = None,
    top: Top = _ROWS,
) -> dict[str, Any]:
    """List price offers, cheapest first, each with its date, source and confidence.

    Compare effective_hourly_usd and nothing else: it spreads what is paid upfront over the
    hours of the term.
    """
    from planner import planning

    offers = planning.list_offers(
        geo=geo,
        clouds=clouds,
        regions=regions,
        accelerators=accelerators,
        instance_types=instance_types,
        pricing_models=pricing_models,
        term_years=term_years,
        as_of=as_of,
    )
    return rows("offers", offers, top)


def models(model: Model | None = None) -> dict[str, Any]:
    """List the models that planner knows, or explain one: weights, cache, state, evidence.

    Without a model: size, context, precision, licence, whether gated. With one: parameters,
    bytes by part, cache by kind of layer, precisions that engines run, warnings.
    """
    from planner.cli import model_view
    from planner.cli.models import row
    from planner.serving import models as known

    if model is not None:
        return model_view.record(known.get(model))
    every = [row(item) for item in known.all_models()]
    return rows("models", every, len(every))


def report(
    model: Model,
    *,
    precision: Precision = None,
    context: Context = None,
    concurrency: Concurrency = 4,
    geo: Geo = "us",
    clouds: Clouds = (),
    regions: Regions = (),
    accelerators: Accelerators = (),
    instance_types: InstanceTypes = (),
    as_of: AsOf = None,
    top: Top = _PLANS,
) -> str:
    """Write a report for people, in Markdown: the answer, plans, per-token APIs, sources.

    It has the words below each chart but not the pictures.
    """
    from planner.planning import Request
    from planner.reporting import make_report
    from planner.reports import render

    request = Request(
        model,
        precision=precision,
        context=context,
        concurrency=concurrency,
        geo=geo,
        clouds=clouds,
        regions=regions,
        accelerators=accelerators,
        instance_types=instance_types,
        as_of=as_of,
        top=top,
    )
    name = "report.md"
    text = render(make_report(request), name)[name].decode()
    return "\n".join(line for line in text.splitlines() if not line.startswith("!["))


def quota_check(
    model: Model,
    *,
    precision: Precision = None,
    geo: Geo = "us",
    clouds: Clouds = (),
    regions: Regions = (),
    accelerators: Accelerators = (),
    instance_types: InstanceTypes = (),
    top: Top = _PLANS,
) -> dict[str, Any]:
    """Read the quotas that bind a model's plans in the user's accounts; asks for no increase.

    The best region of each instance type, what has room first: what is short, by how much,
    and what a request would ask for. simulated: true means the sandbox, not a real account.
    """
    from planner import planning
    from planner.cli.quota import view
    from planner.quotas import checking, demands, ways

    request = planning.Request(
        model,
        precision=precision,
        every_region=True,
        geo=geo,
        clouds=clouds,
        regions=regions,
        accelerators=accelerators,
        instance_types=instance_types,
    )
    asked = demands.of_plans(planning.compare(request).plans)
    found = ways.best_places(ways.ways(checking.check(list(asked)), asked))
    return rows("places", view.way_records(found), top)


_TOOLS: tuple[Callable[..., dict[str, Any] | str], ...] = (
    compare,
    fit,
    prices,
    models,
    report,
    mcp_loads.size,
    mcp_loads.throughput,
    mcp_loads.history,
    mcp_loads.rent_or_buy,
)


def _advised(tool: Callable[P, dict[str, Any] | str]) -> Callable[P, str]:
    """Return the tool with its answer as short JSON, and planner's errors as tool errors."""
    from planner.serving import models

    @functools.wraps(tool)
    def advised(*args: P.args, **kwargs: P.kwargs) -> str:
        try:
            named = kwargs.get("model")
            if isinstance(named, str):
                models.find(named)  # every tool knows it by what was typed then
            found = tool(*args, **kwargs)
        except PlannerError as error:
            said = [in_words_of_tools(str(error)), in_words_of_tools(error.why)]
            tried = advice(error.advice)
            parts = [*said, f"Try: {tried}" if tried else ""]
            raise ToolError("\n".join(part for part in parts if part)) from error
        return found if isinstance(found, str) else json.dumps(found, separators=(",", ":"))

    return advised
