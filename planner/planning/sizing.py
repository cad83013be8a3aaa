"""``planner size``: from a load and latency targets to fleets, and what they cost."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from planner.errors import NotFoundError
from planner.planning import corrected, fleets, servers
from planner.planning.fleets import Fleet, Rules, Server, week_of
from planner.planning.placement import precisions
from planner.planning.request import ANY_PRECISION, Request, check_numbers
from planner.planning.servers import Buying
from planner.pricing import api_prices
from planner.pricing.catalog import Catalog
from planner.serving import models

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.planning.demand import Load
    from planner.planning.measured import Measured
    from planner.pricing.api_prices import ApiPrice
    from planner.serving.models import Model

# Sensitivities that are worked out: (name, what changes).
_MORE, _LESS, _CHEAPER = 1.3, 0.7, 0.8


@dataclass(frozen=True, slots=True)
class SizeRequest:
    """What a fleet is asked for.

    Attributes:
        where: The model, its precision, engine and targets, and the filters of ``planner
            compare``. Lengths of prompts and answers are those of the load.
        load: What is asked of the model.
        buying: How machines may be bought.
        rules: How the fleet is run.
        credits_usd: That pay the first bills.
        measured: A load test of one machine, in place of its prediction.
    """

    where: Request
    load: Load
    buying: Buying = field(default_factory=Buying)
    rules: Rules = field(default_factory=Rules)
    credits_usd: float = 0.0
    measured: Measured | None = None


@dataclass(frozen=True, slots=True)
class Rent:
    """What a per-token API asks for the same load."""

    price: ApiPrice
    monthly_usd: float


@dataclass(frozen=True, slots=True)
class Sizing:
    """The fleets that carry a load, cheapest first, and what was assumed.

    Attributes:
        fleets: At the precision asked for.
        others: The cheapest fleet of each other precision, cheapest first.
        sensitivity: What the cheapest fleet would cost a month if things turn out otherwise.
        rent: Per-token APIs, the cheapest first.
    """

    request: SizeRequest
    model: Model
    as_of: date
    fleets: tuple[Fleet, ...]
    others: tuple[Fleet, ...] = ()
    sensitivity: dict[str, float] = field(default_factory=dict)
    rent: tuple[Rent, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def cheapest(self) -> Fleet:
        """Return the cheapest fleet whose prices and speeds are trusted, or else the cheapest."""
        return next((f for f in self.fleets if is_trusted(f)), self.fleets[0])

    @property
    def cheapest_deployable(self) -> Fleet | None:
        """Return the cheapest trusted fleet that planner can deploy today."""
        able = (f for f in self.fleets if all(p.server.deploy_to for p in f.parts))
        return next((f for f in able if is_trusted(f)), None)

    @property
    def cheapest_token(self) -> Fleet:
        """Return the fleet whose tokens are cheapest where its busiest machines are full."""
        trusted = [f for f in self.fleets if is_trusted(f)]
        return min(trusted or self.fleets, key=_usd_per_token_when_full)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON contract of ``planner size --format json``."""
        from planner.planning.fleet_records import record

        return record(self)

    def to_dataframe(self) -> Any:  # noqa: ANN401 - pandas is imported only when used
        """Return the fleets as a pandas DataFrame, one row each; money as float64."""
        import pandas as pd

        return pd.DataFrame(self.to_dict()["fleets"])


def size(request: SizeRequest, catalog: Catalog | None = None) -> Sizing:
    """Return the fleets that carry a load within the targets, cheapest first.

    Raises:
        UnknownNameError: The model or a filter's name is unknown.
        UsageError: A number makes no sense.
        NotFoundError: No machine meets the targets, or none that does has a price.
    """
    catalog = catalog or Catalog()
    load = request.load
    where = replace(
        request.where,
        input_tokens=round(load.input_tokens.mean),
        output_tokens=round(load.output_tokens.mean),
        cached_share=load.cached_share,
    )
    model = models.get(where.model)
    check_numbers(where, model)
    as_of = where.as_of or datetime.now(UTC).date()
    every = replace(where, precision=ANY_PRECISION)
    found = servers.able(every, load, catalog)
    notes: tuple[str, ...] = ()
    if request.measured is not None:
        found, note = corrected.by(request.measured, every, load, found, catalog)
        notes = (note,)
    offered = servers.priced(found, where, request.buying, as_of, catalog)
    asked = set(precisions(where, model))
    ours = [server for server in offered if server.layout.precision in asked]
    rest = [server for server in offered if server.layout.precision not in asked]
    carried = fleets.best(ours, load, request.rules)
    others = _best_of_each(rest, load, request.rules)
    if not carried:
        raise _nothing(request, model, found, others)
    sizing = Sizing(request, model, as_of, tuple(carried), others, notes=notes)
    return replace(sizing, sensitivity=_sensitivity(sizing), rent=_rent(model, load, as_of))


