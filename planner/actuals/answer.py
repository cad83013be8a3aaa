"""Billed beside predicted, why they differ, what was served, and where the month will end. Pure."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from planner.actuals.explaining import Explanation, explain
from planner.actuals.forecast import month_end
from planner.actuals.model import ZERO, Kind
from planner.actuals.work.totals import Work, total

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import date, datetime

    from planner.actuals.model import Bill, Charge, Period
    from planner.actuals.predicted import Predicted
    from planner.ledger import ServedHour

_CENT = Decimal("0.01")
_MILLION = Decimal(1_000_000)


@dataclass(frozen=True, slots=True)
class EndpointActuals:
    """One endpoint in the period.

    Attributes:
        billed: On invoices; None where no bill is there.
        effective: With commitments spread over their hours; None likewise.
        predicted: In US dollars, from the ledger; None where no price was known.
        days: Day -> (billed, effective, predicted).
        idle_cost: What the hours without a request cost; None where not known.
    """

    name: str
    cloud: str
    currency: str
    billed: Decimal | None
    effective: Decimal | None
    predicted: Decimal | None
    hours: Decimal | None
    predicted_hours: Decimal | None
    explanation: Explanation | None
    work: Work
    days: dict[date, tuple[Decimal, Decimal, Decimal | None]]
    plan: Predicted | None = None
    idle_cost: Decimal | None = None
    notes: tuple[str, ...] = ()

    @property
    def cost(self) -> Decimal | None:
        """Return what its hours cost: effective where a bill is there, else as predicted."""
        return self.effective if self.effective is not None else self.predicted

    @property
    def usd_per_million_served_tokens(self) -> Decimal | None:
        """Return the effective cost of a million answer tokens really served.

        ``planner size`` and ``planner compare`` count answer tokens too.
        """
        tokens = self.work.output_tokens
        if self.effective is None or self.currency != "USD" or not tokens:
            return None
        return self.effective / Decimal(str(tokens)) * _MILLION


@dataclass(frozen=True, slots=True)
class CommitmentUse:
    """How much of a commitment was used, at effective cost."""

    id: str
    cloud: str
    currency: str
    used: Decimal
    unused: Decimal


@dataclass(frozen=True, slots=True)
class Actuals:
    """The answer.

    Attributes:
        currency: Of the totals; charges in others are in ``other_currencies`` (billed).
        elsewhere: Billed in the same bills for what carries no planner tag, in ``currency``.
        month_end: Effective cost at the end of the current month, as things go; None where the
            period is not the month that runs.
        budget: For a calendar month; None where none is told.
    """

    period: Period
    currency: str
    sources: tuple[str, ...]
    endpoints: tuple[EndpointActuals, ...]
    commitments: tuple[CommitmentUse, ...] = ()
    elsewhere: Decimal = ZERO
    other_currencies: dict[str, Decimal] = field(default_factory=dict)
    month_end: Decimal | None = None
    budget: Decimal | None = None
    until: datetime | None = None
    notes: tuple[str, ...] = ()

    @property
    def total_billed(self) -> Decimal:
        """Return what the invoices ask for planner's endpoints, in ``currency``."""
        return self._total("billed")

    @property
    def total_effective(self) -> Decimal:
        """Return the same with commitments spread over their hours."""
        return self._total("effective")

    @property
    def total_predicted(self) -> Decimal:
        """Return what was predicted for the endpoints whose price was known."""
        # One that is billed in two currencies stands here twice, and was planned once.
        by_name = {item.name: item.predicted for item in self.endpoints if item.predicted}
        return sum(by_name.values(), ZERO)

    @property
    def billed_days(self) -> int:
        """Return how many days of the period the bills reach into."""
        end = self.until.date() if self.until else self.period.end
        return max(1, (min(end, self.period.end) - self.period.start).days)

    @property
    def has_bill(self) -> bool:
        """Tell whether any bill was read."""
        return bool(self.sources)

    def _total(self, name: str) -> Decimal:
        ours = [item for item in self.endpoints if item.currency == self.currency]
        return sum((getattr(item, name) or ZERO for item in ours), ZERO)


