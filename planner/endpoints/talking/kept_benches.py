"""Load tests of endpoints, kept in full: ``planner size --measured NAME`` plans with them."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from planner.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from planner.endpoints.model import Endpoint
    from planner.endpoints.talking.bench import Load

_VERSION = 1


def path_of(name: str) -> Path:
    """Return where the last load test of an endpoint is kept.

    Raises:
        UsageError: There is none.
    """
    path = _folder() / f"{name}.json"
    if not path.is_file():
        known = sorted(item.stem for item in _folder().glob("*.json"))
        raise UsageError(
            f"no load test of {name} is kept",
            why=f"there are those of {', '.join(known)}" if known else "none was ever made",
            advice=f"planner bench {name} --find, or the result file of another tool",
        )
    return path


def keep(endpoint: Endpoint, loads: Sequence[Load], now: datetime) -> None:
    """Keep the last load test of an endpoint under its name."""
    _folder().mkdir(parents=True, exist_ok=True)
    write(_folder() / f"{endpoint.name}.json", endpoint, loads, now, simulated=False)


def write(
    path: Path, endpoint: Endpoint, loads: Sequence[Load], now: datetime, *, simulated: bool
) -> None:
    """Write a load test into a file.

    Raises:
        UsageError: The file cannot be written.
    """
    document = {
        "planner_bench": _VERSION,
        "endpoint": endpoint.name,
        "service": endpoint.service,
        "region": endpoint.region,
        "instance_type": endpoint.instance_type,
        "model": endpoint.model,
        "precision": endpoint.precision,
        "measured_at": now.isoformat(timespec="seconds"),
        **({"simulated": True} if simulated else {}),
        "loads": [_load(load) for load in loads],
    }
    try:
        path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be written", why=error.strerror or str(error)) from error


def _load(load: Load) -> dict[str, Any]:
    fields = asdict(load)
    fields.pop("predicted")
    return fields


def _folder() -> Path:
    from platformdirs import user_data_path

    return user_data_path("gpu-planner") / "benches"
