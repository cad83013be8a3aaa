"""A decision page: what to run a load on, what it costs by quarter, and what could go wrong.

Made of the answer of ``planner size`` (the object of its ``--format json``): every figure is one
of it, or a difference of two. Pure: it asks for nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from planner.reports import wording

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

MOST_OPTIONS = 3
_WIDE = 0.25
_TIGHT = 0.1
_SENSITIVITY = {
    "use_30_percent_more": "30 % more use",
    "use_30_percent_less": "30 % less use",
    "speed_as_expected": "the speed that is expected",
    "speed_at_low_end": "the low end of the speed",
    "on_demand_20_percent_cheaper": "on demand 20 % cheaper",
}


@dataclass(frozen=True, slots=True)
class Option:
    """One way to carry the load.

    Attributes:
        names: What makes it worth naming; more than one where they fall on the same fleet.
        fleet: Its record of ``planner size``.
        risks: Sentences.
    """

    names: tuple[str, ...]
    fleet: Mapping[str, Any]
    risks: tuple[str, ...]

    @property
    def machine(self) -> str:
        """Return ``1 to 3 x g5.xlarge in us-east-1 on AWS``."""
        return f"{machines(self.fleet)} in {self.fleet['region']} on {self.cloud}"

    @property
    def cloud(self) -> str:
        """Return the name of the cloud for people."""
        return wording.CLOUDS[self.fleet["cloud"]]


@dataclass(frozen=True, slots=True)
class Bar:
    """What a month would cost under another circumstance, beside what is planned."""

    name: str
    monthly_usd: float
    change_usd: float


@dataclass(frozen=True, slots=True)
class Beside:
    """Another answer beside this one: a second scenario, or the same question at an earlier date.

    Attributes:
        title: Of the section.
        names: Of the two columns.
        rows: (what, there, here, change); texts.
    """

    title: str
    names: tuple[str, str]
    rows: tuple[tuple[str, str, str, str], ...]


@dataclass(frozen=True, slots=True)
class Decision:
    """What a decision page says.

    Attributes:
        document: The answer of ``planner size`` that it is made of.
        version: Of planner.
        command: What to type for the same page.
    """

    document: Mapping[str, Any]
    beside: tuple[Beside, ...] = ()
    command: str = ""
    version: str = ""

    @property
    def title(self) -> str:
        """Return the page's title."""
        return f"A fleet for {self.document['model']}"

    @property
    def options(self) -> tuple[Option, ...]:
        """Return up to three different fleets worth naming, the cheapest trusted one first."""
        return _options(self.document)

    @property
    def answer(self) -> str:
        """Say in a sentence what to take and when it is paid."""
        first = self.options[0]
        fleet = first.fleet
        trust = "" if fleet["price_confidence"] == "trusted" else " (a price of low confidence)"
        return (
            f"Cheapest that carries the load: {first.machine} at {fleet['precision']}, "
            f"{wording.usd(fleet['monthly_usd'])} a month{trust}, "
            f"{wording.usd(fleet['due_now_usd'])} due now."
        )

    @property
    def question(self) -> str:
        """Return the load and the targets in a sentence."""
        load, targets = self.document["load"], self.document["targets"]
        first, each = targets["ttft_p95_s"], targets["tpot_p95_s"]
        limits = [
            *([f"{first:g} s to the first token"] if first else []),
            *([f"{each * 1000:g} ms a token"] if each else []),
        ]
        within = f", 19 of 20 within {' and '.join(limits)}" if limits else ""
        return (
            f"{load['mean_requests_per_second']:.3g} requests a second on average and "
            f"{load['peak_requests_per_second']:.3g} in the busiest hour, "
            f"{load['input_tokens']:,.0f} tokens in and {load['output_tokens']:,.0f} out{within}, "
            f"for {load['horizon_months']} months."
        )

    @property
    def quarters(self) -> list[tuple[str, list[float]]]:
        """Return each quarter's cash of each option; a last row is what falls due afterwards."""
        shown = [option.fleet for option in self.options]
        count = max(len(fleet["cash_by_quarter_usd"]) for fleet in shown)
        rows = [
            (f"Quarter {i + 1}", [fleet["cash_by_quarter_usd"][i] for fleet in shown])
            for i in range(count)
        ]
        rows.append(("In all", [sum(fleet["cash_by_quarter_usd"]) for fleet in shown]))
        if any(fleet["after_horizon_usd"] for fleet in shown):
            rows.append(("Owed afterwards", [fleet["after_horizon_usd"] for fleet in shown]))
        return rows

    @property
    def bars(self) -> tuple[Bar, ...]:
        """Return the sensitivity of the first option's machine, the largest change first."""
        planned = self.options[0].fleet["monthly_usd"]
        found = [
            Bar(_SENSITIVITY.get(name, name.replace("_", " ")), float(usd), float(usd) - planned)
            for name, usd in self.document["sensitivity_monthly_usd"].items()
        ]
        changed = (bar for bar in found if abs(bar.change_usd) >= 1)
        return tuple(sorted(changed, key=lambda bar: -abs(bar.change_usd)))

    @property
    def rent(self) -> str:
        """Say what per-token APIs that are known to serve ask for the same load."""
        offers = [item for item in self.document["rent"] if item["status"] == "serving"]
        if not offers:
            return "No per-token API is known to have served this model within the year."
        best = min(offers, key=lambda item: item["monthly_usd"])
        cheaper = best["monthly_usd"] < self.options[0].fleet["monthly_usd"]
        verdict = "less than the fleet" if cheaper else "more than the fleet"
        return (
            f"{best['provider']} asks {wording.usd(best['monthly_usd'])} a month for the same "
            f"tokens ({best['api_model']}), {verdict}. Quality, limits and privacy differ."
        )

    @property
    def assumptions(self) -> list[tuple[str, str]]:
        """Return what the figures assume, in words."""
        a, load = self.document["assumptions"], self.document["load"]
        where = ", ".join(a["regions"]) if a["regions"] else f"geo {a['geo']}"
        growth = f"{load['growth_per_month'] * 100:g} % a month"
        return [
            ("Prices as known on", str(self.document["as_of"])),
            ("Regions", where),
            ("Precision", a["precision"]),
            ("Shape of the week", f"{load['shape']}, growth {growth}"),
            ("Planned with", a["planned_with"]),
            ("Lengths of prompts and answers", a["lengths"]),
            ("Copies that always run", str(a["min_replicas"])),
            ("Spare machines", str(a["spare"])),
            ("A machine starts in", f"{a['start_hours'] * 60:.0f} minutes"),
            ("Own discount", f"{a['discount_percent']:g} %"),
            ("Credits", wording.usd(a["credits_usd"])),
            ("Machines held already", _held(a["held"])),
            ("Commitments", f"{_terms(a['terms'])}, {_paid(a['pay'])}"),
            ("Spot", "allowed above the floor" if a["spot"] else "not used"),
            ("Not counted", "tax, storage, network and egress, support, people; US dollars"),
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return the page's figures by name, with the sizing they are of."""
        return {
            "answer": self.answer,
            "question": self.question,
            "options": [
                {"names": list(o.names), "risks": list(o.risks), "fleet": o.fleet}
                for o in self.options
            ],
            "quarters": [{"quarter": name, "usd": usd} for name, usd in self.quarters],
            "sensitivity": [
                {"name": b.name, "monthly_usd": b.monthly_usd, "change_usd": b.change_usd}
                for b in self.bars
            ],
            "beside": [
                {"title": b.title, "columns": list(b.names), "rows": [list(r) for r in b.rows]}
                for b in self.beside
            ],
            "rent": self.rent,
            "sizing": self.document,
            "command": self.command,
            "planner_version": self.version,
        }


def compared(
    title: str,
    names: tuple[str, str],
    there: Mapping[str, Any],
    here: Mapping[str, Any],
) -> Beside:
    """Return two answers side by side, each by its first option."""
    one, two = _options(there)[0], _options(here)[0]
    a, b = one.fleet, two.fleet
    rows = [
        _texts("Model", there["model"], here["model"]),
        _texts("Machines", one.machine, two.machine),
        _texts("Precision", a["precision"], b["precision"]),
        _texts(
            "Requests a second",
            f"{there['load']['mean_requests_per_second']:.3g}",
            f"{here['load']['mean_requests_per_second']:.3g}",
        ),
        *(
            _money(what, a[field], b[field])
            for what, field in (
                ("$ a month", "monthly_usd"),
                ("Due now", "due_now_usd"),
                ("All on demand, $ a month", "on_demand_monthly_usd"),
                ("Owed after the horizon", "after_horizon_usd"),
            )
        ),
        _money(
            "$ a million tokens served",
            a["usd_per_million_served_tokens"],
            b["usd_per_million_served_tokens"],
            2,
        ),
        _texts("Prices as known on", str(there["as_of"]), str(here["as_of"])),
        _texts("On-demand price of", str(a["as_of"] or ""), str(b["as_of"] or "")),
    ]
    return Beside(title, names, tuple(rows))


def machines(fleet: Mapping[str, Any]) -> str:
    """Return ``1 to 3 x g5.xlarge``, with the machines of other types beside them."""
    also = fleet["also"]
    least = fleet["machines_min"] - sum(part["machines_min"] for part in also)
    most = fleet["machines_peak"] - sum(part["machines_peak"] for part in also)
    parts = [(least, most, fleet["instance_type"])]
    parts += [(p["machines_min"], p["machines_peak"], p["instance_type"]) for p in also]
    return " and ".join(
        f"{high if low == high else f'{low} to {high}'} x {name}" for low, high, name in parts
    )


def _options(document: Mapping[str, Any]) -> tuple[Option, ...]:
    found: dict[tuple[str, ...], tuple[list[str], Mapping[str, Any]]] = {}
    for name, fleet in _candidates(document):
        key = (fleet["service"], fleet["region"], fleet["precision"], machines(fleet))
        if key in found:
            found[key][0].append(name)
        elif len(found) < MOST_OPTIONS:
            found[key] = ([name], fleet)
    return tuple(
        Option(tuple(names), fleet, tuple(_risks(fleet))) for names, fleet in found.values()
    )


def _candidates(document: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield fleets worth naming, the most important first."""
    fleets, named = document["fleets"], document["answer"]
    best = fleets[named["cheapest"]]
    yield "Cheapest at trusted prices", best
    if named["cheapest_deployable"] is not None:
        yield "Cheapest that planner deploys", fleets[named["cheapest_deployable"]]
    yield "Cheapest a token when full", fleets[named["cheapest_token"]]
    for other in document["other_precisions"]:
        if other["monthly_usd"] < best["monthly_usd"]:
            yield f"Cheaper at {other['precision']}", other
            break
    for fleet in fleets:
        if fleet["cloud"] != best["cloud"] and fleet["price_confidence"] == "trusted":
            yield "Cheapest on another cloud", fleet
            break


def _risks(fleet: Mapping[str, Any]) -> Iterator[str]:
    """Yield what could go wrong with a fleet."""
    if fleet["price_confidence"] != "trusted":
        yield "The price is from a source of low confidence, or estimated."
    if fleet["basis"] != "measured":
        never = fleet["basis"] == "unvalidated"
        yield (
            "The speed was never measured on such a card; it may be off by two and more."
            if never
            else "The speed is modelled, not measured on this set-up."
        )
    low, high = fleet["monthly_usd_low"], fleet["monthly_usd_high"]
    if high - low > _WIDE * fleet["monthly_usd"]:
        yield f"The speed's band makes it {wording.usd(low)} to {wording.usd(high)} a month."
    if fleet["headroom"] < _TIGHT:
        yield f"Only {fleet['headroom'] * 100:.0f} % is spare in the busiest hour."
    yield f"Under more load, {fleet['breaks_first']} is missed first."
    for item in fleet["commitments"]:
        yield (
            f"{item['machines']} x {item['instance_type']} committed for {item['name']}: paid to "
            "the end, used or not."
        )
    if fleet["after_horizon_usd"]:
        yield f"{wording.usd(fleet['after_horizon_usd'])} is owed after the horizon."
    if not fleet["weights_known"]:
        yield "No published weights of this precision are known."
    if not fleet["deployable"]:
        yield "planner cannot deploy it; you set it up yourself."
    yield "Quota was not asked for."


def _texts(what: str, there: str, here: str) -> tuple[str, str, str, str]:
    return what, there, here, "" if there == here else "changed"


def _money(
    what: str, there: float | None, here: float | None, digits: int = 0
) -> tuple[str, str, str, str]:
    change = ""
    if there is not None and here is not None:
        difference = float(here) - float(there)
        percent = f" ({difference / float(there):+.0%})" if there else ""
        sign = "+" if difference > 0 else "-"
        amount = wording.usd(abs(difference), digits)
        change = f"{sign}{amount}{percent}" if round(difference, digits) else "the same"
    return what, wording.usd(there, digits), wording.usd(here, digits), change


def _held(machines: Sequence[Sequence[Any]]) -> str:
    return ", ".join(f"{count} x {name}" for name, count in machines) or "none"


def _paid(way: str) -> str:
    return "paid the cheapest way" if way == "any" else way.replace("_", " ")


def _terms(terms: Sequence[int]) -> str:
    return " or ".join(f"{years} year" for years in terms) or "none"
