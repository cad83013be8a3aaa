"""The columns of a workbook's sheets, with the formulas of its plans and what they give first."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from planner.planning.answer import is_trusted, monthly_usd
from planner.reports import wording

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal

    from planner.plan import Plan
    from planner.planning.answer import Way

MONEY, CENTS, NANO, WHOLE, PERCENT = "#,##0", "#,##0.00", "#,##0.0000", "#,##0", "0%"
DATE = "yyyy-mm-dd"
_HOURS_PER_YEAR = 8760
_HOURS_PER_MONTH = 730
_LOWEST = "Lowest $ a month, trusted prices"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a sheet: its values, or a formula over others of the same row.

    Attributes:
        formula: ``{key}`` stands for the cell of that column in the row.
        value: The value, or what the formula gives with the first assumptions.
    """

    key: str
    title: str
    value: Callable[[Any], Any]
    excel: str = ""
    formula: str = ""


@dataclass(frozen=True, slots=True)
class Sums:
    """What the formulas of a plan's row give, with the assumptions that the book starts with."""

    inputs: dict[str, float]

    def on_demand(self, plan: Plan) -> float | None:
        """Return dollars an hour on demand."""
        return _times(plan.on_demand_hourly_usd, 1)

    def committed(self, plan: Plan) -> float | None:
        """Return dollars an hour under a one-year commitment, spread over its hours."""
        return _times(plan.committed_1y_hourly_usd, 1)

    def monthly(self, plan: Plan) -> float | None:
        """Return dollars a month on demand, for the hours assumed."""
        return _times(plan.on_demand_hourly_usd, self.inputs["HoursPerMonth"])

    def committed_monthly(self, plan: Plan) -> float | None:
        """Return dollars a month of a commitment, around the clock."""
        return _times(plan.committed_1y_hourly_usd, _HOURS_PER_MONTH)

    def total(self, plan: Plan) -> float | None:
        """Return dollars on demand over the months it is kept."""
        return _times(self.monthly(plan), self.inputs["HorizonMonths"])

    def committed_total(self, plan: Plan) -> float | None:
        """Return dollars of whole terms over the months it is kept."""
        terms = math.ceil(self.inputs["HorizonMonths"] / 12)
        return _times(plan.committed_1y_hourly_usd, _HOURS_PER_YEAR * terms)

    def share(self, plan: Plan) -> float | None:
        """Return a committed hour as a share of one on demand."""
        on_demand, committed = self.on_demand(plan), self.committed(plan)
        return None if on_demand is None or committed is None else committed / on_demand

    def capacity(self, plan: Plan) -> float | None:
        """Return million tokens a month at the assumed utilisation, in the assumed hours."""
        hours = self.inputs["HoursPerMonth"]
        return _times(plan.tokens_per_second, 3600 * hours * self.inputs["Utilisation"] / 1e6)

    def per_million(self, plan: Plan, hourly: float | None) -> float | None:
        """Return dollars a million tokens at the assumed utilisation."""
        if hourly is None or plan.tokens_per_second is None:
            return None
        return hourly * 1e6 / (3600 * plan.tokens_per_second * self.inputs["Utilisation"])

    def machines(self, plan: Plan) -> float | None:
        """Return plans needed on demand, in the hours assumed."""
        return self._machines(self.capacity(plan))

    def committed_machines(self, plan: Plan) -> float | None:
        """Return machines under commitment: they run all hours, so fewer may be enough."""
        tokens = 3600 * _HOURS_PER_MONTH * self.inputs["Utilisation"] / 1e6
        return self._machines(_times(plan.tokens_per_second, tokens))

    def _machines(self, capacity: float | None) -> float | None:
        return capacity and max(1, math.ceil(self.inputs["LoadMillionTokens"] / capacity))

    def for_load(self, plan: Plan) -> float | None:
        """Return dollars a month for the load, the cheaper way."""
        ways = [
            _times(machines, monthly)
            for machines, monthly in (
                (self.machines(plan), self.monthly(plan)),
                (self.committed_machines(plan), self.committed_monthly(plan)),
            )
            if machines and monthly is not None
        ]
        return min((x for x in ways if x is not None), default=None)

    def lowest(self, plan: Plan) -> float | None:
        """Return the lowest monthly cost at a trusted price."""
        ways: tuple[tuple[Way, float | None], ...] = (
            ("on_demand", self.monthly(plan)),
            ("committed_1y", self.committed_monthly(plan)),
        )
        return min((x for way, x in ways if x is not None and is_trusted(plan, way)), default=None)


