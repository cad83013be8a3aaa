"""Put a plan together: a placement of the model, its price, its speed."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from planner.errors import NotFoundError
from planner.plan import Plan
from planner.pricing import cost
from planner.serving import models
from planner.serving.speed import predict

if TYPE_CHECKING:
    from decimal import Decimal

    from planner.planning.placement import Placement
    from planner.planning.request import Request
    from planner.pricing.offer import Offer
    from planner.pricing.quotes import Quote
    from planner.serving.speed.predict import Throughput


def assemble(request: Request, placement: Placement, quote: Quote) -> Plan:
    """Return the plan of a placement at a quote."""
    on_demand = _hourly(quote.on_demand, placement.instances)
    committed = _hourly(quote.committed_1y, placement.instances)
    speed = _speed(request, placement)
    shown = [offer for offer in (quote.on_demand, quote.committed_1y) if offer is not None]
    item, fit = placement.instance_type, placement.fit
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
        fits=fit.fits,
        fit_reason=fit.reason,
        warnings=fit.warnings,
        kv_cache_tokens=fit.kv_cache_tokens,
        **_money(request, quote, on_demand, committed, placement.instances),
        tokens_per_second=speed.tokens_per_second if speed else None,
        tokens_per_second_low=speed.tokens_per_second_low if speed else None,
        tokens_per_second_high=speed.tokens_per_second_high if speed else None,
        throughput_basis=speed.throughput_basis if speed else "unvalidated",
        throughput_source=speed.source if speed else "",
        throughput_software=speed.software if speed else "",
        usd_per_million_tokens=_per_million(request, on_demand, speed),
        committed_1y_usd_per_million_tokens=_per_million(request, committed, speed),
        on_demand_confidence=quote.on_demand.confidence if quote.on_demand else None,
        committed_1y_confidence=quote.committed_1y.confidence if quote.committed_1y else None,
        as_of=shown[0].as_of if shown else None,
        source=shown[0].source if shown else "",
        committed_1y_as_of=quote.committed_1y.as_of if quote.committed_1y else None,
        committed_1y_source=quote.committed_1y.source if quote.committed_1y else "",
        spot_hourly_usd=_hourly(quote.spot, placement.instances),
        spot_as_of=quote.spot.as_of if quote.spot else None,
        spot_source=quote.spot.source if quote.spot else "",
        note="; ".join(dict.fromkeys(o.note for o in shown if o.note)),
    )


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


def _speed(request: Request, placement: Placement) -> Throughput | None:
    """Return the saturated speed; None where nothing supports a figure.

    Nobody measured partitions of a card, and some cards' bandwidth or compute is not known.
    """
    item, fit = placement.instance_type, placement.fit
    if item.accelerator_count < 1:
        return None
    with suppress(NotFoundError):
        return predict.predict(
            models.get(request.model),
            placement.accelerator,
            count=int(item.accelerator_count) * placement.instances,
            precision=fit.precision,
            input_tokens=request.input_tokens,
            output_tokens=request.output_tokens,
            concurrency=None,
            tensor_parallel=fit.tensor_parallel,
            pipeline_parallel=fit.pipeline_parallel,
        )
    return None


def _per_million(
    request: Request, hourly_usd: Decimal | None, speed: Throughput | None
) -> float | None:
    if hourly_usd is None or speed is None:
        return None
    return predict.usd_per_million_tokens(
        float(hourly_usd), speed.tokens_per_second, request.utilization
    )
