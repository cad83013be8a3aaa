"""The machines of a ``planner size`` answer, as demands: the first fleet, at its largest."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from planner.errors import DataError, UsageError
from planner.quotas import types
from planner.quotas.model import Demand

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_PER = {
    "requests_per_second": "{:g} requests a second",
    "requests_per_day": "{:g} requests a day",
    "tokens_per_month": "{:g} tokens a month",
    "users": "{:g} users",
}


def read(path: Path) -> Mapping[str, Any]:
    """Return the answer of ``planner size --format json``.

    Raises:
        DataError: It is no such file.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        fleets = found["fleets"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path} is no answer of planner size",
            why=f"{type(error).__name__}: {error}",
            advice=f"planner size MODEL ... --format json > {path}",
        ) from error
    if not fleets:
        raise UsageError(f"{path} has no fleet", why="no fleet carries the load it was asked for")
    answer: Mapping[str, Any] = found
    return answer


def demands(path: Path, model: str = "") -> list[Demand]:
    """Return what the first fleet needs: its machines on demand, and those that are spot.

    Raises:
        UsageError: Its machine is not known, or it is not in a cloud.
    """
    answer = read(path)
    fleet = answer["fleets"][0]
    item = types.known().find(str(fleet["service"]), str(fleet["instance_type"]))
    if item is None:
        raise UsageError(f"no quota is known for {fleet['instance_type']} of {fleet['service']}")
    most = int(fleet.get("machines_peak") or 1)
    spot = min(most, int(fleet.get("spot_machines_mean") or 0))
    least = int(fleet.get("machines_min") or 1)
    name = model or str(answer.get("model", ""))
    region = str(fleet["region"])
    found = []
    if most - spot:
        found.append(
            Demand.of(
                item,
                region,
                instances=max(1, least - spot),
                most_instances=most - spot,
                model=name,
            )
        )
    if spot:
        found.append(Demand.of(item, region, instances=spot, spot=True, model=name))
    return found


def traffic(path: Path) -> str:
    """Return the load in words, as far as the file tells it."""
    load = read(path).get("load") or {}
    for key, words in _PER.items():
        if isinstance(load, dict) and isinstance(load.get(key), int | float):
            return words.format(load[key])
    return ""


def monthly_usd(path: Path) -> float | None:
    """Return what the fleet costs a month; None where the file does not tell."""
    cost = read(path)["fleets"][0].get("monthly_usd")
    return float(cost) if isinstance(cost, int | float) else None
