"""How a report says things: names, money, doubts, and the answer in one sentence."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from decimal import Decimal

    from planner.plan import Plan
    from planner.planning.rent_or_buy import BreakEven
    from planner.reports.interface import Report
    from planner.serving.models import Model

CLOUDS = {"aws": "AWS", "azure": "Azure", "gcp": "Google Cloud", "local": "your own machine"}
COMMITMENTS = {
    "reserved_instance": "reserved instance",
    "convertible_reserved_instance": "convertible reserved instance",
    "savings_plan": "savings plan",
    "ec2_instance_savings_plan": "EC2 Instance savings plan",
    "committed_use_discount": "committed use discount",
}
WAYS = {"on_demand": "on demand", "committed_1y": "one-year commitment"}
NOT_KNOWN = "not known"
TOO_SLOW = "too slow"
"""Of a machine on which not even one request is within the targets."""
_OLD_DAYS = 365
_CHAT_WORDS = {"hf", "instruct", "it", "chat", "meta"}
_SIZE = re.compile(r"(\d+(?:\.\d+)?(?:x\d+)?)b", re.IGNORECASE)

LEGEND = {
    "~": "estimated: Azure's discount for the same type in another region",
    "?": "low-confidence source",
    "†": "price more than a year old",
    "≈": "speed never measured on such a card, may be off by two and more",
}


def model_name(model: Model) -> str:
    """Return a model's name for people: ``Llama 2 70B``."""
    words = model.hf_id.rsplit("/", maxsplit=1)[-1].split("-")
    kept = [word for word in words if word.casefold() not in _CHAT_WORDS]
    return " ".join(_SIZE.sub(lambda match: f"{match[1]}B", word) for word in kept)


def usd(value: float | Decimal | None, digits: int = 0) -> str:
    """Return money for people: ``$3,506``."""
    return NOT_KNOWN if value is None else f"${value:,.{digits}f}"


def number(value: float | Decimal | None, digits: int = 0) -> str:
    """Return a number for people: ``3,506``."""
    return NOT_KNOWN if value is None else f"{value:,.{digits}f}"


def significant(value: float) -> str:
    """Return a load or count to three figures: ``1,230`` or ``0.46``."""
    return f"{float(f'{value:.3g}'):,}".removesuffix(".0")


def gpus(plan: Plan) -> str:
    """Return what a plan's machines hold: ``2x A100-80GB``, ``2 machines of 8x L4``."""
    cards = f"{plan.accelerator_count:g}x {plan.accelerator}"
    return cards if plan.instances == 1 else f"{plan.instances} machines of {cards}"


def place(plan: Plan) -> str:
    """Return where a plan is: ``Standard_NC48ads_A100_v4 in eastus on Azure``."""
    several = f"{plan.instances} x " if plan.instances > 1 else ""
    region = f" in {plan.region}" if plan.region else ""
    cloud = f" on {CLOUDS[plan.cloud]}" if plan.cloud != "local" else ""
    return f"{several}{plan.instance_type}{region}{cloud}"


def marks(plan: Plan, way: str, as_of: date) -> str:
    """Return the signs of a price that is less than fresh, published and trusted.

    Args:
        plan: The plan.
        way: ``on_demand`` or ``committed_1y``.
        as_of: The date of the comparison.
    """
    if way == "committed_1y":
        return price_marks(
            plan.committed_1y_basis,
            plan.committed_1y_confidence,
            plan.committed_1y_as_of,
            as_of,
        )
    return price_marks("published", plan.on_demand_confidence, plan.as_of, as_of)


def price_marks(basis: str | None, confidence: str | None, day: date | None, as_of: date) -> str:
    """Return the signs of a price by what it rests on; :data:`LEGEND` says what they mean."""
    if basis == "estimated":
        return "~"
    old = day is not None and (as_of - day).days > _OLD_DAYS
    return ("?" if confidence == "low" else "") + ("†" if old else "")


def speed_mark(plan: Plan) -> str:
    """Return the sign of figures that rest on a speed nobody measured."""
    return "≈" if plan.throughput_basis == "unvalidated" else ""


def saving_usd(plan: Plan) -> Decimal | None:
    """Return what a commitment saves a month at the hours asked; below 0 it costs more."""
    if plan.on_demand_monthly_usd is None or plan.committed_1y_monthly_usd is None:
        return None
    return plan.on_demand_monthly_usd - plan.committed_1y_monthly_usd


def software(plans: Iterable[Plan]) -> str:
    """Say which software the speeds are of, where it differs; empty where all are of one."""
    about: dict[str, list[str]] = {}
    for plan in plans:
        if plan.throughput_software:
            cards = about.setdefault(plan.throughput_software, [])
            if plan.accelerator not in cards:
                cards.append(plan.accelerator)
    if len(about) <= 1:
        return ""
    parts = "; ".join(f"{name} on {', '.join(cards)}" for name, cards in about.items())
    return f"Speeds are of different software, newer is faster: {parts}."


def layout(plan: Plan) -> str:
    """Return ``2 x TP 4``: copies on a machine, and the GPUs that share each layer."""
    split = f"TP {plan.tensor_parallel}"
    if plan.pipeline_parallel > 1:
        split += f" PP {plan.pipeline_parallel}"
    if plan.spans_machines:
        return f"{split} over {plan.instances} machines"
    return f"{plan.replicas} x {split}"