def actuals(
    bills: Sequence[Bill],
    planned: Callable[[datetime], Sequence[Predicted]],
    served: Iterable[ServedHour],
    period: Period,
    now: datetime,
    *,
    budget: Decimal | None = None,
) -> Actuals:
    """Return what was billed, predicted and served in a period, by endpoint.

    Args:
        bills: None, or one of each source; what two sources bill is counted twice.
        planned: What the ledger has of the period up to a time. A bill that ends earlier than
            now is compared with what was predicted up to its end.
        served: Hours of the period.
        period: The days that count.
        now: For the forecast.
        budget: US dollars for a calendar month.
    """
    charges = [charge for bill in bills for charge in bill.charges]
    currency = _main_currency(charges)
    ours = _grouped((c for c in charges if c.endpoint), lambda c: (c.endpoint, c.currency))
    plans = {item.name: item for item in planned(now)}
    plans |= _up_to_the_bills(bills, planned, now)
    hours = _grouped(served, lambda item: item.endpoint)
    until = max((bill.until for bill in bills if bill.until), default=None)
    seen = [
        _Seen(name, money, rows, plans.get(name), hours.get(name, []))
        for (name, money), rows in ours.items()
    ]
    known = {name for name, _ in ours}
    seen += [
        _Seen(name, "USD", None, plan, hours.get(name, []))
        for name, plan in plans.items()
        if name not in known
    ]
    made = [_endpoint(item, until) for item in seen]
    others: dict[str, Decimal] = defaultdict(Decimal)
    for charge in charges:
        if charge.currency != currency and charge.endpoint:
            others[charge.currency] += charge.billed
    rest = (c.billed for c in charges if not c.endpoint and c.currency == currency)
    return Actuals(
        period,
        currency,
        tuple(bill.source for bill in bills),
        tuple(sorted(made, key=lambda item: (-(item.cost or ZERO), item.name))),
        _commitments(charges),
        sum(rest, ZERO),
        dict(others),
        month_end=month_end(
            [item for item in made if item.currency == currency], period, now, until
        ),
        budget=budget,
        until=until,
        notes=tuple(
            dict.fromkeys((*_twice(bills), *(text for bill in bills for text in bill.warnings)))
        ),
    )


def _twice(bills: Sequence[Bill]) -> list[str]:
    """Say where two sources bill the same day of an endpoint: that money is counted twice."""
    said = []
    for number, bill in enumerate(bills):
        mine = {(charge.endpoint, charge.day) for charge in bill.charges if charge.endpoint}
        for other in bills[number + 1 :]:
            both = sorted(
                {name for name, day in mine if name}
                & {c.endpoint for c in other.charges if (c.endpoint, c.day) in mine}
            )
            if both:
                said.append(
                    f"{bill.source} and {other.source} bill the same days of {', '.join(both)}: "
                    "if one holds what the other holds, it is counted twice"
                )
    return said


def _up_to_the_bills(
    bills: Sequence[Bill], planned: Callable[[datetime], Sequence[Predicted]], now: datetime
) -> dict[str, Predicted]:
    """Return the plans of endpoints that are billed, each up to the end of its bill."""
    found: dict[str, Predicted] = {}
    for bill in bills:
        if bill.until is not None and bill.until < now:
            named = {charge.endpoint for charge in bill.charges}
            found |= {item.name: item for item in planned(bill.until) if item.name in named}
    return found


def _main_currency(charges: Sequence[Charge]) -> str:
    """Return the currency of most of what planner's endpoints are billed; else dollars."""
    amounts: dict[str, Decimal] = defaultdict(Decimal)
    for charge in charges:
        if charge.endpoint:
            amounts[charge.currency] += abs(charge.billed) + abs(charge.effective)
    if not amounts or "USD" in amounts:
        return "USD"
    return max(amounts, key=lambda code: amounts[code])


def _grouped(items: Iterable[Any], key: Callable[[Any], Any]) -> dict[Any, list[Any]]:
    found: dict[Any, list[Any]] = {}
    for item in items:
        found.setdefault(key(item), []).append(item)
    return found


