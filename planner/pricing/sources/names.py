"""How sources name accelerators.

``pricing_data/accelerator_names.csv`` holds the names seen in price sources, and
``gcp_accelerator_types.csv`` those of Compute Engine's API.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from planner.bundled import pricing_data

if TYPE_CHECKING:
    from collections.abc import Mapping

_TOLERANCE = 0.02


@dataclass(frozen=True, slots=True)
class AcceleratorNames:
    """Maps a source's name and memory of a card to planner's accelerator.

    Attributes:
        by_name: Lower-case source name to (GiB as the source states it, accelerator).
        memory_gib: Marketed memory by accelerator.
    """

    by_name: Mapping[str, tuple[tuple[float | None, str], ...]]
    memory_gib: Mapping[str, float]

    def find(self, name: str, memory_gib: float | None = None) -> str | None:
        """Return the accelerator, or None where name and memory do not settle it."""
        rows = self.by_name.get(name.casefold(), ())
        if memory_gib is not None:
            rows = tuple(
                (stated, card)
                for stated, card in rows
                if stated is None or abs(stated - memory_gib) <= memory_gib * _TOLERANCE
            )
        found = {card for _, card in rows if card in self.memory_gib}
        return found.pop() if len(found) == 1 else None


def load(memory_gib: Mapping[str, float]) -> AcceleratorNames:
    """Return the names of sources.

    Args:
        memory_gib: Marketed memory of the accelerators planner knows.
    """
    return AcceleratorNames(_rows(), memory_gib)


@cache
def _rows() -> dict[str, tuple[tuple[float | None, str], ...]]:
    found: dict[str, tuple[tuple[float | None, str], ...]] = {}
    for file_name, name, memory in (
        ("accelerator_names.csv", "source_name", "source_memory_gib"),
        ("gcp_accelerator_types.csv", "accelerator_type", "memory_gib"),
    ):
        with (pricing_data() / file_name).open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                stated = float(row[memory]) if row[memory] else None
                key = row[name].casefold()
                found[key] = (*found.get(key, ()), (stated, row["accelerator"]))
    return found
