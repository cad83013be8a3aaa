"""Rank the plans that can serve a model by cost."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from planner.errors import NotFoundError
from planner.plan import Plan
from planner.planning.assembly import assemble
from planner.planning.availability import still_sold
from planner.planning.local import local_plans
from planner.planning.placement import Placement, Verdict, place
from planner.planning.request import (
    ANY_PAYMENT,
    SERVICES,
    check_as_of,
    check_names,
    check_numbers,
    context_of,
)
from planner.pricing import estimates, freshness, quotes, regions, steps
from planner.pricing.catalog import Catalog, Query
from planner.serving import models

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from decimal import Decimal

    from planner.planning.request import Request
    from planner.pricing.offer import Offer
    from planner.pricing.steps import Step
    from planner.serving.models import Model

_STEPS_SHOWN = 3
SORTS = ("on-demand", "committed", "tokens")


@dataclass(frozen=True, slots=True)
class Comparison:
    """Ranked plans, what they assume, and what could not be said.

    Attributes:
        as_of: The date whose knowledge was used.
        plans: The rows asked for: within ``max_monthly``, the first ``top``.
        every: All plans that match, ranked alike; what is said of the whole is said of these.
        rejected: Instance types that cannot serve the model.
        notes: Sentences about what is missing.
    """

    model: Model
    precision: str
    as_of: date
    assumptions: dict[str, Any]
    plans: tuple[Plan, ...]
    every: tuple[Plan, ...] = ()
    rejected: tuple[Verdict, ...] = ()
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON contract of ``planner compare --format json``."""
        return {
            "model": self.model.name,
            "precision": self.precision,
            "as_of": self.as_of,
            "assumptions": self.assumptions,
            "plans": [plan.to_dict() for plan in self.plans],
            "notes": list(self.notes),
        }

    def to_dataframe(self) -> Any:  # noqa: ANN401 - pandas is imported only when used
        """Return the plans as a pandas DataFrame; money as float64."""
        import pandas as pd

        frame = pd.DataFrame([plan.to_dict() for plan in self.plans])
        money = [name for name in frame.columns if name.endswith(("_usd", "_percent", "_month"))]
        return frame.astype(dict.fromkeys(money, "float64"))


def compare(request: Request, catalog: Catalog | None = None) -> Comparison:
    """Return the plans that can serve the model, cheapest first.

    Raises:
        UnknownNameError: The model, a region, an accelerator or an instance type is unknown.
        UsageError: A number is out of range.
        NotFoundError: No instance type fits, or none that fits has a price.
    """
    catalog = catalog or Catalog()
    model = models.get(request.model)
    check_numbers(request, model)
    check_as_of(request.as_of)
    as_of = request.as_of or datetime.now(UTC).date()
    placements, rejected = place(request, catalog)
    placements, retired = still_sold(placements, as_of)
    own = list(local_plans(request))
    rejected += [verdict for verdict in own if isinstance(verdict, Verdict)]
    priced = [plan for plan in own if isinstance(plan, Plan)]
    if not placements and not priced:
        raise NotFoundError(retired[0]) if retired else _nothing_fits(request, rejected)
    moved: list[Step] = []
    if placements:
        found = _quotes(request, _offers(request, catalog, as_of, placements))
        priced += _cloud_plans(request, found, placements)
        shown = [q.on_demand for q in found if q.on_demand is not None]
        moved = steps.pending(catalog, shown, request.as_of)
    if not priced:
        raise _nothing_priced(request, as_of, placements)
    every = sorted(priced, key=lambda plan: _order(plan, request))
    ranked = [plan for plan in every if _within(plan, request.max_monthly)]
    if not ranked:
        raise _nothing_affordable(request, priced)
    return Comparison(
        model=model,
        precision=model.precision(request.precision),
        as_of=as_of,
        assumptions=_assumptions(request, model),
        plans=tuple(ranked[: request.top]),
        every=tuple(every),
        rejected=tuple(rejected),
        notes=(
            *retired,
            *_notes(request, every, as_of),
            *(f"{step}; the older is shown." for step in moved[:_STEPS_SHOWN]),
            *_local_notes(rejected),
            *filter(None, [_reminder(request, catalog, every)]),
        ),
    )


def _cloud_plans(
    request: Request, found: Iterable[quotes.Quote], placements: list[Placement]
) -> list[Plan]:
    return [
        assemble(request, placement, quote)
        for quote in found
        for placement in placements
        if placement.instance_type.key == (quote.service, quote.instance_type)
    ]


def _offers(
    request: Request, catalog: Catalog, as_of: date, placements: Iterable[Placement]
) -> list[Offer]:
    """Return on-demand and one-year offers in the wanted regions, estimates among them."""
    check_names("region", request.regions, regions.all_regions())
    wanted = request.regions or regions.in_geo(request.geo)
    query = Query(
        as_of=as_of,
        instance_types=tuple({p.instance_type.instance_type for p in placements}),
        services=tuple({p.instance_type.service for p in placements}),
    )
    # Estimates need the evidence of all regions; the other clouds only those asked for.
    everywhere = catalog.offers(query)
    estimated = estimates.estimate(everywhere) if request.estimates else []
    return [
        o
        for o in (*everywhere, *estimated)
        if (not wanted or o.region in wanted)
        and (
            o.payment_option is None
            or not request.payment_options
            or ANY_PAYMENT in request.payment_options
            or o.payment_option in request.payment_options
        )
    ]