def _times(value: float | Decimal | None, factor: float) -> float | None:
    return None if value is None else float(value) * factor


def plan_columns(inputs: dict[str, float]) -> list[Column]:
    """Return the plans with formulas over the named assumptions."""
    sums = Sums(inputs)
    both = 'IF(OR(ISBLANK({od}),ISBLANK({c1})),"",'
    api = inputs["ApiUsdPerMillion"]
    return [
        Column("type", "Instance type", lambda p: p.instance_type),
        Column("cloud", "Cloud", lambda p: wording.CLOUDS[p.cloud]),
        Column("service", "Service", lambda p: p.service),
        Column("region", "Region", lambda p: p.region),
        Column("gpus", "GPUs", wording.gpus),
        Column("precision", "Precision", lambda p: p.precision),
        Column("od", "On demand, $ an hour", sums.on_demand, NANO),
        Column("c1", "1 year, $ an hour", sums.committed, NANO),
        Column("speed", "Tokens a second", lambda p: p.tokens_per_second, WHOLE),
        Column(
            "od_month",
            "On demand, $ a month",
            sums.monthly,
            MONEY,
            'IF(ISBLANK({od}),"",{od}*HoursPerMonth)',
        ),
        Column(
            "c1_month",
            "1 year, $ a month",
            sums.committed_monthly,
            MONEY,
            'IF(ISBLANK({c1}),"",{c1}*730)',
        ),
        Column(
            "saves",
            "1 year saves",
            lambda p: None if (share := sums.share(p)) is None else 1 - share,
            PERCENT,
            f"{both}1-{{c1}}/{{od}})",
        ),
        Column(
            "from",
            "1 year pays off from, hours a month",
            lambda p: _times(sums.share(p), _HOURS_PER_MONTH),
            WHOLE,
            f"{both}{{c1}}/{{od}}*730)",
        ),
        Column(
            "od_total",
            "On demand, $ over the months kept",
            sums.total,
            MONEY,
            'IF(ISBLANK({od}),"",{od_month}*HorizonMonths)',
        ),
        Column(
            "c1_total",
            "1 year, $ over the months kept",
            sums.committed_total,
            MONEY,
            f'IF(ISBLANK({{c1}}),"",{{c1}}*{_HOURS_PER_YEAR}*ROUNDUP(HorizonMonths/12,0))',
        ),
        Column(
            "od_tokens",
            "On demand, $ a million tokens",
            lambda p: sums.per_million(p, sums.on_demand(p)),
            CENTS,
            'IF(OR(ISBLANK({od}),ISBLANK({speed})),"",{od}*1000000/(3600*{speed}*Utilisation))',
        ),
        Column(
            "c1_tokens",
            "1 year, $ a million tokens",
            lambda p: sums.per_million(p, sums.committed(p)),
            CENTS,
            'IF(OR(ISBLANK({c1}),ISBLANK({speed})),"",{c1}*1000000/(3600*{speed}*Utilisation))',
        ),
        Column(
            "machines",
            "Plans needed for the load, on demand",
            sums.machines,
            WHOLE,
            'IF(ISBLANK({speed}),"",MAX(1,ROUNDUP(LoadMillionTokens*1000000/'
            "({speed}*3600*HoursPerMonth*Utilisation),0)))",
        ),
        Column(
            "c1_machines",
            "Plans needed for the load, 1 year",
            sums.committed_machines,
            WHOLE,
            'IF(ISBLANK({speed}),"",MAX(1,ROUNDUP(LoadMillionTokens*1000000/'
            f"({{speed}}*3600*{_HOURS_PER_MONTH}*Utilisation),0)))",
        ),
        Column(
            "load_month",
            "$ a month for the load, the cheaper way",
            sums.for_load,
            MONEY,
            'IF(OR(ISBLANK({speed}),AND(ISBLANK({od}),ISBLANK({c1}))),"",'
            "IF(ISBLANK({od}),{c1_machines}*{c1_month},IF(ISBLANK({c1}),{machines}*{od_month},"
            "MIN({machines}*{od_month},{c1_machines}*{c1_month}))))",
        ),
        Column(
            "against",
            "API for the load, $ a month",
            lambda _: api * inputs["LoadMillionTokens"] if api else None,
            MONEY,
            'IF(ApiUsdPerMillion=0,"",ApiUsdPerMillion*LoadMillionTokens)',
        ),
        Column("od_trusted", "On-demand price is trusted", lambda p: _said(p, "on_demand")),
        Column("c1_trusted", "1-year price is trusted", lambda p: _said(p, "committed_1y")),
        Column(
            "least",
            _LOWEST,
            sums.lowest,
            MONEY,
            'IF({od_trusted}="yes",IF({c1_trusted}="yes",MIN({od_month},{c1_month}),{od_month}),'
            'IF({c1_trusted}="yes",{c1_month},""))',
        ),
        Column("kind", "1-year kind", wording.ways_said),
        Column("due", "1 year, $ due now", lambda p: p.committed_1y_due_now_usd, MONEY),
        Column("basis", "1-year price is", _basis),
        Column(
            "confidence", "On-demand price is of confidence", lambda p: p.on_demand_confidence or ""
        ),
        Column("speed_basis", "Speed is", lambda p: p.throughput_basis),
        Column("software", "Speed is of software", lambda p: p.throughput_software),
        Column("as_of", "On-demand price of", lambda p: p.as_of, DATE),
        Column("c1_as_of", "1-year price of", lambda p: p.committed_1y_as_of, DATE),
        Column("source", "Source", lambda p: p.source),
        Column("c1_source", "1-year source", lambda p: p.committed_1y_source),
        Column("note", "Note", lambda p: p.note),
    ]


