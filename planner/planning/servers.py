"""Which machines can serve a load, where, and what each way of buying them costs."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from math import inf
from typing import TYPE_CHECKING

from planner.planning import deployable
from planner.planning.fleets import Server
from planner.planning.placement import precisions, wanted_types
from planner.planning.purchase_mix import Commitment, Market
from planner.planning.replicas_kept import remembering
from planner.planning.request import Request, check_names, question_of
from planner.pricing import estimates, regions
from planner.pricing.catalog import Query
from planner.pricing.offer import Confidence, PaymentOption, PricingModel
from planner.serving import accelerators, checkpoints, engines, layouts, models
from planner.serving.load import LoadShape

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import date

    from planner.planning.demand import Load
    from planner.pricing.catalog import Catalog
    from planner.pricing.instance_types import InstanceType
    from planner.pricing.offer import Offer
    from planner.serving.layouts import Layout
    from planner.serving.load import Question
    from planner.serving.models import Model

ANY_PAYMENT = "any"
_PER_CENT = 100.0


@dataclass(frozen=True, slots=True)
class Buying:
    """How machines may be bought.

    Attributes:
        pay: ``no_upfront`` where a commitment is sold so; ``any`` for the cheapest of all.
        terms: Years of the commitments that may be made; empty for none.
        spot: Whether machines above the floor may be spot machines.
        spot_interrupted: Share of the hours of a spot machine that are lost to interruptions.
        discount_percent: Off every price: a discount programme of one's own.
        held: Machines of an instance type that are paid for already.
        estimates: Whether estimated commitments count.
    """

    pay: str = PaymentOption.NO_UPFRONT
    terms: tuple[int, ...] = (1,)
    spot: bool = False
    spot_interrupted: float = 0.05
    discount_percent: float = 0.0
    held: tuple[tuple[str, int], ...] = ()
    estimates: bool = True


@remembering()
def able(request: Request, load: Load, catalog: Catalog) -> list[tuple[InstanceType, Layout]]:
    """Return the machines that meet the targets, each with its best layout, by precision."""
    model = models.get(request.model)
    found = []
    for item in wanted_types(request, catalog):
        card = accelerators.get(item.accelerator, item.interconnect)
        if engines.needs_neuron(card):
            continue
        for precision in precisions(request, model):
            layout = layouts.best(
                model, card, item.accelerator_count, question_for(request, model, precision, load)
            )
            if layout is not None and layout.capacity_low:
                found.append((item, layout))
    return found


def question_for(request: Request, model: Model, precision: str, load: Load) -> Question:
    """Return what a load asks of a machine at a precision."""
    prompt, answer = load.input_tokens, load.output_tokens
    shape = LoadShape(
        round(prompt.mean),
        round(answer.mean),
        round(prompt.p95),
        round(answer.p95),
        load.cached_share,
    )
    asked = question_of(request, model, precision)
    return replace(asked, shape=shape, context=request.context or 0, concurrency=1)


def priced(
    found: Sequence[tuple[InstanceType, Layout]],
    request: Request,
    buying: Buying,
    as_of: date,
    catalog: Catalog,
) -> list[Server]:
    """Return the machines with their prices, in the one or two cheapest regions of each."""
    by_type: dict[tuple[str, str], list[tuple[InstanceType, Layout]]] = defaultdict(list)
    for item, layout in found:
        by_type[item.key].append((item, layout))
    offers = _offers(request, buying, as_of, catalog, [item for item, _ in found])
    servers = []
    for (service, name, region), prices in _by_place(offers).items():
        market, on_demand, spot = _market(prices, buying, dict(buying.held).get(name, 0))
        trusted = all(offer.confidence is not Confidence.LOW for offer in prices)
        servers += [
            Server(
                item,
                region,
                layout,
                market,
                rate=layout.capacity_low or 0.0,
                rate_expected=layout.capacity_requests_per_second or 0.0,
                on_demand=on_demand,
                spot=spot,
                deploy_to=deployable.deploy_to(item, request.model, layout),
                trusted=trusted,
                weights_known=checkpoints.exists(models.get(request.model), layout.precision),
            )
            for item, layout in by_type[service, name]
        ]
    return [*_cheapest_places(servers)]


def _cheapest_places(servers: Iterable[Server]) -> Iterator[Server]:
    """Yield of each machine and layout the places with the cheapest price of each kind."""
    same: dict[object, list[Server]] = defaultdict(list)
    for server in servers:
        same[server.instance_type.key, server.layout.precision].append(server)
    for places in same.values():
        chosen = {
            id(best): best
            for kind in (_on_demand, _committed, _spot)
            if kind(best := min(places, key=lambda s: (kind(s), s.region))) < inf
        }
        yield from chosen.values()


def _on_demand(server: Server) -> float:
    return inf if server.market.on_demand_usd is None else server.market.on_demand_usd


def _committed(server: Server) -> float:
    return min((c.total_usd / c.months for c in server.market.commitments), default=inf)


def _spot(server: Server) -> float:
    return inf if server.market.spot_usd is None else server.market.spot_usd


def _offers(
    request: Request,
    buying: Buying,
    as_of: date,
    catalog: Catalog,
    items: Iterable[InstanceType],
) -> list[Offer]:
    check_names("region", request.regions, regions.all_regions())
    wanted = request.regions or regions.in_geo(request.geo)
    kinds = [PricingModel.ON_DEMAND, PricingModel.COMMITTED]
    query = Query(
        as_of=as_of,
        instance_types=tuple({item.instance_type for item in items}),
        services=tuple({item.service for item in items}),
        pricing_models=(*kinds, *([PricingModel.SPOT] if buying.spot else [])),
    )
    everywhere = catalog.offers(query)
    estimated = estimates.estimate(everywhere) if buying.estimates else []
    return [o for o in (*everywhere, *estimated) if not wanted or o.region in wanted]


def _by_place(offers: Iterable[Offer]) -> dict[tuple[str, str, str], list[Offer]]:
    found: dict[tuple[str, str, str], list[Offer]] = defaultdict(list)
    for offer in offers:
        found[offer.service, offer.instance_type, offer.region].append(offer)
    return found


def _market(
    prices: Sequence[Offer], buying: Buying, held: int
) -> tuple[Market, Offer | None, Offer | None]:
    """Return what a machine costs each way, with the offers by the hour."""
    share = 1 - buying.discount_percent / _PER_CENT
    by_model = {offer.pricing_model: offer for offer in prices}
    on_demand = by_model.get(PricingModel.ON_DEMAND)
    spot = by_model.get(PricingModel.SPOT)
    market = Market(
        on_demand_usd=None if on_demand is None else float(on_demand.effective_hourly_usd) * share,
        commitments=tuple(_commitments(prices, buying, share)),
        spot_usd=None
        if spot is None
        else float(spot.effective_hourly_usd) * share / (1 - buying.spot_interrupted),
        held=held,
    )
    return market, on_demand, spot


def _commitments(prices: Iterable[Offer], buying: Buying, share: float) -> Iterator[Commitment]:
    """Yield the cheapest commitment of each term, as the user wants to pay."""
    terms: dict[int, list[Offer]] = defaultdict(list)
    for offer in prices:
        if offer.pricing_model is PricingModel.COMMITTED and offer.term_years in buying.terms:
            terms[offer.term_years].append(offer)
    for years, offers in terms.items():
        as_wanted = [o for o in offers if buying.pay in {ANY_PAYMENT, o.payment_option}] or offers
        offer = min(as_wanted, key=lambda o: (o.effective_hourly_usd, o.estimated))
        yield _commitment(offer, years, share)


def _commitment(offer: Offer, years: int, share: float) -> Commitment:
    term = f"{years} year{'s' if years > 1 else ''}"
    paid = str(offer.payment_option or "").replace("_", " ")
    known = offer.upfront_usd is not None and offer.hourly_usd is not None
    hourly = offer.hourly_usd if known else offer.effective_hourly_usd
    return Commitment(
        name=", ".join(part for part in (term, paid) if part),
        months=12 * years,
        hourly_usd=float(hourly or 0) * share,
        upfront_usd=float(offer.upfront_usd or 0) * share if known else _no_upfront(offer),
        key=(str(offer.commitment), str(offer.payment_option)),
    )


def _no_upfront(offer: Offer) -> float | None:
    return 0.0 if offer.payment_option is PaymentOption.NO_UPFRONT else None
