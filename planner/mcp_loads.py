"""Tools of the MCP server for a load and for what moves: size, throughput, history, rent or buy."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from planner.mcp_words import (
    Accelerators,
    AsOf,
    Clouds,
    Geo,
    InstanceTypes,
    KvPrecision,
    Model,
    Precision,
    Regions,
    Top,
    Tpot,
    Ttft,
    plain,
    rows,
)

_FLEETS = 5
_CHANGES = 20
# A figure for each hour of a week, and for the busiest minutes of each: too much to read.
_LONG = ("hourly_requests_per_second", "busiest_ten_minutes")

Volume = Annotated[float | None, Field(gt=0, description="Give exactly one way to say how much.")]


def size(
    model: Model,
    *,
    requests_per_second: Volume = None,
    requests_per_day: Volume = None,
    tokens_per_month: Volume = None,
    users: Annotated[
        float | None, Field(gt=0, description="At work at the busiest hour, ten requests each.")
    ] = None,
    shape: Annotated[
        Literal["flat", "office", "consumer"], Field(description="How the week's hours differ.")
    ] = "flat",
    input_tokens: Annotated[float, Field(ge=1, le=1e7)] = 1024,
    output_tokens: Annotated[float, Field(ge=1, le=1e7)] = 256,
    cached_share: Annotated[float, Field(ge=0, lt=1)] = 0.0,
    growth: Annotated[float, Field(ge=-0.5, le=1, description="Of the load, a month.")] = 0.0,
    months: Annotated[int, Field(ge=1, le=60)] = 12,
    precision: Precision = None,
    ttft_s: Ttft = 2.0,
    tpot_s: Tpot = 0.05,
    geo: Geo = "us",
    clouds: Clouds = (),
    regions: Regions = (),
    accelerators: Accelerators = (),
    as_of: AsOf = None,
    top: Top = _FLEETS,
) -> dict[str, Any]:
    """Find the fleets that carry a load within latency targets, and how to buy them.

    Each fleet: machines at least and at peak, committed and on demand, dollars a month with a
    band, what is due now, the cash of each quarter, use and headroom. answer names the cheapest
    at trusted prices by its place in the list of all fleets; best holds these fleets.
    """
    from planner import api

    asked = api.load(
        requests_per_second=requests_per_second,
        requests_per_day=requests_per_day,
        tokens_per_month=tokens_per_month,
        users=users,
        shape=shape,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        cached_share=cached_share,
        growth=growth,
        months=months,
    )
    found = api.size(
        model,
        asked,
        precision=precision,
        ttft_s=ttft_s,
        tpot_s=tpot_s,
        geo=geo,
        clouds=clouds,
        regions=regions,
        accelerators=accelerators,
        as_of=as_of,
    ).to_dict()
    fleets = found.pop("fleets")
    named = {name: fleets[i] for name, i in found["answer"].items() if i is not None}
    found["load"] = {name: x for name, x in found["load"].items() if name not in _LONG}
    return {**plain(found), "best": plain(named), **rows("fleets", fleets, top)}


def throughput(
    model: Model,
    accelerator: Annotated[str, Field(description="Such as H100 or A100-80GB.")],
    *,
    count: Annotated[int, Field(ge=1, le=64, description="GPUs in all.")] = 1,
    precision: Precision = None,
    engine: Literal["vllm", "tensorrt-llm", "tgi", "sglang"] = "vllm",
    input_tokens: Annotated[int, Field(ge=1, le=10_000_000)] = 1024,
    output_tokens: Annotated[int, Field(ge=1, le=10_000_000)] = 1024,
    concurrency: Annotated[
        int | None, Field(ge=1, description="Requests at once; null for as many as fit.")
    ] = None,
    kv_precision: KvPrecision = None,
) -> dict[str, Any]:
    """Estimate the output tokens a second of a model on some GPUs, with a band and latencies.

    throughput_basis says whether it is measured, modelled, or was never measured on such a card.
    """
    from planner.serving import accelerators, engines, models, setups
    from planner.serving.load import LoadShape, Question
    from planner.serving.memory import EngineSettings

    subject = models.get(model)
    runs = subject.precision(precision)
    kept = kv_precision or engines.usual_kv_precision(engine, runs)
    question = Question(
        precision=runs,
        shape=LoadShape(input_tokens, output_tokens),
        settings=EngineSettings(engine=engine, kv_precision=kept),
    )
    setup = setups.at(
        subject,
        accelerators.get(accelerator),
        count=count,
        question=question,
        requests=concurrency,
    )
    record: dict[str, Any] = plain(asdict(setup.throughput))
    return record | {
        "replicas": setup.replicas,
        "kv_cache_tokens_low": setup.kv_cache_tokens_low,
        "kv_cache_tokens_high": setup.kv_cache_tokens_high,
        "tight": setup.tight,
    }


def history(
    since: Annotated[date, Field(description="What is known now against what was known then.")],
    *,
    geo: Geo = "us",
    clouds: Clouds = (),
    regions: Regions = (),
    accelerators: Accelerators = (),
    instance_types: InstanceTypes = (),
    pricing_models: tuple[Literal["on_demand", "spot", "committed"], ...] = ("on_demand",),
    as_of: AsOf = None,
    top: Top = _CHANGES,
) -> dict[str, Any]:
    """List how prices changed since a date: before, after, percent, with the date of each."""
    from planner.planning.listing import to_query
    from planner.pricing import history as moves
    from planner.pricing.catalog import Catalog

    catalog = Catalog()
    query = to_query(
        catalog,
        geo=geo,
        clouds=clouds,
        regions=regions,
        accelerators=accelerators,
        instance_types=instance_types,
        pricing_models=pricing_models,
        as_of=as_of,
    )
    found = [
        {
            "change": str(change.kind),
            "cloud": change.offer.cloud,
            "service": change.offer.service,
            "region": change.offer.region,
            "instance_type": change.offer.instance_type,
            "pricing_model": str(change.offer.pricing_model),
            "term_years": change.offer.term_years,
            "before_hourly_usd": change.before and change.before.effective_hourly_usd,
            "after_hourly_usd": change.after and change.after.effective_hourly_usd,
            "percent": change.percent,
            "before_as_of": change.before and change.before.as_of,
            "after_as_of": change.after and change.after.as_of,
            "source": change.offer.source,
        }
        for change in moves.since(catalog, query, since)
    ]
    until = as_of or datetime.now(UTC).date()
    return {"since": str(since), "as_of": str(until), **rows("changes", found, top)}


def rent_or_buy(
    model: Model,
    *,
    precision: Precision = None,
    input_tokens: Annotated[int, Field(ge=1, le=10_000_000)] = 1024,
    output_tokens: Annotated[int, Field(ge=1, le=10_000_000)] = 1024,
    utilization: Annotated[float, Field(gt=0, le=1, description="Of the capacity.")] = 1.0,
    geo: Geo = "us",
    clouds: Clouds = (),
    as_of: AsOf = None,
) -> dict[str, Any]:
    """Compare per-token APIs with machines of one's own: prices, and from which load on.

    Only offers that are known to serve decide; said is the answer in a sentence.
    """
    from planner import planning
    from planner.cli.compare.against_api import against_api_of

    request = planning.Request(
        model,
        precision=precision,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        utilization=utilization,
        geo=geo,
        clouds=clouds,
        as_of=as_of,
    )
    found = against_api_of(planning.compare(request), request)
    return {"said": found.said, **plain(found.figures)}
