"""The answer of a report in one sentence, and its key figures.

What leads is :mod:`planner.planning.answer`'s choice, said of everything that matches: the lowest
real monthly cost at a trusted price. A price of low confidence is named second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.planning import answer as answers
from planner.reports import wording

if TYPE_CHECKING:
    from planner.plan import Plan
    from planner.planning.answer import Answer, Choice
    from planner.reports.interface import Report

_HOW = {"on_demand": "on demand", "committed_1y": "on a one-year commitment"}


def answer_of(report: Report) -> Answer:
    """Return the answer of all plans that match, shown or not."""
    return answers.answer(report.every or report.plans)


def plan_of(report: Report) -> Plan:
    """Return the plan that the answer names; the first one where no price is known."""
    pick = answer_of(report).pick
    return pick.plan if pick is not None else report.plans[0]


def said(report: Report) -> str:
    """Say in one sentence what is cheapest, what the other way of paying costs, and a doubt."""
    found = answer_of(report)
    name = wording.model_name(report.model)
    if found.pick is None:
        first = report.plans[0]
        return (
            f"Cheapest that serves {name} at {first.precision}: {wording.place(first)}; its price "
            "is not known."
        )
    pick = found.pick
    text = (
        f"Cheapest that serves {name} at {pick.plan.precision}: {wording.place(pick.plan)}, "
        f"{_price(report, pick)} {_HOW[pick.way]}{due(pick)}; {_other(report, found, pick)}."
    )
    doubt = found.doubtful
    if doubt is not None and doubt not in (found.on_demand, found.committed):
        text += (
            f" Perhaps cheaper: {wording.place(doubt.plan)}, {_price(report, doubt)} "
            f"{_HOW[doubt.way]}."
        )
    return text


def facts(report: Report) -> list[tuple[str, str, str]]:
    """Return the key figures of the plan that the answer names: (what, value, remark)."""
    plan = plan_of(report)
    kind = wording.ways_said(plan)
    hours = float(report.assumptions["hours_per_month"])
    speed = (
        f"{wording.number(plan.tokens_per_second_low)}-"
        f"{wording.number(plan.tokens_per_second_high)}, {plan.throughput_basis}"
        if plan.tokens_per_second is not None
        else ""
    )
    year = ("One-year commitment", _marked(report, plan, "committed_1y"), _kind(plan, kind))
    free = ("On demand", _marked(report, plan, "on_demand"), f"a month of {hours:g} hours")
    pick = answer_of(report).pick
    return [
        *((free, year) if pick is not None and pick.way == "on_demand" else (year, free)),
        _saving(plan, hours),
        (
            "A million tokens",
            wording.speed_mark(plan) + wording.usd(plan.usd_per_million_tokens, 2),
            f"on demand, {wording.use(report.assumptions)}",
        ),
        ("Tokens a second", wording.number(plan.tokens_per_second), speed),
        ("Layout", wording.layout(plan), "copies on a machine, and the GPUs that share each layer"),
    ]


def due(choice: Choice) -> str:
    """Return when a commitment is paid: ``, $9,586 of it now``; empty for on demand."""
    if choice.way == "on_demand":
        return ""
    now = choice.due_now_usd
    if now is None:
        return ", part of it now"
    return f", {wording.usd(now)} now" if now else ", nothing now"


def _other(report: Report, found: Answer, pick: Choice) -> str:
    """Say what the other way of paying costs: of the same plan if it is the cheapest of its way."""
    if pick.way == "on_demand":
        other, none = found.committed, "no one-year price is known"
        start, same = "on a one-year commitment", "{price} on a one-year commitment{due}"
    else:
        other, none = found.on_demand, "no on-demand price is known"
        start, same = "without one", "{price} without"
    if other is None:
        return none
    price = _price(report, other)
    if other.plan == pick.plan:
        return same.format(price=price.replace(" a month", "", 1), due=due(other))
    return f"{start}, {wording.place(other.plan)}, {price}{due(other)}"


def _kind(plan: Plan, kind: str) -> str:
    if not kind:
        return "no such price is known"
    now = plan.committed_1y_due_now_usd
    return f"a month of 730 hours, {kind}" + (f", {wording.usd(now)} now" if now else "")


def _saving(plan: Plan, hours: float) -> tuple[str, str, str]:
    """Return what the commitment saves or costs more at the hours that are asked."""
    saving = wording.saving_usd(plan)
    pays = plan.break_even_hours_per_month
    remark = f"the same from {wording.number(pays)} hours a month" if pays is not None else ""
    what = "Commitment costs more" if saving is not None and saving < 0 else "Commitment saves"
    value = None if saving is None else abs(saving)
    return (what, wording.usd(value), f"a month at {hours:g} hours; {remark}" if remark else "")


def _marked(report: Report, plan: Plan, way: answers.Way) -> str:
    return wording.marks(plan, way, report.as_of) + wording.usd(answers.monthly_usd(plan, way))


def _price(report: Report, choice: Choice) -> str:
    """Return a monthly price with what makes it doubtful, in words."""
    plan, way = choice.plan, choice.way
    signs = wording.marks(plan, way, report.as_of)
    day = plan.committed_1y_as_of if way == "committed_1y" else plan.as_of
    doubts = [
        *(["estimated"] if "~" in signs else []),
        *(["low-confidence source"] if "?" in signs else []),
        *([f"price of {day}"] if "†" in signs else []),
        *([] if plan.weights_known else [f"no {plan.precision} weights known"]),
    ]
    price = f"{wording.usd(choice.monthly_usd)} a month"
    return f"{price} ({', '.join(doubts)})" if doubts else price
