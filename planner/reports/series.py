"""What the charts show, as plain records: each figure is a plan's, an offer's or computed here."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from planner.planning import rent_or_buy
from planner.pricing import cost
from planner.pricing.offer import HOURS_PER_YEAR, PricingModel
from planner.reports import headline, wording

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from planner.plan import Plan
    from planner.pricing.api_prices import ApiPrice
    from planner.pricing.offer import Offer
    from planner.reports.interface import Report

ON_DEMAND, ONE_YEAR, THREE_YEARS, SPOT = "On demand", "1-year", "3-year", "Spot"
HORIZON_MONTHS = 36
_MONTHS_PER_YEAR = 12
MOST_PLANS = 12
MOST_HISTORIES = 5
_API_LINES = 3
# Machines up to which every step of a load is drawn. Beyond, a step is below 4 % of the price,
# and only some loads that fill whole machines are.
_EVERY_MACHINE = 24
_MORE_CORNERS = 24
_TITLES: dict[rent_or_buy.Way, str] = {"on_demand": "on demand", "committed_1y": "1-year"}


@dataclass(frozen=True, slots=True)
class BreakEvenMonth:
    """How long an endpoint must be kept for a commitment to be the cheaper."""

    way: str
    months: float
    total_usd: float
    term_months: int = _MONTHS_PER_YEAR

    def said(self) -> str:
        """Return for how many months, up to the horizon: ``8-12 or from 16 months``.

        A term that is renewed has to pay off again, so there are gaps after each of the first.
        """
        spans: list[tuple[float, int]] = []
        for term in range(1, HORIZON_MONTHS // self.term_months + 1):
            start, end = self.months * term, self.term_months * term
            if spans and start <= spans[-1][1]:
                spans[-1] = (spans[-1][0], end)
            else:
                spans.append((start, end))
        parts = [
            f"from {start:.1f}" if end >= HORIZON_MONTHS else f"{start:.1f}-{end}"
            for start, end in spans
        ]
        return f"{' or '.join(parts)} months"


def monthly(report: Report) -> list[dict[str, Any]]:
    """Return the monthly price of the cheapest plans, by pricing model; one record a price."""
    hours = Decimal(str(report.assumptions["hours_per_month"]))
    records = []
    for rank, plan in enumerate(_shown(report)):
        prices = {
            ON_DEMAND: plan.on_demand_monthly_usd,
            ONE_YEAR: plan.committed_1y_monthly_usd,
            THREE_YEARS: _offer_monthly(_three_years(report, plan), plan, cost.HOURS_PER_MONTH),
            SPOT: _offer_monthly(_spot(report, plan), plan, hours),
        }
        records += [
            {"rank": rank, **_identity(plan), "way": way, "monthly_usd": float(price)}
            for way, price in prices.items()
            if price is not None
        ]
    return records


def cumulative(report: Report) -> list[dict[str, Any]]:
    """Return what the headline plan costs in all if it is kept for so many months.

    A commitment is paid to the end of its term, used or not, and renewed when it is over; two
    records of the same month are the step up to the next term.
    """
    plan = headline.plan_of(report)
    records = []
    for way, offer in _ways(report, plan).items():
        if offer.term_years is None:
            months: Sequence[int] = (0, HORIZON_MONTHS)
            totals = [_on_demand_monthly(report, plan, offer) * m for m in months]
        else:
            term = offer.term_years * _MONTHS_PER_YEAR
            months = sorted(
                [*range(0, HORIZON_MONTHS, term), *range(term, HORIZON_MONTHS + 1, term)]
            )
            one = offer.effective_hourly_usd * HOURS_PER_YEAR * offer.term_years * plan.instances
            totals = [one * (i // 2 + 1) for i in range(len(months))]
        records += [
            {"way": way, "months": m, "total_usd": float(total)}
            for m, total in zip(months, totals, strict=True)
        ]
    return records


def break_evens(report: Report) -> list[BreakEvenMonth]:
    """Return for each commitment of the headline plan after how many months it has paid off."""
    plan = headline.plan_of(report)
    ways = _ways(report, plan)
    if ON_DEMAND not in ways:
        return []
    a_month = _on_demand_monthly(report, plan, ways[ON_DEMAND])
    found = []
    for way, offer in ways.items():
        if offer.term_years is not None:
            hours = HOURS_PER_YEAR * offer.term_years
            total = offer.effective_hourly_usd * hours * plan.instances
            months = float(total / a_month)
            if months <= offer.term_years * _MONTHS_PER_YEAR:
                found.append(
                    BreakEvenMonth(way, months, float(total), offer.term_years * _MONTHS_PER_YEAR)
                )
    return found


def tokens(report: Report) -> list[dict[str, Any]]:
    """Return the price of a million output tokens over the load, for endpoints and APIs.

    ``load`` is million output tokens a month. A further machine is added where the load passes
    what one gives at the assumed utilisation.
    """
    shown = _token_endpoints(report)
    if not shown:
        return []
    low = min(e.capacity for e in shown.values()) / 20
    high = max(e.capacity for e in shown.values()) * 3
    records = []
    for name, endpoint in shown.items():
        counts = _machine_counts(math.floor(high / endpoint.capacity))
        corners = [endpoint.capacity * n for n in counts]
        steps = [c * 1.0001 for c in corners[:_EVERY_MACHINE]]
        # Between the corners the cost is constant: straight where both axes are logarithmic.
        loads = sorted([low, *corners, *steps, high])
        records += [
            {
                "name": name,
                "api": False,
                "way": endpoint.way,
                "load": x,
                "usd": endpoint.monthly_cost(x) / x,
            }
            for x in loads
        ]
    for api in api_lines(report):
        usd = float(api.usd_per_million_output_tokens)
        name = f"{api.provider_name} API"
        records += [
            {"name": name, "api": True, "way": None, "load": x, "usd": usd} for x in (low, high)
        ]
    return records


def _machine_counts(most: int) -> list[int]:
    """Return numbers of machines to draw, up to ``most``: all of the first, then ever fewer."""
    first = list(range(1, min(most, _EVERY_MACHINE) + 1))
    if most <= _EVERY_MACHINE:
        return first
    ratio = most / _EVERY_MACHINE
    later = {
        round(_EVERY_MACHINE * ratio ** (step / _MORE_CORNERS))
        for step in range(1, _MORE_CORNERS + 1)
    }
    return sorted({*first, *later})


def api_lines(report: Report) -> list[ApiPrice]:
    """Return the APIs worth a line: the cheapest, the middle and the dearest that surely serve."""
    offered = report.api.serving if report.api else ()
    by_price = {p.usd_per_million_output_tokens: p for p in reversed(offered)}
    distinct = [by_price[price] for price in sorted(by_price)]
    if len(distinct) <= _API_LINES:
        return distinct
    return [distinct[0], distinct[len(distinct) // 2], distinct[-1]]


def rent_or_buy_points(report: Report) -> list[rent_or_buy.BreakEven]:
    """Return where the endpoints of the token chart meet the cheapest API.

    Beside them, for each way of paying, the plan that meets it at the smallest load.
    """
    lines = api_lines(report)
    if not lines:
        return []
    found = _endpoints(report)
    points = [rent_or_buy.break_even(e, lines[0]) for e in _token_endpoints(report).values()]
    for way in _TITLES:
        first = rent_or_buy.earliest(found, way, lines[0])
        if first is not None and first not in points:
            points.append(first)
    return points


def history(report: Report) -> list[dict[str, Any]]:
    """Return the on-demand price an hour of some plans' places over time, as known then."""
    by_place: dict[tuple[str, ...], list[Offer]] = {}
    for offer in report.history:
        if offer.undated:
            continue
        by_place.setdefault(_key(offer), []).append(offer)
    records: list[dict[str, Any]] = []
    places = dict.fromkeys(_key(plan) for plan in report.plans)
    known = [place for place in places if len(by_place.get(place, ())) > 1]
    # Those whose price changed say more than those whose price stood.
    known.sort(key=lambda place: len({o.effective_hourly_usd for o in by_place[place]}) == 1)
    for place in known[:MOST_HISTORIES]:
        offers = by_place[place]
        # No point but where a list has one: what came after the last is not known.
        dated = [(o.as_of, float(o.effective_hourly_usd)) for o in offers]
        _, _, region, name = place
        records += [
            {"name": name, "region": region, "date": day.isoformat(), "hourly_usd": usd}
            for day, usd in dated
        ]
    return records