def targets(assumptions: Mapping[str, Any]) -> str:
    """Return what the capacity of a comparison is held to, in words."""
    first, each = assumptions["ttft_s"], assumptions["tpot_s"]
    said = [
        *([f"{first:g} s to the first token"] if first is not None else []),
        *([f"{each * 1e3:g} ms a token"] if each is not None else []),
    ]
    if not said:
        return "at full load, however long the answers take"
    return f"at the most requests a second that keep 19 of 20 within {' and '.join(said)}"


def use(assumptions: Mapping[str, Any]) -> str:
    """Return how much of the capacity is used: ``fully used``, ``50 % used``."""
    share = float(assumptions["utilisation"])
    return "fully used" if share == 1 else f"{share * 100:g} % used"


def ways_said(plan: Plan) -> str:
    """Return the kind of commitment in words, or an empty text."""
    if plan.committed_1y_kind is None:
        return ""
    option = (plan.committed_1y_payment_option or "").replace("_", " ")
    return f"{COMMITMENTS[plan.committed_1y_kind]}, {option}"


def assumptions(report: Report) -> list[tuple[str, str]]:
    """Return what the figures assume, in words."""
    a = report.assumptions
    where = ", ".join(a["regions"]) if a.get("regions") else f"geo {a['geo']}"
    return [
        ("Model", f"{report.model.hf_id}, {report.model.params_b:g} billion parameters"),
        ("Precision", "any that fits" if report.precision == "any" else report.precision),
        ("Prices as known on", report.as_of.isoformat()),
        ("Regions", where),
        ("Requests at once", f"{a['concurrency']} of {a['context']:,} tokens each"),
        ("Hours a month, on demand", f"{float(a['hours_per_month']):g}"),
        ("Hours a month, committed", "730, used or not"),
        ("Capacity", f"{targets(a)}; {use(a)}"),
        ("Tokens of a request", f"{a['input_tokens']} in, {a['output_tokens']} out"),
        ("Not counted", "storage, network, support, taxes, people"),
    ]


def sources(report: Report) -> list[dict[str, Any]]:
    """Return each price source with its newest date and the services it is used for.

    The date is None where the source states none.
    """
    found: dict[str, dict[str, Any]] = {}
    for plan in report.plans:
        for prefix in ("", "committed_1y_"):
            day, name = getattr(plan, f"{prefix}as_of"), getattr(plan, f"{prefix}source")
            if name:
                row = found.setdefault(name, {"source": name, "as_of": day, "services": set()})
                row["as_of"] = max(filter(None, (row["as_of"], day)), default=None)
                row["services"].add(plan.service)
    rows = sorted(
        found.values(), key=lambda row: (row["as_of"] or date.min, row["source"]), reverse=True
    )
    return [{**row, "services": ", ".join(sorted(row["services"]))} for row in rows]


def rent_or_buy(report: Report, points: Sequence[BreakEven]) -> str:
    """Say whether, and from which load on, an own endpoint is cheaper than per-token APIs."""
    name = model_name(report.model)
    if report.api is None or not report.api.prices:
        return f"No per-token API that serves {name} is known."
    if not report.api.serving:
        return (
            f"No per-token API is known to have served {name} within the year; the "
            f"{len(report.api.prices)} prices listed decide nothing."
        )
    if not points:
        return "Whether to rent or to buy is not known: no plan's speed is."
    api = points[0].api
    ask = f"{usd(api.usd_per_million_output_tokens, 2)} a million ({api.provider_name})"
    reached = [(point.load, point) for point in points if point.load is not None]
    if not reached:
        nearest = min(points, key=lambda point: point.busy)
        best, use = nearest.endpoint, float(report.assumptions["utilisation"]) * 100
        return (
            f"At {use:g} % use the API is cheaper at every load: it asks {ask}, and the cheapest "
            f"tokens of one's own cost {usd(best.usd_per_million_tokens, 2)} "
            f"({place(best.plan)}, {WAYS[best.way]}). {needed(nearest.busy)}"
        )
    load, point = min(reached, key=lambda item: item[0])
    endpoint = point.endpoint
    return (
        f"From {significant(load)} million output tokens a month, {place(endpoint.plan)} "
        f"({WAYS[endpoint.way]}, {usd(endpoint.monthly_usd)} a month, {point.busy * 100:.0f} % "
        f"busy) is cheaper than the cheapest API at {ask}; below that, the API is."
    )


def reached(load: float | None, busy: float) -> str:
    """Return the load of a break-even for people, or why there is none."""
    if load is not None:
        return significant(load)
    return "never" if busy > 1 else "not at this use"


def needed(busy: float) -> str:
    """Say what it would take for an endpoint to meet the API, from how busy it must be."""
    if busy > 1:
        return "Even at full speed around the clock it would not be cheaper."
    return f"It would have to be kept {busy * 100:.0f} % busy around the clock."


def remarks(report: Report) -> list[str]:
    """Return what the comparison could not say, and the warnings about plans."""
    about: dict[str, list[str]] = {}
    for plan in report.plans:
        for warning in plan.warnings:
            about.setdefault(warning, []).append(plan.instance_type)
    warnings = [
        f"{', '.join(dict.fromkeys(names))}: {warning}." for warning, names in about.items()
    ]
    notes = dict.fromkeys(plan.note for plan in report.plans if plan.note)
    return [*report.notes, *warnings, *notes]
