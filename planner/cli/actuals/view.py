"""What ``planner actuals`` prints for people: the answer, the endpoints, why, and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from planner.cli.next_command import pasteable
from planner.cli.output import console, emit, note
from planner.cli.tables import Column

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from decimal import Decimal

    from planner.actuals.advice import Action
    from planner.actuals.answer import Actuals, EndpointActuals

_WORDS = {
    "hours": "hours",
    "price": "price",
    "discount": "discounts",
    "other_resources": "disks, addresses, traffic",
    "credits": "credits",
    "corrections": "corrections",
    "tax": "tax",
    "timing": "paid ahead or before",
}


def show(found: Actuals, advised: Sequence[Action], output_format: str) -> None:
    """Print the answer as a table or Markdown; notes go to stderr."""
    from planner.actuals.records import record
    from planner.reports.actuals_page import lead

    whole = record(found, advised)
    records = whole["endpoints"]
    _say(f"{found.period}. {lead(whole)}")
    if records:
        emit(records, _columns(found), output_format)
    else:
        note("No endpoint of planner's stood or was billed in this period.")
    if not found.has_bill:
        note("To read a bill: planner actuals --focus FOLDER, or --from-cloud aws|azure|gcp.")
    if output_format == "table":
        for item in found.endpoints:
            for line in why(item):
                _say(line)
        _say_actions(advised)
    _say_notes(found)


def why(item: EndpointActuals) -> list[str]:
    """Return why an endpoint's bill is not what was predicted, largest part first."""
    if item.explanation is None:
        return []
    parts = [(name, amount) for name, amount in item.explanation.parts() if abs(amount) >= _CENT]
    if not parts:
        return [f"{item.name}: billed as predicted."]
    parts.sort(key=lambda part: -abs(part[1]))
    words = dict(_WORDS)
    if not item.explanation.hours_known:
        words["price"] = "hours and price"
    listed = ", ".join(f"{_signed(amount)} {words[name]}" for name, amount in parts)
    return [f"{item.name}: {_signed(item.explanation.total)} against the prediction: {listed}."]


def _say(text: str) -> None:
    """Print a sentence to stdout, wrapped to the terminal."""
    console().print(text, markup=False, highlight=False)


def _say_actions(advised: Sequence[Action]) -> None:
    from planner.reports.actuals_page import money

    for action in advised:
        saving = money(action.saving_usd_month)
        _say(f"Save {saving} a month ({action.certainty} certainty): {action.what}.")
        _say(f"  {action.why[:1].upper()}{action.why[1:]}. {pasteable(action.command)}")
    if len({action.about for action in advised}) < len(advised):
        note("What saves on one endpoint saves the same money: it does not add up.")


def _say_notes(found: Actuals) -> None:
    from planner.reports.actuals_page import money

    for item in found.endpoints:
        for text in item.notes:
            note(f"{item.name}: {text}.")
    for use in found.commitments:
        name = use.id.rpartition("/")[2] or "Commitment"
        used, unused = money(use.used, use.currency), money(use.unused, use.currency)
        note(f"{name}: {used} used, {unused} unused.")
    for code, amount in found.other_currencies.items():
        note(f"Not in the totals: {money(amount, code)} (--rate {code}=DOLLARS).")
    if found.has_bill and found.elsewhere:
        note(f"{money(found.elsewhere, found.currency)} of the bill carries no tag of planner's.")
    for text in found.notes:
        note(f"{text[:1].upper()}{text[1:]}.")


def _columns(found: Actuals) -> list[Column]:
    several = any(item.currency != found.currency for item in found.endpoints)
    unit = "" if several else " $" if found.currency == "USD" else f" {found.currency}"
    return [
        Column("name", "Endpoint", min_width=10),
        Column("cloud", "Cloud", drop_below=70),
        *([Column("currency", "Currency")] if several else []),
        Column("billed", f"Billed{unit}", "right", lambda r: _cell(r, "billed")),
        Column(
            "effective", f"Spread{unit}", "right", lambda r: _cell(r, "effective"), drop_below=110
        ),
        Column("predicted", "Predicted $", "right", lambda r: _cell(r, "predicted")),
        Column("hours", "Hours", "right", _hours, drop_below=100),
        Column(
            "served_input_tokens",
            "Tokens in",
            "right",
            lambda r: _tokens(r, "served_input_tokens"),
            drop_below=90,
        ),
        Column(
            "served_output_tokens", "Tokens out", "right", lambda r: _tokens(r, _OUT), drop_below=80
        ),
        Column(
            "usd_per_million_served_tokens",
            "$/M out",
            "right",
            lambda r: _cell(r, "usd_per_million_served_tokens"),
            drop_below=75,
        ),
        Column("idle_cost", f"Idle{unit}", "right", lambda r: _cell(r, "idle_cost"), drop_below=85),
    ]


_OUT = "served_output_tokens"
_CENT = 0.005


def _signed(amount: Decimal) -> str:
    return f"{'-' if amount < 0 else '+'}${abs(amount):,.2f}"


def _cell(row: Mapping[str, Any], key: str) -> str:
    return "not known" if row[key] is None else f"{row[key]:,.2f}"


def _hours(row: Mapping[str, Any]) -> str:
    hours = row["billed_hours"] if row["billed_hours"] is not None else row["predicted_hours"]
    return "not known" if hours is None else f"{hours:,.1f}"


def _tokens(row: Mapping[str, Any], key: str) -> str:
    count = row[key]
    if count is None:
        return "not known"
    for size, unit in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if count >= size:
            return f"{count / size:,.1f}{unit}"
    return f"{count:,}"
