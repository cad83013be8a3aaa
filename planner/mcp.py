"""planner for assistants: an MCP server that answers, and never spends.

Each tool is a command of the same name without its side effects, and gives what the command
prints with ``--format json``. Nothing is created, requested, written or deleted; quota_check
reads the user's accounts with the user's own credentials, and only when it is called.

Front end beside ``planner.cli``; needs the extra ``gpu-planner[mcp]``.
"""

from __future__ import annotations

import functools
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Literal, ParamSpec, TypeVar

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import ToolAnnotations
from pydantic import Field

from planner import __version__
from planner.errors import PlannerError

if TYPE_CHECKING:
    from collections.abc import Callable


P = ParamSpec("P")
T = TypeVar("T")

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

Cloud = Literal["aws", "azure", "gcp"]
Geo = Literal["us", "eu", "ap", "all"]
Model = Annotated[
    str,
    Field(
        description="Model: a short name such as llama-2-70b, a Hugging Face id, or the path of a"
        " folder, a GGUF file or a LoRA adapter on this machine."
    ),
]
Precision = Annotated[
    Literal["bf16", "fp16", "fp8", "int8", "int4", "fp4", "mxfp4", "any"] | None,
    Field(description="Of the weights; null for the model's own, any for one row of each."),
]
Context = Annotated[int | None, Field(description="Tokens that a request may hold.")]
Ttft = Annotated[
    float | None,
    Field(description="Seconds to the first token that 19 of 20 requests stay under; null: any."),
]
Tpot = Annotated[float | None, Field(description="Seconds between two tokens, likewise.")]
KvPrecision = Annotated[
    Literal["fp16", "fp8"] | None,
    Field(description="Of the KV cache; null for what the engine keeps."),
]
Concurrency = Annotated[int, Field(description="Requests of that length held at once.")]
Clouds = Annotated[tuple[Cloud, ...], Field(description="Only these clouds; empty for all.")]
Regions = Annotated[tuple[str, ...], Field(description="Only these regions, whatever the geo.")]
Accelerators = Annotated[tuple[str, ...], Field(description="Such as H100 or A100-80GB.")]
InstanceTypes = Annotated[tuple[str, ...], Field(description="Such as p4d.24xlarge.")]
AsOf = Annotated[date | None, Field(description="The world as known on that date; null for today.")]
Top = Annotated[int, Field(ge=1, le=500, description="At most so many rows.")]


def server() -> MCPServer[Any]:
    """Return the server with its tools."""
    made: MCPServer[Any] = MCPServer(
        "planner", version=__version__, instructions=_INSTRUCTIONS, log_level="WARNING"
    )
    for tool in (compare, fit, prices, models, report):
        made.add_tool(_advised(tool), annotations=_BUNDLED)
    made.add_tool(_advised(quota_check), annotations=_ACCOUNTS)
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
    return {**_plain(found), **_rows("plans", plans, top)}


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
    return _rows("verdicts", verdicts, top)


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
    return _rows("offers", offers, top)


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
    rows = [row(item) for item in known.all_models()]
    return _rows("models", rows, len(rows))


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

    It has the words below each chart but not the pictures; "planner report MODEL -o
    report.html" makes the page with them.
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
    return _rows("places", view.way_records(found), top)


def _advised(tool: Callable[P, T]) -> Callable[P, T]:
    """Return the tool with planner's errors as tool errors that say what to do next."""
    from planner.serving import models

    @functools.wraps(tool)
    def advised(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            named = kwargs.get("model")
            if isinstance(named, str):
                models.find(named)  # every tool knows it by what was typed then
            return tool(*args, **kwargs)
        except PlannerError as error:
            parts = [str(error), error.why, error.advice and f"Try: {error.advice}"]
            raise ToolError("\n".join(part for part in parts if part)) from error

    return advised


def _rows(name: str, rows: list[dict[str, Any]], top: int) -> dict[str, Any]:
    return {f"{name}_in_all": len(rows), name: _plain(rows[:top])}


def _plain(value: Any) -> Any:  # noqa: ANN401 - whatever JSON can hold
    """Return the value as ``--format json`` prints it: numbers, not decimals in quotes."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Decimal):
        return float(value)
    return value.isoformat() if isinstance(value, date) else value
