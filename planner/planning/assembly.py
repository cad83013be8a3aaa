"""Put a plan together: a placement of the model, its price, its speed."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from planner.plan import Plan
from planner.planning import availability, deployable
from planner.planning.request import context_of, settings_of
from planner.pricing import cost
from planner.serving import models
from planner.serving.speed import predict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.planning.placement import Placement
    from planner.planning.request import Request
    from planner.pricing.offer import Offer
    from planner.pricing.quotes import Quote


def assemble(request: Request, placement: Placement, quote: Quote) -> Plan:
    """Return the plan of a placement at a quote."""
    on_demand = _hourly(quote.on_demand, placement.instances)
    committed = _hourly(quote.committed_1y, placement.instances)
    layout = placement.layout
    tokens = _of_all(placement, layout.tokens_per_second if layout else None) or None
    shown = [offer for offer in (quote.on_demand, quote.committed_1y) if offer is not None]
    item, fit = placement.instance_type, placement.fit
    no_weights = deployable.missing_weights(request.model, fit.precision)
    return Plan(
        model=models.get(request.model).name,
        cloud=item.cloud,
        service=item.service,
        region=quote.region,
        instance_type=item.instance_type,
        accelerator=item.accelerator,
        accelerator_count=item.accelerator_count,
        instances=placement.instances,
        precision=fit.precision,
        tensor_parallel=fit.tensor_parallel,
        pipeline_parallel=fit.pipeline_parallel,
        weights_known=not no_weights,
        fits=fit.fits,
        fit_reason=fit.reason,
        warnings=(
            *fit.warnings,
            *_speed_warnings(request, placement),
            *no_weights,
            *deployable.not_set_up(item, request.engine),
            *availability.warnings(item),
        ),
        kv_cache_tokens=fit.kv_cache_tokens,
        **_money(request, quote, on_demand, committed, placement.instances),
        **_run(request, placement),
        tokens_per_second=tokens,
        usd_per_million_tokens=_per_million(request, on_demand, tokens),
        committed_1y_usd_per_million_tokens=_per_million(request, committed, tokens),
        on_demand_confidence=quote.on_demand.confidence if quote.on_demand else None,
        committed_1y_confidence=quote.committed_1y.confidence if quote.committed_1y else None,
        as_of=shown[0].stood_on if shown else None,
        source=shown[0].source if shown else "",
        committed_1y_as_of=quote.committed_1y.stood_on if quote.committed_1y else None,
        committed_1y_source=quote.committed_1y.source if quote.committed_1y else "",
        spot_hourly_usd=_hourly(quote.spot, placement.instances),
        spot_as_of=quote.spot.stood_on if quote.spot else None,
        spot_source=quote.spot.source if quote.spot else "",
        **_scarce(quote, placement.instances),
        pricing_model=request.pricing_model,
        note="; ".join(dict.fromkeys(o.note for o in shown if o.note)),
    )


def _run(request: Request, placement: Placement) -> dict[str, Any]:
    """Return the fields that say how the model runs and what it serves, beside its tokens."""
    layout, fit = placement.layout, placement.fit
    told: dict[str, Any] = {
        "replicas": fit.replicas,
        "spans_machines": layout is None,
        "context": context_of(request, models.get(request.model)),
        "engine": request.engine,
        "kv_precision": settings_of(request, fit.precision).kv_precision,
        "max_num_seqs": request.max_num_seqs,
        "gpu_memory_utilization": request.gpu_memory_utilization,
        "kv_cache_tokens_low": fit.kv_cache_tokens_low,
        "kv_cache_tokens_high": fit.kv_cache_tokens_high,
    }
    if layout is None:
        unknown = {"throughput_basis": "unvalidated", "throughput_source": ""}
        speeds = ("tokens_per_second_low", "tokens_per_second_high")
        return told | unknown | {"throughput_software": ""} | dict.fromkeys(speeds)
    target = deployable.deploy_to(placement.instance_type, request.model, layout)
    software = f"{layout.engine} {layout.engine_generation}" if layout.engine_generation else ""
    return told | {
        "engine_generation": layout.engine_generation,
        "within_targets": layout.within_targets,
        "capacity_requests_per_second": _of_all(placement, layout.capacity_requests_per_second),
        "concurrent_requests": None
        if layout.concurrent_requests is None
        else layout.concurrent_requests * placement.instances,
        "time_to_first_token_s": layout.ttft_p95_s,
        "time_per_output_token_s": layout.tpot_p95_s,
        "tokens_per_second_low": _of_all(placement, layout.tokens_per_second_low) or None,
        "tokens_per_second_high": _of_all(placement, layout.tokens_per_second_high) or None,
        "throughput_basis": layout.basis,
        "throughput_source": layout.source,
        "throughput_software": software,
        "deployable": target is not None,
        "deploy_to": target,
    }


def _of_all(placement: Placement, one: float | None) -> float | None:
    """Return what all machines give together; None where one is not known."""
    return None if one is None else one * placement.instances


def _speed_warnings(request: Request, placement: Placement) -> Iterator[str]:
    """Yield why a machine that fits serves nothing within the targets."""
    layout = placement.layout
    if layout is None or layout.within_targets is not False:
        return
    first, each = layout.ttft_p95_s, layout.tpot_p95_s
    slow = []
    if request.ttft_s is not None and first is not None and first > request.ttft_s:
        slow.append(f"{first:.2g} s to the first token")
    if request.tpot_s is not None and each is not None and each > request.tpot_s:
        slow.append(f"{each * 1e3:.0f} ms a token")
    yield f"too slow for the targets even for one request: {' and '.join(slow)}"


def _scarce(quote: Quote, instances: int) -> dict[str, Any]:
    """Return the prices of the ways to get a machine that is hard to get."""
    return {
        f"{model}_{field}": value
        for model in ("capacity_block", "flex_start")
        if (offer := quote.offer(model)) is not None
        for field, value in (
            ("hourly_usd", _hourly(offer, instances)),
            ("as_of", offer.stood_on),
            ("source", offer.source),
        )
    }


def _money(
    request: Request,
    quote: Quote,
    on_demand: Decimal | None,
    committed: Decimal | None,
    instances: int,
) -> dict[str, Any]:
    """Return the price fields of a plan; None where a price is not known."""
    hours, offer = request.hours_per_month, quote.committed_1y
    saving = break_even = None
    if on_demand is not None and committed is not None:
        saving = cost.saving_percent(on_demand, committed)
        break_even = cost.break_even_hours_per_month(on_demand, committed)
    # A commitment is paid for every hour of the month, used or not.
    return {
        "on_demand_hourly_usd": on_demand,
        "on_demand_monthly_usd": None if on_demand is None else cost.monthly(on_demand, hours),
        "committed_1y_hourly_usd": committed,
        "committed_1y_monthly_usd": None if committed is None else cost.monthly(committed),
        "committed_1y_upfront_usd": _upfront(offer, instances),
        "committed_1y_due_now_usd": _due_now(offer, instances),
        "committed_1y_kind": offer.commitment if offer else None,
        "committed_1y_payment_option": offer.payment_option if offer else None,
        "committed_1y_basis": None
        if offer is None
        else ("estimated" if offer.estimated else "published"),
        "saving_percent": saving,
        "break_even_hours_per_month": break_even,
    }


def _hourly(offer: Offer | None, instances: int) -> Decimal | None:
    return None if offer is None else offer.effective_hourly_usd * instances


def _upfront(offer: Offer | None, instances: int) -> Decimal | None:
    if offer is None or offer.upfront_usd is None:
        return None
    return offer.upfront_usd * instances


def _due_now(offer: Offer | None, instances: int) -> Decimal | None:
    """Return what a commitment asks for on the first day; None where its terms do not tell."""
    upfront = _upfront(offer, instances)
    if upfront is None and offer is not None and offer.payment_option == "no_upfront":
        return Decimal(0)
    return upfront


def _per_million(
    request: Request, hourly_usd: Decimal | None, tokens_per_second: float | None
) -> float | None:
    if hourly_usd is None or tokens_per_second is None:
        return None
    return predict.usd_per_million_tokens(float(hourly_usd), tokens_per_second, request.utilization)
