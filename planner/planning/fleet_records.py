"""A sizing as records: the JSON contract of ``planner size``."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from planner.planning import fleets
from planner.planning.demand import HOURS_PER_MONTH
from planner.planning.purchase_mix import best_mix

if TYPE_CHECKING:
    from planner.planning.demand import Load
    from planner.planning.fleets import Fleet, Part
    from planner.planning.sizing import Sizing


def record(found: Sizing) -> dict[str, Any]:
    """Return a sizing as the contract names its fields."""
    request, named = found.request, found.cheapest_deployable
    return {
        "model": found.model.name,
        "load": load_record(request.load),
        "targets": {"ttft_p95_s": request.where.ttft_s, "tpot_p95_s": request.where.tpot_s},
        "as_of": found.as_of,
        "assumptions": _assumptions(found),
        "fleets": [fleet_record(found, fleet) for fleet in found.fleets],
        "other_precisions": [fleet_record(found, fleet) for fleet in found.others],
        "answer": {
            "cheapest": found.fleets.index(found.cheapest),
            "cheapest_token": found.fleets.index(found.cheapest_token),
            "cheapest_deployable": None if named is None else found.fleets.index(named),
        },
        "sensitivity_monthly_usd": found.sensitivity,
        "rent": [
            {
                "provider": item.price.provider_name,
                "api_model": item.price.api_model,
                "input_usd_per_million": item.price.input_usd_per_million,
                "output_usd_per_million": item.price.output_usd_per_million,
                "monthly_usd": item.monthly_usd,
                "deprecated": item.price.deprecated,
                "status": item.price.status,
                "verified_on": item.price.verified_on,
                "ends_on": item.price.ends_on,
            }
            for item in found.rent
        ],
        "notes": list(found.notes),
    }


def load_record(load: Load) -> dict[str, Any]:
    """Return a load for people and programs; requests a second unless named otherwise."""
    return {
        "shape": load.shape,
        "mean_requests_per_second": load.mean_rate,
        "peak_requests_per_second": load.peak_rate,
        "requests_per_month": load.requests(1),
        "input_tokens": load.input_tokens.mean,
        "input_tokens_p95": load.input_tokens.p95,
        "output_tokens": load.output_tokens.mean,
        "output_tokens_p95": load.output_tokens.p95,
        "cached_share": load.cached_share,
        "growth_per_month": load.growth,
        "horizon_months": load.months,
        "hourly_requests_per_second": list(load.rates),
        "busiest_ten_minutes": list(load.swell),
        "warnings": list(load.warnings),
    }


def _assumptions(found: Sizing) -> dict[str, Any]:
    request = found.request
    return {
        **asdict(request.rules),
        **asdict(request.buying),
        "credits_usd": request.credits_usd,
        "hours_per_month": HOURS_PER_MONTH,
        "precision": found.model.precision(request.where.precision),
        "geo": request.where.geo if not request.where.regions else None,
        "regions": list(request.where.regions),
        "lengths": "log-normal between mean and p95",
        "planned_with": "the low end of the predicted speed",
    }


def fleet_record(found: Sizing, fleet: Fleet) -> dict[str, Any]:
    """Return one fleet; the fields of the machine are those of its largest part."""
    main, rules = fleet.parts[0], found.request.rules
    low, high = fleets.monthly_range(fleet, rules)
    return {
        **_machine(main),
        "machines_min": sum(part.machines_min for part in fleet.parts),
        "machines_peak": sum(part.machines_peak for part in fleet.parts),
        "machines_mean": sum(part.machines_mean for part in fleet.parts),
        "committed_machines": sum(_committed(part) for part in fleet.parts),
        "on_demand_machines_mean": sum(_mean(p, p.mix.on_demand_hours) for p in fleet.parts),
        "spot_machines_mean": sum(_mean(p, p.mix.spot_hours) for p in fleet.parts),
        "monthly_usd": fleet.monthly_usd,
        "monthly_usd_low": low,
        "monthly_usd_high": high,
        "on_demand_monthly_usd": on_demand_only(fleet),
        "due_now_usd": fleet.due_now_usd,
        "cash_by_quarter_usd": _quarters(fleet, found.request.credits_usd),
        "after_horizon_usd": sum(part.mix.after_horizon_usd for part in fleet.parts),
        "commitments": [
            {
                "name": start.commitment.name,
                "kind": start.commitment.key[0] if start.commitment.key else None,
                "start_month": start.month,
                "machines": start.count,
                "instance_type": part.server.instance_type.instance_type,
            }
            for part in fleet.parts
            for start in part.mix.starts
        ],
        "usd_per_million_served_tokens": fleet.usd_per_million_served_tokens,
        "utilisation": fleet.utilisation,
        "headroom": fleet.headroom,
        "breaks_first": fleets.breaks_first(fleet),
        "deployable": all(part.server.deploy_to for part in fleet.parts),
        "weights_known": all(part.server.weights_known for part in fleet.parts),
        "price_confidence": "low"
        if not all(part.server.trusted for part in fleet.parts)
        else "trusted",
        "also": [_machine(part) | _counts(part) for part in fleet.parts[1:]],
    }


def _machine(part: Part) -> dict[str, Any]:
    server, layout = part.server, part.server.layout
    item, offer = server.instance_type, server.on_demand
    return {
        "cloud": item.cloud,
        "service": item.service,
        "region": server.region,
        "instance_type": item.instance_type,
        "accelerator": item.accelerator,
        "accelerator_count": item.accelerator_count,
        "precision": layout.precision,
        "engine": layout.engine,
        "engine_generation": layout.engine_generation,
        "tensor_parallel": layout.tensor_parallel,
        "pipeline_parallel": layout.pipeline_parallel,
        "replicas_per_machine": layout.replicas,
        "requests_per_second_per_machine": server.rate,
        "requests_in_flight_per_machine": server.slots,
        "ttft_p95_s": layout.ttft_p95_s,
        "tpot_p95_s": layout.tpot_p95_s,
        "on_demand_hourly_usd": server.market.on_demand_usd,
        "deploy_to": server.deploy_to,
        "basis": layout.basis,
        "as_of": None if offer is None else offer.as_of,
        "source": "" if offer is None else offer.source,
    }


def _counts(part: Part) -> dict[str, Any]:
    return {
        "machines_min": part.machines_min,
        "machines_peak": part.machines_peak,
        "machines_mean": part.machines_mean,
        "committed_machines": _committed(part),
    }


def _committed(part: Part) -> int:
    """Return the machines under commitment in the first month."""
    return part.mix.committed[0] if part.mix.committed else 0


def _mean(part: Part, hours: float) -> float:
    return hours / HOURS_PER_MONTH / part.usage.months


def on_demand_only(fleet: Fleet) -> float | None:
    """Return what a month would cost with no commitment and no spot; None: not sold so."""
    from dataclasses import replace

    total = 0.0
    for part in fleet.parts:
        market = replace(part.server.market, commitments=(), spot_usd=None)
        mix = best_mix(part.usage, market)
        if mix is None:
            return None
        total += mix.monthly_usd
    return total


def _quarters(fleet: Fleet, credits_usd: float) -> list[float]:
    """Return the cash of each quarter, after credits."""
    count = max(len(part.mix.quarters) for part in fleet.parts)
    left, found = credits_usd, []
    for quarter in range(count):
        cash = sum(part.mix.quarters[quarter] for part in fleet.parts)
        paid = min(left, cash)
        left -= paid
        found.append(cash - paid)
    return found
