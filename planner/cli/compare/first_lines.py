"""The first lines of ``planner compare``: what to take, what it costs and when, what it serves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.reports import wording

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from planner.plan import Plan
    from planner.planning import Comparison
    from planner.planning.answer import Answer, Choice

_LABEL = 13
_HOW = {"on_demand": " on demand", "committed_1y": " on a one-year commitment"}
_LABELS = {"on_demand": "On demand", "committed_1y": "One year"}


def lines(
    result: Comparison, answer: Answer, other: Choice | None, bought: str
) -> Iterator[tuple[str, str]]:
    """Yield a label and a sentence for each part of the answer.

    Args:
        result: The comparison.
        answer: Of all plans that match.
        other: The cheapest plan at a precision that was not asked for, if that is cheaper.
        bought: What per-token APIs ask instead, in a sentence.
    """
    if answer.pick is None:
        yield "Cheapest", "no monthly price is known."
        return
    pick, as_of = answer.pick, result.as_of
    yield "Cheapest", _price(pick, as_of)
    yield "", _machine(pick.plan)
    for choice in (answer.on_demand, answer.committed):
        if choice is not None and choice != pick:
            yield _LABELS[choice.way], _price(choice, as_of, how="")
    if answer.doubtful is not None and answer.doubtful not in (answer.on_demand, answer.committed):
        yield "Perhaps", f"{_price(answer.doubtful, as_of)}, {_doubt(answer.doubtful)}"
    if other is not None:
        yield "Less precise", f"at {other.plan.precision}, {_price(other, as_of)}"
    if answer.deployable is None:
        yield "To deploy", "planner can set up none of these today."
    elif answer.deployable.plan != pick.plan:
        yield "To deploy", f"{_price(answer.deployable, as_of)}"
    if bought:
        yield "Or buy", bought


def text(label: str, sentence: str, width: int) -> str:
    """Return one part of the answer for a screen of that width, folded under its label."""
    import textwrap

    return textwrap.fill(
        sentence,
        width=max(width, 2 * _LABEL),
        initial_indent=f"{label:<{_LABEL}}",
        subsequent_indent=" " * _LABEL,
        break_on_hyphens=False,
    )


def by_the_hour(result: Comparison, pricing_model: str) -> str:
    """Say what is cheapest where the machines are bought another way than on demand."""
    found = [plan for plan in result.every if plan.hourly_usd is not None]
    if not found:
        return "no price is known."
    first = min(found, key=lambda plan: (plan.hourly_usd or 0, plan.instance_type))
    how = pricing_model.replace("_", " ")
    return f"${first.hourly_usd:,.2f} an hour by {how}: {first.instance_type} ({_where(first)})"


def _price(choice: Choice, as_of: date, how: str | None = None) -> str:
    """Return ``$3,669 a month on a one-year commitment, nothing due now: name (place)``."""
    plan = choice.plan
    said = f"{wording.marks(plan, choice.way, as_of)}${choice.monthly_usd:,.0f} a month"
    said += _HOW[choice.way] if how is None else how
    return f"{said}{_due(choice)}: {_name(plan)} ({_where(plan)})"


def _due(choice: Choice) -> str:
    if choice.way == "on_demand":
        return ""
    due = choice.due_now_usd
    if due is None:
        return ", part of it due now"
    return f", ${due:,.0f} of it due now" if due else ", nothing due now"


def _doubt(choice: Choice) -> str:
    """Say why it does not lead although it is cheaper."""
    if choice.is_trusted:
        return f"but no {choice.plan.precision} weights are known"
    estimated = choice.way == "committed_1y" and choice.plan.committed_1y_basis == "estimated"
    return "an estimate" if estimated else "from a source of low confidence"


def _machine(plan: Plan) -> str:
    """Return what the machine is and what it serves."""
    said = f"{wording.gpus(plan)} at {plan.precision}, layout {wording.layout(plan)}"
    if plan.capacity_requests_per_second is None:
        return f"{said}; its speed is not known"
    if not plan.capacity_requests_per_second:
        return f"{said}; too slow for the targets even for one request"
    speed = f"{plan.tokens_per_second_low:,.0f}-{plan.tokens_per_second_high:,.0f}"
    measured = ", never measured on such a card" if plan.throughput_basis == "unvalidated" else ""
    return (
        f"{said}; serves {plan.capacity_requests_per_second:,.2g} requests/s, "
        f"{plan.tokens_per_second:,.0f} tokens/s ({speed}{measured})"
    )


def _name(plan: Plan) -> str:
    return f"{plan.instances} x {plan.instance_type}" if plan.instances > 1 else plan.instance_type


def _where(plan: Plan) -> str:
    return " ".join(part for part in (plan.cloud, plan.region) if part)
