"""The answer of a comparison: what to take, what it costs, and what is cheaper for a reason.

All of it is said of everything that matches the question. How many rows are shown, in which
order, and how dear a row may be changes nothing here.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Literal

from planner.planning.deployable import deploy_to
from planner.planning.placement import layouts_on, wanted_types
from planner.planning.ranking import Comparison, compare
from planner.planning.replicas_kept import remembering
from planner.planning.request import ANY_PRECISION
from planner.pricing import regions
from planner.pricing.catalog import Catalog, Query
from planner.pricing.offer import Confidence, PricingModel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from decimal import Decimal

    from planner.plan import Plan
    from planner.planning.request import Request
    from planner.pricing.instance_types import InstanceType
    from planner.serving.layouts import Layout

Way = Literal["on_demand", "committed_1y"]
WAYS: tuple[Way, ...] = ("on_demand", "committed_1y")
_NAMED = ("cloud", "service", "region", "instance_type", "instances", "precision")
_BOUGHT = (PricingModel.ON_DEMAND, PricingModel.COMMITTED)


@dataclass(frozen=True, slots=True)
class Choice:
    """A plan, bought one way."""

    plan: Plan
    way: Way

    @property
    def monthly_usd(self) -> Decimal:
        """What it costs a month: on demand for the hours asked, a commitment around the clock."""
        price = monthly_usd(self.plan, self.way)
        if price is None:
            raise ValueError(f"{self.plan.instance_type} has no {self.way} price")
        return price

    @property
    def is_trusted(self) -> bool:
        """Whether a source publishes this price, and not one of low confidence."""
        return is_trusted(self.plan, self.way)

    @property
    def is_sure(self) -> bool:
        """Whether it may lead: its price is trusted, and weights of its precision are known."""
        return self.is_trusted and self.plan.weights_known

    @property
    def due_now_usd(self) -> Decimal | None:
        """What it asks for on the first day; None where the source does not tell."""
        return None if self.way == "on_demand" else self.plan.committed_1y_due_now_usd

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as the JSON contract names them."""
        named = {name: getattr(self.plan, name) for name in _NAMED}
        return named | {
            "way": self.way,
            "monthly_usd": self.monthly_usd,
            "due_now_usd": 0 if self.way == "on_demand" else self.due_now_usd,
            "trusted": self.is_trusted,
        }


@dataclass(frozen=True, slots=True)
class Answer:
    """What the whole comparison says; a field is None where there is no such plan.

    Attributes:
        pick: The lowest monthly cost, whichever way; at a trusted price and
            with weights that are known, if there is one.
        on_demand, committed: The same by one way of paying.
        doubtful: What would be cheaper than ``pick``, at a price that is not trusted or without
            known weights.
        deployable: The cheapest that planner can deploy.
    """

    pick: Choice | None
    on_demand: Choice | None
    committed: Choice | None
    doubtful: Choice | None
    deployable: Choice | None

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as the JSON contract names them."""
        choices = {item.name: getattr(self, item.name) for item in fields(self)}
        return {name: item.to_dict() if item else None for name, item in choices.items()}


def answer(plans: Iterable[Plan]) -> Answer:
    """Return the answer of all plans that match a question."""
    every = [
        Choice(plan, way) for plan in plans for way in WAYS if monthly_usd(plan, way) is not None
    ]
    pick = _cheapest(every)
    least = min(every, key=lambda choice: choice.monthly_usd, default=None)
    is_cheaper = pick and least and least.monthly_usd < pick.monthly_usd
    return Answer(
        pick=pick,
        on_demand=_cheapest(every, lambda choice: choice.way == "on_demand"),
        committed=_cheapest(every, lambda choice: choice.way == "committed_1y"),
        doubtful=least if is_cheaper else None,
        deployable=_cheapest(every, lambda choice: choice.plan.deployable),
    )


def cheapest(plans: Iterable[Plan], way: Way) -> Plan | None:
    """Return the cheapest plan one way of paying: at a trusted price if there is one."""
    found = _cheapest(Choice(plan, way) for plan in plans if monthly_usd(plan, way) is not None)
    return found.plan if found else None


def monthly_usd(plan: Plan, way: Way) -> Decimal | None:
    """Return what a plan costs a month, one way of paying; None: not known."""
    if way == "on_demand":
        return plan.on_demand_monthly_usd
    return plan.committed_1y_monthly_usd


def is_trusted(plan: Plan, way: Way) -> bool:
    """Tell whether a source publishes the price, and not one of low confidence."""
    if way == "on_demand":
        return plan.on_demand_confidence != Confidence.LOW
    published = plan.committed_1y_basis == "published"
    return published and plan.committed_1y_confidence != Confidence.LOW


@remembering()
def at_another_precision(
    request: Request, result: Comparison, pick: Choice, catalog: Catalog | None = None
) -> Choice | None:
    """Return the cheapest plan at a precision that was not asked for; None where none is cheaper.

    Only machines that could be cheaper are tried, and only precisions whose weights are known.
    """
    if request.precision == ANY_PRECISION or pick.plan.cloud == "local":
        return None
    catalog = catalog or Catalog()
    own = {plan.precision for plan in result.every}
    asked = replace(request, precision=ANY_PRECISION, max_monthly=None, top=None)
    for item in _cheaper_types(request, result, pick, catalog):
        if not any(
            _is_served(item, layout, request.model) for layout in layouts_on(asked, item, own)
        ):
            continue
        found = compare(replace(asked, instance_types=(item.instance_type,)), catalog).every
        others = [p for p in found if p.precision not in own and p.within_targets and p.deployable]
        best = answer(others).pick
        if best and best.is_trusted and best.monthly_usd < pick.monthly_usd:
            return best
    return None


def _is_served(item: InstanceType, layout: Layout, model: str) -> bool:
    return bool(layout.within_targets) and deploy_to(item, model, layout) is not None


def _cheaper_types(
    request: Request, result: Comparison, pick: Choice, catalog: Catalog
) -> list[InstanceType]:
    """Return the machines that have a price below the pick's where it was asked, cheapest first."""
    least = catalog.least_hourly(
        Query(
            as_of=result.as_of,
            services=request.services,
            regions=request.regions or regions.in_geo(request.geo),
            pricing_models=_BOUGHT,
        )
    )
    limit = pick.monthly_usd / request.hours_per_month
    types = wanted_types(request, catalog)
    cheaper = [item for item in types if least.get(item.key, limit) < limit]
    return sorted(cheaper, key=lambda item: least[item.key])


def _cheapest(
    choices: Iterable[Choice], wanted: Callable[[Choice], bool] = lambda _: True
) -> Choice | None:
    return min(
        (choice for choice in choices if wanted(choice)),
        key=lambda choice: (
            not choice.is_sure,
            choice.monthly_usd,
            choice.plan.instance_type,
            choice.plan.region,
        ),
        default=None,
    )