def _said(plan: Plan, way: Way) -> str:
    """Return ``yes`` or ``no``; empty where the price is not known."""
    if monthly_usd(plan, way) is None:
        return ""
    return "yes" if is_trusted(plan, way) else "no"


def _basis(plan: Plan) -> str:
    """Return what a one-year price rests on: ``published, confidence low``."""
    basis, confidence = plan.committed_1y_basis or "", plan.committed_1y_confidence
    return f"{basis}, confidence {confidence}" if basis and confidence else basis


def offer_columns() -> list[Column]:
    """Return the columns of the price offers."""
    return [
        Column("type", "Instance type", lambda o: o.instance_type),
        Column("cloud", "Cloud", lambda o: wording.CLOUDS[o.cloud]),
        Column("service", "Service", lambda o: o.service),
        Column("region", "Region", lambda o: o.region),
        Column("way", "Pricing model", lambda o: str(o.pricing_model)),
        Column("kind", "Commitment", lambda o: str(o.commitment or "")),
        Column("term", "Years", lambda o: o.term_years, WHOLE),
        Column("option", "Payment", lambda o: str(o.payment_option or "")),
        Column("hourly", "Recurring, $ an hour", lambda o: o.hourly_usd, NANO),
        Column("upfront", "Upfront, $", lambda o: o.upfront_usd, CENTS),
        Column("effective", "Effective, $ an hour", lambda o: o.effective_hourly_usd, NANO),
        Column("estimated", "Estimated", lambda o: "yes" if o.estimated else ""),
        Column("confidence", "Confidence", lambda o: str(o.confidence)),
        Column("as_of", "As of", lambda o: o.stood_on, DATE),
        Column("source", "Source", lambda o: o.source),
    ]


def api_columns() -> list[Column]:
    """Return the columns of per-token APIs."""
    return [
        Column("provider", "API", lambda p: p["provider_name"]),
        Column("model", "Model there", lambda p: p["api_model"]),
        Column("in", "$ a million in", lambda p: p["input_usd_per_million"], CENTS),
        Column("out", "$ a million out", lambda p: p["output_usd_per_million"], CENTS),
        Column(
            "both",
            "$ a million out, with its prompts",
            lambda p: p["usd_per_million_output_tokens"],
            CENTS,
        ),
        Column("status", "Serves", lambda p: p["status"].replace("_", " ")),
    ]


def history_columns() -> list[Column]:
    """Return the columns of prices over time."""
    return [
        Column("type", "Instance type", lambda r: r["name"]),
        Column("region", "Region", lambda r: r["region"]),
        Column("date", "As of", lambda r: date.fromisoformat(r["date"]), DATE),
        Column("hourly", "On demand, $ an hour", lambda r: r["hourly_usd"], NANO),
    ]


def source_columns() -> list[Column]:
    """Return the columns of price sources."""
    return [
        Column("as_of", "Newest", lambda r: r["as_of"], DATE),
        Column("services", "Services", lambda r: r["services"]),
        Column("source", "Source", lambda r: r["source"]),
    ]