def history_dates(records: Iterable[dict[str, Any]]) -> tuple[date, date] | None:
    """Return the first and last date of a history, or None where there is none."""
    days = sorted(date.fromisoformat(record["date"]) for record in records)
    return (days[0], days[-1]) if days else None


def _shown(report: Report) -> list[Plan]:
    """Return the cheapest plans of a comparison, whichever way each is cheapest."""

    def least(plan: Plan) -> Decimal:
        prices = (plan.on_demand_monthly_usd, plan.committed_1y_monthly_usd)
        return min((p for p in prices if p is not None), default=Decimal("Infinity"))

    return sorted(report.plans, key=least)[:MOST_PLANS]


def _identity(plan: Plan) -> dict[str, str]:
    return {
        "instance_type": plan.instance_type,
        "gpus": wording.gpus(plan),
        "place": f"{wording.CLOUDS[plan.cloud]} {plan.region}".strip(),
        "precision": plan.precision,
    }


def _key(item: Plan | Offer) -> tuple[str, ...]:
    return (item.cloud, item.service, item.region, item.instance_type)


def _offers(report: Report, plan: Plan) -> Iterator[Offer]:
    key = _key(plan)
    return (offer for offer in report.offers if _key(offer) == key)


def _spot(report: Report, plan: Plan) -> Offer | None:
    return next((o for o in _offers(report, plan) if o.pricing_model is PricingModel.SPOT), None)


