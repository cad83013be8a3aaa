"""What to change, from what was really billed and served: each with its saving and the command."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING

from planner.actuals.model import ZERO
from planner.actuals.work import recorded
from planner.errors import PlannerError
from planner.planning import demand
from planner.planning.fleets import Rules
from planner.planning.request import Request
from planner.planning.sizing import SizeRequest, size

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from planner.actuals.answer import Actuals, CommitmentUse, EndpointActuals
    from planner.ledger import ServedHour
    from planner.planning.fleets import Fleet
    from planner.pricing.catalog import Catalog

_MONTH_HOURS = Decimal(730)
# Less of a saving is within what prices and loads move from month to month.
_LEAST_SHARE = Decimal("0.05")
_LEAST_IDLE_SHARE = Decimal("0.1")
_LEAST_UNUSED_SHARE = Decimal("0.2")
_WEEK_HOURS = 168
# As planner size has it by default, so that its command says the same.
_RULES = Rules(start_hours=1 / 3)
_TPOT_S = 0.05


@dataclass(frozen=True, slots=True)
class Action:
    """One thing to change.

    Attributes:
        about: The endpoint or the commitment.
        what: For people, one sentence.
        saving_usd_month: At 730 hours a month.
        certainty: ``high``, ``medium``, ``low``.
        why: What the certainty rests on.
        command: To type next.
    """

    about: str
    what: str
    saving_usd_month: Decimal
    certainty: str
    why: str
    command: str


def actions(
    found: Actuals, served: Mapping[str, Sequence[ServedHour]], catalog: Catalog | None = None
) -> list[Action]:
    """Return what to change, the largest saving first; what is of low certainty never leads.

    Args:
        found: Billed and served, in dollars; endpoints in other currencies get no advice.
        served: The recorded hours of each endpoint.
        catalog: Prices of today.
    """
    made: list[Action | None] = [_unused(item, found) for item in found.commitments]
    for item in found.endpoints:
        if item.currency == "USD" and item.plan is not None and item.plan.standing:
            made += [_idle(item), *_resized(item, served.get(item.name, ()), catalog)]
    known = [action for action in made if action is not None]
    return sorted(known, key=lambda action: (action.certainty == "low", -action.saving_usd_month))


def monthly_usd(item: EndpointActuals) -> Decimal | None:
    """Return what an endpoint costs in a month of 730 hours, as it cost in the period."""
    hours = item.hours or item.predicted_hours
    if item.cost is None or not hours:
        return None
    return item.cost / hours * _MONTH_HOURS


def _idle(item: EndpointActuals) -> Action | None:
    """Say what the hours without a request cost, where they are a tenth or more of it."""
    monthly, stood = monthly_usd(item), item.hours or item.predicted_hours
    if not monthly or not item.idle_cost or not item.cost or not stood:
        return None
    share = item.idle_cost / item.cost
    if share < _LEAST_IDLE_SHARE:
        return None
    looked = item.work.hours / float(stood)
    if item.work.requests:
        command = f"planner extend {item.name} 8h"
        what = f"{item.name} was asked nothing in {item.work.idle_hours:,.0f} hours; give it an end"
        if item.plan is not None and item.plan.service == "sagemaker" and item.plan.model:
            command = f"planner deploy {item.plan.model} --to sagemaker --min-instances 0"
            command += f" --max-instances 1 --name {item.name}"
            what = what.replace("give it an end", "let it scale to zero")
    else:
        command, what = f"planner destroy {item.name}", f"{item.name} was asked nothing at all"
    certainty = "high" if looked > 0.9 and not item.work.requests else "medium"  # noqa: PLR2004 - nearly all
    why = f"{item.work.hours:,.0f} of {stood:,.0f} hours were looked at"
    return Action(item.name, what, monthly * share, certainty, why, command)


def _resized(
    item: EndpointActuals, served: Sequence[ServedHour], catalog: Catalog | None
) -> list[Action]:
    """Ask which fleets carry the recorded load at the lowest cost, and compare.

    The fleet at the endpoint's own precision first; one at another precision, which may answer
    otherwise, only where it saves clearly more.
    """
    monthly = monthly_usd(item)
    if not monthly or item.plan is None or not item.plan.model:
        return []
    precision = item.plan.precision or None
    try:
        request = SizeRequest(
            Request(model=item.plan.model, precision=precision, tpot_s=_TPOT_S),
            load_of(served),
            rules=_RULES,
        )
        sizing = size(request, catalog)
    except PlannerError:
        # Nothing recorded, or nothing that carries it: there is no advice to give.
        return []
    hours = len({hour.hour for hour in served})
    certainty = "high" if hours >= 2 * _WEEK_HOURS else "medium" if hours >= _WEEK_HOURS else "low"
    command = f"planner size {item.plan.model} --load recorded:{item.name} --precision "
    made = []
    saving = monthly - _usd(sizing.cheapest)
    if saving >= monthly * _LEAST_SHARE:
        why = f"{hours} hours of load are recorded; speeds of fleets are estimates"
        what = f"the recorded load fits {_words(sizing.cheapest)}"
        name = sizing.cheapest.parts[0].server.layout.precision
        made.append(Action(item.name, what, saving, certainty, why, command + name))
    other = min(sizing.others, key=_usd, default=None)
    if other is not None and monthly - _usd(other) - max(saving, ZERO) >= monthly * _LEAST_SHARE:
        name = other.parts[0].server.layout.precision
        why = f"{name} may answer otherwise: try it on your own prompts first"
        what = f"at {name} the recorded load fits {_words(other)}"
        made.append(Action(item.name, what, monthly - _usd(other), "low", why, command + name))
    return made


def _usd(fleet: Fleet) -> Decimal:
    return Decimal(str(fleet.monthly_usd))


def load_of(served: Sequence[ServedHour], months: int = 12) -> demand.Load:
    """Return recorded hours as a load to plan with.

    Raises:
        NotFoundError: No hour tells requests.
    """
    read = recorded.week(served)
    prompt = read.input_tokens or demand.Lengths(1024, 1024 * demand.PROMPT_P95_OVER_MEAN)
    answer = read.output_tokens or demand.Lengths(256, 256 * demand.ANSWER_P95_OVER_MEAN)
    volume = demand.Volume(requests_per_second=sum(read.rates) / len(read.rates))
    made = demand.from_curve(
        volume,
        read.rates,
        prompt,
        answer,
        shape="recorded",
        cached_share=recorded.cached_share(served),
        months=months,
        warnings=read.warnings,
    )
    return replace(made, swell=read.swell)


def _words(fleet: Fleet) -> str:
    machines = " and ".join(
        f"{part.machines_peak} x {part.server.instance_type.instance_type} in {part.server.region}"
        for part in fleet.parts
    )
    bought = [
        f"{start.count} committed for {start.commitment.name}"
        for part in fleet.parts
        for start in part.mix.starts
    ]
    return "; ".join([machines, *bought]) + f"; ${fleet.monthly_usd:,.0f} a month"


def _unused(item: CommitmentUse, found: Actuals) -> Action | None:
    total = item.used + item.unused
    if item.currency != "USD" or total <= ZERO or item.unused / total < _LEAST_UNUSED_SHARE:
        return None
    share = item.unused / total
    hours = Decimal(24 * found.billed_days)
    return Action(
        item.id or "commitment",
        f"{share:.0%} of the commitment was not used: do not renew it at this size",
        item.unused / hours * _MONTH_HOURS,
        "high",
        f"the bill itself says so, for {found.billed_days} days",
        f"planner prices --cloud {item.cloud} --pricing-model committed",
    )