@dataclass(frozen=True, slots=True)
class _Seen:
    """All that is known of one endpoint; ``charges`` is None where no bill names it."""

    name: str
    currency: str
    charges: Sequence[Charge] | None
    plan: Predicted | None
    served: Sequence[ServedHour]

    @property
    def comparable(self) -> bool:
        """Whether bill and prediction are both there, in dollars."""
        has_prediction = self.plan is not None and bool(self.plan.usd)
        return self.charges is not None and has_prediction and self.currency == "USD"


def _endpoint(seen: _Seen, until: datetime | None) -> EndpointActuals:
    charges, plan = seen.charges, seen.plan
    predicted = _total(plan.usd.values()) if plan is not None and plan.usd else None
    billed = None if charges is None else _total(c.billed for c in charges)
    effective = None if charges is None else _total(c.effective for c in charges)
    hours = _billed_hours(charges or ())
    work = total(seen.served)
    explanation = None
    if seen.comparable and charges is not None and plan is not None:
        explanation = explain(charges, plan, hours)
    planned_hours = _total(plan.hours.values()) if plan else None
    cost = effective if effective is not None else predicted
    return EndpointActuals(
        seen.name,
        charges[0].cloud if charges else plan.cloud if plan else "",
        seen.currency,
        billed,
        effective,
        predicted,
        hours,
        planned_hours,
        explanation,
        work,
        _days(charges or (), plan),
        plan,
        _idle_cost(cost, hours or planned_hours, work),
        _notes(seen, work, until),
    )


def _days(
    charges: Sequence[Charge], plan: Predicted | None
) -> dict[date, tuple[Decimal, Decimal, Decimal | None]]:
    by_day = _grouped(charges, lambda charge: charge.day)
    planned = plan.usd if plan else {}
    return {
        day: (
            _total(charge.billed for charge in by_day.get(day, ())),
            _total(charge.effective for charge in by_day.get(day, ())),
            planned.get(day),
        )
        for day in sorted({*planned, *by_day})
    }


def _idle_cost(cost: Decimal | None, stood: Decimal | None, work: Work) -> Decimal | None:
    """Return what the hours without a request cost; hours that nobody looked at are not idle."""
    if cost is None or not stood or not work.hours or work.requests is None:
        return None
    return cost * min(Decimal(1), Decimal(str(work.idle_hours)) / stood)


def _total(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, ZERO)


def _billed_hours(charges: Sequence[Charge]) -> Decimal | None:
    machines = [c for c in charges if c.kind is Kind.MACHINE and c.commitment != "unused"]
    told = [charge.hours for charge in machines if charge.hours is not None]
    return _total(told) if told and len(told) == len(machines) else None


def _notes(seen: _Seen, work: Work, until: datetime | None) -> tuple[str, ...]:
    said = []
    if seen.charges is None:
        late = f"; the bill goes to {until:%Y-%m-%d %H:%M} UTC" if until else ""
        said.append(f"no bill names it{late}")
    if seen.plan is None:
        said.append("the ledger does not know it: it was made on another computer")
    elif not seen.plan.usd:
        said.append("no price was known when it was made")
    if seen.charges is not None and seen.currency != "USD":
        said.append(f"billed in {seen.currency}, predicted in USD: not compared")
    if not work.hours:
        said.append("what it served is not recorded")
    elif work.output_tokens is None:
        said.append(f"{work.source} knows its requests, not its tokens")
    return tuple(said)


def _commitments(charges: Iterable[Charge]) -> tuple[CommitmentUse, ...]:
    found: dict[tuple[str, str, str], dict[str, Decimal]] = {}
    for charge in charges:
        if charge.commitment in {"used", "unused"}:
            key = (charge.commitment_id, charge.cloud, charge.currency)
            sums = found.setdefault(key, {"used": ZERO, "unused": ZERO})
            sums[charge.commitment] += charge.effective
    return tuple(
        CommitmentUse(*key, sums["used"], sums["unused"]) for key, sums in sorted(found.items())
    )


def cents(amount: Decimal | None) -> Decimal | None:
    """Return an amount as it is shown: to the cent."""
    # Zero has no sign.
    return None if amount is None else amount.quantize(_CENT) + ZERO