def _three_years(report: Report, plan: Plan) -> Offer | None:
    years = 3
    return min(
        (o for o in _offers(report, plan) if o.term_years == years),
        key=lambda o: o.effective_hourly_usd,
        default=None,
    )


def _one_year(report: Report, plan: Plan) -> Offer | None:
    """Return the very offer that the plan's one-year price is of."""
    return next(
        (
            o
            for o in _offers(report, plan)
            if o.term_years == 1
            and o.commitment == plan.committed_1y_kind
            and o.payment_option == plan.committed_1y_payment_option
        ),
        None,
    )


def _ways(report: Report, plan: Plan) -> dict[str, Offer]:
    """Return the offers that a plan can be bought by, without spot, which is not kept."""
    on_demand = next(
        (o for o in _offers(report, plan) if o.pricing_model is PricingModel.ON_DEMAND), None
    )
    ways = {
        ON_DEMAND: on_demand,
        ONE_YEAR: _one_year(report, plan),
        THREE_YEARS: _three_years(report, plan),
    }
    return {way: offer for way, offer in ways.items() if offer is not None}


def _on_demand_monthly(report: Report, plan: Plan, offer: Offer) -> Decimal:
    hours = Decimal(str(report.assumptions["hours_per_month"]))
    return cost.monthly(offer.effective_hourly_usd, hours) * plan.instances


def _offer_monthly(offer: Offer | None, plan: Plan, hours: Decimal) -> Decimal | None:
    if offer is None:
        return None
    return cost.monthly(offer.effective_hourly_usd, hours) * plan.instances


def _endpoints(report: Report) -> list[rent_or_buy.Endpoint]:
    return rent_or_buy.endpoints(
        report.plans,
        utilization=float(report.assumptions["utilisation"]),
        hours_per_month=float(report.assumptions["hours_per_month"]),
    )


def _token_endpoints(report: Report) -> dict[str, rent_or_buy.Endpoint]:
    """Return the headline plan and the one with the cheapest tokens, each way of paying."""
    found, first = _endpoints(report), headline.plan_of(report)
    shown: dict[str, rent_or_buy.Endpoint] = {}
    for way, title in _TITLES.items():
        mine = next((e for e in found if e.plan is first and e.way == way), None)
        for endpoint in (mine, rent_or_buy.cheapest_tokens(found, way)):
            if endpoint is not None:
                shown.setdefault(f"{endpoint.plan.instance_type}, {title}", endpoint)
    return shown
