"""Gather what a report shows: a comparison, and what belongs beside it.

Between the front ends (command line, web page) and ``planner.reports``, which knows nothing of
comparisons: it takes what is gathered here.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from planner import __version__
from planner.planning import compare
from planner.planning.answer import answer
from planner.pricing import estimates
from planner.pricing.api_prices import api_prices
from planner.pricing.catalog import Catalog, Query
from planner.pricing.offer import PricingModel
from planner.reports.interface import QuotaState, Report

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from planner.plan import Plan
    from planner.planning import Comparison, Request
    from planner.pricing.offer import Offer
    from planner.quotas.model import DemandCheck

# Places whose history is looked up, and plans whose quotas are: a cloud's API is slow.
_HISTORIES = 60
_QUOTA_PLANS = 5


def make_report(
    request: Request,
    catalog: Catalog | None = None,
    *,
    command: str = "",
    check_quotas: bool = False,
) -> Report:
    """Return the report of a comparison.

    Args:
        request: What to compare.
        catalog: The prices; the bundled ones by default.
        command: What a user types for the same report.
        check_quotas: Ask the clouds, with the user's credentials, about the quotas that bind
            the first plans.

    Raises:
        UnknownNameError: The model, a region, an accelerator or an instance type is unknown.
        UsageError: A number is out of range.
        NotFoundError: Nothing fits, or nothing that fits has a price.
        AccessError: Quotas are asked for and nobody is signed in.
    """
    catalog = catalog or Catalog()
    comparison = compare(request, catalog)
    return replace(
        outline(comparison, request),
        offers=tuple(_offers(request, comparison, catalog)),
        history=tuple(_history(comparison, catalog)),
        quotas=_quotas(comparison.plans[:_QUOTA_PLANS], catalog) if check_quotas else None,
        command=command,
    )


def outline(comparison: Comparison, request: Request) -> Report:
    """Return the report of a comparison without the prices beside those of its plans."""
    return Report(
        model=comparison.model,
        as_of=comparison.as_of,
        precision=comparison.precision,
        assumptions=comparison.assumptions,
        comparison=_plain(comparison.to_dict()),
        plans=comparison.plans,
        every=comparison.every,
        notes=comparison.notes,
        api=api_prices(
            comparison.model.name,
            input_tokens=request.input_tokens,
            output_tokens=request.output_tokens,
            as_of=comparison.as_of,
        ),
        version=__version__,
    )


def _offers(request: Request, comparison: Comparison, catalog: Catalog) -> list[Offer]:
    """Return every offer at the places of the plans, estimates among them where asked for."""
    named = answer(comparison.every).pick
    plans = (*comparison.plans, *([named.plan] if named is not None else []))
    found = catalog.offers(_query(comparison.as_of, plans))
    if request.estimates:
        clouds = {cloud for cloud, _ in estimates.ESTIMATED}
        found += estimates.estimate([offer for offer in found if offer.cloud in clouds])
    places = {_place(plan) for plan in plans}
    return [offer for offer in found if _place(offer) in places]


def _history(comparison: Comparison, catalog: Catalog) -> list[Offer]:
    """Return the on-demand offers of the first plans' places through all snapshots."""
    plans = comparison.plans[:_HISTORIES]
    query = _query(comparison.as_of, plans, pricing_models=(PricingModel.ON_DEMAND,))
    places = {_place(plan) for plan in plans}
    return [offer for offer in catalog.history(query) if _place(offer) in places]


def _query(as_of: date, plans: Iterable[Plan], **filters: Any) -> Query:  # noqa: ANN401 - fields of Query
    rented = [plan for plan in plans if plan.cloud != "local"]
    return Query(
        as_of=as_of,
        services=tuple(sorted({plan.service for plan in rented})) or ("none",),
        instance_types=tuple(sorted({plan.instance_type for plan in rented})),
        **filters,
    )


def _place(item: Plan | Offer) -> tuple[str, ...]:
    return (item.cloud, item.service, item.region, item.instance_type)


def _quotas(plans: Sequence[Plan], catalog: Catalog) -> tuple[QuotaState, ...]:
    from planner.clouds import settings
    from planner.quotas.checking import check
    from planner.quotas.model import Demand

    items = {plan: catalog.instance_types.find(plan.service, plan.instance_type) for plan in plans}
    demands = [Demand.of_plan(plan, item) for plan, item in items.items() if item is not None]
    simulated = settings.current().simulated
    return tuple(_quota_state(result, simulated=simulated) for result in check(demands))


def _quota_state(result: DemandCheck, *, simulated: bool) -> QuotaState:
    return QuotaState(
        simulated=simulated,
        cloud=result.demand.cloud,
        region=result.demand.region,
        instance_type=result.demand.instance_type,
        verdict=str(result.verdict),
        reason=result.reason,
        quotas=tuple(
            f"{c.quota.title}: {c.in_machines(result.demand)}, limit "
            f"{'not known' if c.limit is None else f'{c.limit:g}'}, in use "
            f"{'not known' if c.usage is None else f'{c.usage:g}'}"
            for c in result.checks
        ),
    )


def _plain(value: Any) -> Any:  # noqa: ANN401 - whatever JSON can hold
    """Return the value as ``planner compare --format json`` prints it."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Decimal):
        return float(value)
    return value.isoformat() if isinstance(value, date) else value
