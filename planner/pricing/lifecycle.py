"""Where an instance type stands in its life: sold to anyone, to some, in some way, or no more.

Source: ``pricing_data/lifecycle.csv``, each line with its own source. A type that no line
names is ``available``: its cloud lists a price for it.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import cache
from typing import TYPE_CHECKING

from planner.bundled import pricing_data

if TYPE_CHECKING:
    from pathlib import Path

FILE_NAME = "lifecycle.csv"


class Stage(StrEnum):
    """The stages, by how hard a machine is to get."""

    AVAILABLE = "available"
    PREVIEW = "preview"
    ALLOW_LIST = "allow_list"
    CAPACITY_BLOCK_ONLY = "capacity_block_only"
    RESERVATION_ONLY = "reservation_only"
    SALES_ONLY = "sales_only"
    RETIRED = "retired"


_WORDS = {
    Stage.PREVIEW: "in preview",
    Stage.ALLOW_LIST: "for accounts on an allow-list",
    Stage.CAPACITY_BLOCK_ONLY: "sold by capacity block only",
    Stage.RESERVATION_ONLY: "sold by reservation only",
    Stage.SALES_ONLY: "sold by the cloud's sales team only",
    Stage.RETIRED: "retired",
}


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """The stage of an instance type.

    Attributes:
        since: The day it began; None where no source says so. A retirement counts from it.
        pricing_model: The stage is about this way of paying only; empty for the machine.
        note: What a user should know of it.
    """

    stage: Stage = Stage.AVAILABLE
    since: date | None = None
    pricing_model: str = ""
    source: str = ""
    note: str = ""

    def is_retired(self, day: date) -> bool:
        """Tell whether it is no longer sold on a day."""
        return self.stage is Stage.RETIRED and (self.since is None or self.since <= day)

    @property
    def words(self) -> str:
        """The stage in a sentence; empty where the machine is available to anyone."""
        said = _WORDS.get(self.stage, "")
        return f"{said} since {self.since}" if said and self.since else said


@dataclass(frozen=True, slots=True)
class _Entry:
    service: str
    instance_types: str
    lifecycle: Lifecycle


def of(service: str, instance_type: str, pricing_model: str = "") -> Lifecycle:
    """Return where an instance type stands; the first line that names it counts.

    Args:
        service: ``ec2``, ``sagemaker``, ``azure-vm`` or ``gce``.
        instance_type: The cloud's own name.
        pricing_model: Ask for what holds for this way of paying only.
    """
    for entry in bundled():
        if (
            entry.service == service
            and entry.lifecycle.pricing_model == pricing_model
            and fnmatchcase(instance_type, entry.instance_types)
        ):
            return entry.lifecycle
    return Lifecycle()


@cache
def bundled() -> tuple[_Entry, ...]:
    """Return the lines that ship with planner."""
    return tuple(read(pricing_data() / FILE_NAME))


def read(path: Path) -> list[_Entry]:
    """Read a table of lifecycles."""
    with path.open(encoding="utf-8", newline="") as file:
        return [
            _Entry(
                row["service"],
                row["instance_types"],
                Lifecycle(
                    Stage(row["stage"]),
                    date.fromisoformat(row["since"]) if row["since"] else None,
                    row["pricing_model"],
                    row["source"],
                    row["note"],
                ),
            )
            for row in csv.DictReader(file)
        ]
