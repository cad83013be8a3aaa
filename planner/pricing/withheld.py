"""The list of what a snapshot withheld, kept beside it: ``<date>-<digest>.withheld.json``."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from planner.pricing import gates, snapshots
from planner.pricing.sources.cache import write_whole

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from planner.pricing.gates import Sifted, Violation


def write(snapshot: Path, sifted: Sifted) -> Path:
    """Write what was withheld, and return the file."""
    path = snapshots.withheld_beside(snapshot)
    found = {
        "rows": [asdict(violation) for violation in sifted.withheld],
        "services": {name: [asdict(v) for v in why] for name, why in sifted.kept.items()},
    }
    write_whole(path, json.dumps(found, indent=1).encode())
    return path


def advice(cloud: str, violations: Sequence[Violation]) -> str:
    """Return how to publish a row that is right after all; empty where none can be."""
    first = next((v for v in violations if v.gate in gates.ACCEPTABLE), None)
    if first is None:
        return "use the prices you have; no option publishes such rows"
    return (
        "look at the rows; where one is right after all: "
        f"planner refresh --cloud {cloud} --accept '{first.gate}={first.subject}'"
    )