def _quotes(request: Request, offers: list[Offer]) -> list[quotes.Quote]:
    found = quotes.quotes(
        offers, request.pricing_model, no_upfront_first=not request.payment_options
    )
    if request.every_region:
        return found
    by = "committed" if request.sort == "committed" else request.pricing_model
    return quotes.cheapest_region(found, by)


def _within(plan: Plan, max_monthly: Decimal | None) -> bool:
    if max_monthly is None:
        return True
    prices = (plan.on_demand_monthly_usd, plan.committed_1y_monthly_usd)
    return any(price is not None and price <= max_monthly for price in prices)


def _order(plan: Plan, request: Request) -> tuple[Any, ...]:
    on_demand, committed = plan.on_demand_hourly_usd, plan.committed_1y_hourly_usd
    first: Any = plan.hourly_usd
    if request.sort == "committed":
        first = committed
    elif request.sort == "tokens":
        first = plan.usd_per_million_tokens
    cheapest = on_demand if on_demand is not None else committed
    return (
        first is None,
        first,
        cheapest,
        not plan.weights_known,
        plan.instance_type,
        plan.region,
    )


def _reminder(request: Request, catalog: Catalog, plans: Iterable[Plan]) -> str:
    """Say that prices are old, to one who asks for those of today."""
    if request.as_of is not None:
        return ""
    return freshness.reminder(catalog, {plan.cloud for plan in plans})


def _assumptions(request: Request, model: Model) -> dict[str, Any]:
    return {
        "hours_per_month": request.hours_per_month,
        "context": context_of(request, model),
        "concurrency": request.concurrency,
        "utilisation": request.utilization,
        "input_tokens": request.input_tokens,
        "output_tokens": request.output_tokens,
        "cached_share": request.cached_share,
        "ttft_s": request.ttft_s,
        "tpot_s": request.tpot_s,
        "engine": request.engine,
        "kv_precision": request.kv_precision,
        "geo": request.geo if not request.regions else None,
        "regions": list(request.regions),
    }


def _notes(request: Request, plans: Iterable[Plan], as_of: date) -> Iterator[str]:
    """Say what the data does not hold, rather than leave it to be guessed."""
    by_service: dict[str, list[Plan]] = {}
    for plan in plans:
        by_service.setdefault(plan.service, []).append(plan)
    asked = request.services or SERVICES
    if request.pricing_model == "capacity_block" and not request.clouds:
        yield (
            "Azure sells no blocks: a capacity reservation holds a machine at its on-demand "
            "price, used or not."
        )
    for service in asked:
        rows = by_service.get(service, [])
        if not rows:
            if not (request.clouds or request.instance_types or request.accelerators):
                yield f"{service}: no price known for a fitting type on {as_of} here."
            continue
        without = [plan for plan in rows if plan.committed_1y_hourly_usd is None]
        if len(without) == len(rows):
            yield f"{service}: no one-year price known on {as_of}."
            if service == "sagemaker" and request.as_of is None:
                region = min(plan.region for plan in rows)
                yield f"Its Savings Plans: planner refresh --direct --cloud aws --region {region}."
        elif without:
            yield f"{service}: no one-year price known for {len(without)} of {len(rows)} types."


def _local_notes(rejected: Iterable[Verdict]) -> Iterator[str]:
    """Say why a card the user asked about cannot serve the model."""
    for verdict in rejected:
        if verdict.instance_type.cloud == "local":
            yield f"{verdict.instance_type.instance_type}: {verdict.fit.reason}."


def _nothing_fits(request: Request, rejected: list[Verdict]) -> NotFoundError:
    model = models.get(request.model)
    largest = max(
        rejected,
        key=lambda v: v.instance_type.accelerator_count * v.instance_type.accelerator_memory_gib,
        default=None,
    )
    why = f"{largest.instance_type.instance_type}: {largest.fit.reason}" if largest else ""
    return NotFoundError(
        f"no instance type asked for can serve {model.name}",
        why=why,
        advice=f"planner compare {model.name} --precision int4, or a smaller --context",
    )


def _nothing_priced(
    request: Request, as_of: date, placements: Iterable[Placement]
) -> NotFoundError:
    names = sorted({p.instance_type.instance_type for p in placements})
    where = ", ".join(request.regions) or f"geo {request.geo}"
    return NotFoundError(
        f"no price is known for a fitting instance type in {where} on {as_of}",
        why=f"{len(names)} types fit: {', '.join(names[:6])}{' ...' if len(names) > 6 else ''}",  # noqa: PLR2004 - as many as fit a line
        advice=f"planner compare {request.model} --geo all",
    )


def _nothing_affordable(request: Request, priced: Iterable[Plan]) -> NotFoundError:
    prices = [
        price
        for plan in priced
        for price in (plan.on_demand_monthly_usd, plan.committed_1y_monthly_usd)
        if price is not None
    ]
    cheapest = f"${min(prices):,.0f} a month" if prices else "not known"
    return NotFoundError(
        f"nothing that serves {request.model} costs ${request.max_monthly:,.0f} a month or less",
        why=f"the cheapest is {cheapest}",
        advice=f"planner compare {request.model} --precision int4, or a higher --max-monthly",
    )