def _best_of_each(rest: Sequence[Server], load: Load, rules: Rules) -> tuple[Fleet, ...]:
    by_precision: dict[str, list[Server]] = {}
    for server in rest:
        if server.is_sure:
            by_precision.setdefault(server.layout.precision, []).append(server)
    found = [fleets.best(group, load, rules, mixes=False)[:1] for group in by_precision.values()]
    return tuple(sorted((f for best in found for f in best), key=lambda f: f.value_usd))


def is_trusted(fleet: Fleet) -> bool:
    """Tell whether a fleet's prices, speeds and weights are known well enough to lead."""
    return all(part.server.is_sure for part in fleet.parts)


def _usd_per_token_when_full(fleet: Fleet) -> float:
    able = sum(part.server.rate * part.machines_mean for part in fleet.parts)
    return fleet.monthly_usd / able


def _sensitivity(sizing: Sizing) -> dict[str, float]:
    """Return the cost a month of the cheapest fleet's machines under other circumstances."""
    fleet, rules = sizing.cheapest, sizing.request.rules
    server, load = fleet.parts[0].server, fleet.load

    def cost(server: Server, load: Load) -> float | None:
        made = fleets.of_one(server, load, rules)
        return None if made is None else made.monthly_usd

    market = server.market
    cheaper = replace(
        server,
        market=replace(
            market,
            on_demand_usd=market.on_demand_usd and market.on_demand_usd * _CHEAPER,
            spot_usd=market.spot_usd and market.spot_usd * _CHEAPER,
        ),
    )
    found = {
        "use_30_percent_more": cost(server, load.scaled(_MORE)),
        "use_30_percent_less": cost(server, load.scaled(_LESS)),
        "speed_as_expected": cost(server.sped_up(), load),
        "speed_at_low_end": cost(server, load),
        "on_demand_20_percent_cheaper": cost(cheaper, load),
    }
    return {name: value for name, value in found.items() if value is not None}


def _rent(model: Model, load: Load, as_of: date) -> tuple[Rent, ...]:
    asked = api_prices.api_prices(
        model.name,
        input_tokens=round(load.input_tokens.mean),
        output_tokens=round(load.output_tokens.mean),
        as_of=as_of,
    )
    tokens = Decimal(load.requests() / load.months * load.output_tokens.mean) / 1_000_000
    return tuple(
        Rent(price, float(price.usd_per_million_output_tokens * tokens)) for price in asked.prices
    )


def _nothing(
    request: SizeRequest, model: Model, able: Sequence[object], others: Sequence[Fleet]
) -> NotFoundError:
    where = request.where
    if others:
        name = others[0].parts[0].server.layout.precision
        return NotFoundError(
            f"no machine meets the targets for {model.name} at {where.precision or 'its own'} "
            "precision here",
            why=f"at {name} some do",
            advice=f"--precision {name}, or --precision any",
        )
    if able:
        return NotFoundError(
            "no price is known for a machine that meets the targets",
            advice="--geo all, or without --region",
        )
    peak = max(week_of(request.load).rates)
    return NotFoundError(
        f"no machine serves {model.name} within {_targets(where)}",
        why=f"requests of {request.load.input_tokens.mean:.0f} tokens in and "
        f"{request.load.output_tokens.mean:.0f} out, up to {peak:.3g} a second",
        advice="larger targets (--ttft 5s --tpot 100ms), or --precision any",
    )


def _targets(where: Request) -> str:
    parts = []
    if where.ttft_s is not None:
        parts.append(f"{where.ttft_s:g} s to the first token")
    if where.tpot_s is not None:
        parts.append(f"{where.tpot_s * 1000:g} ms a token")
    return " and ".join(parts) or "any time"
