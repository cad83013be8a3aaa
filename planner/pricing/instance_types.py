"""What the clouds' instance types hold: accelerators, vCPUs, memory.

Source: ``pricing_data/instance_types.csv``, and in the user's data folder the file of the
same name and columns that ``planner refresh`` writes for types newer than this release.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from typing import TYPE_CHECKING

from planner.bundled import pricing_data
from planner.errors import DataError, NotFoundError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

FILE_NAME = "instance_types.csv"
COLUMNS = (
    "cloud",
    "service",
    "instance_type",
    "accelerator",
    "accelerator_count",
    "accelerator_memory_gib",
    "vcpus",
    "memory_gib",
    "interconnect",
    "local_storage_gb",
    "quota_family",
    "source",
)


@dataclass(frozen=True, slots=True)
class InstanceType:
    """One rentable machine.

    Attributes:
        accelerator_count: Below 1 for a partition of a card (vGPU).
        accelerator_memory_gib: Marketed memory of one accelerator, or of the partition.
        memory_gib: Host memory; None where not known.
        interconnect: What joins the accelerators: ``PCIe``, ``NVLink3``, ...
        local_storage_gb: Disks in the machine; None where not known, 0 where there are none.
        quota_family: The cloud's own name of the quota that binds it; empty where not known.
    """

    cloud: str
    service: str
    instance_type: str
    accelerator: str
    accelerator_count: float
    accelerator_memory_gib: float
    vcpus: int
    memory_gib: float | None
    interconnect: str
    local_storage_gb: float | None
    quota_family: str
    source: str

    @property
    def key(self) -> tuple[str, str]:
        """Return what identifies it: service and name."""
        return (self.service, self.instance_type)


class InstanceTypes:
    """The instance types of one or more files; a later file wins."""

    def __init__(self, items: Iterable[InstanceType]) -> None:
        self._by_key = {item.key: item for item in items}

    def __iter__(self) -> Iterator[InstanceType]:
        return iter(self._by_key.values())

    def __len__(self) -> int:
        return len(self._by_key)

    def find(self, service: str, instance_type: str) -> InstanceType | None:
        """Return the instance type, or None where planner does not know it."""
        return self._by_key.get((service, instance_type))

    def get(self, name: str, service: str | None = None) -> InstanceType:
        """Return the instance type with this name (any case).

        Raises:
            UnknownNameError: No such instance type.
            NotFoundError: It exists, and planner leaves it out.
        """
        wanted = name.casefold()
        for item in self._by_key.values():
            if item.instance_type.casefold() == wanted and service in (None, item.service):
                return item
        reason = left_out(wanted)
        if reason:
            raise NotFoundError(f"planner leaves out {name}", why=reason, advice="planner gpus")
        known = {item.instance_type for item in self._by_key.values()}
        raise UnknownNameError("instance type", name, known, advice="planner prices")


def load(*folders: Path) -> InstanceTypes:
    """Return the bundled instance types and those found in further folders."""
    paths = [pricing_data() / FILE_NAME]
    paths += [path for folder in folders if (path := folder / FILE_NAME).is_file()]
    paths = list(dict.fromkeys(paths))
    return InstanceTypes(item for path in paths for item in read(path))


@cache
def bundled() -> InstanceTypes:
    """Return the instance types that ship with planner."""
    return load()


def left_out(name: str) -> str:
    """Return why planner leaves a machine out that exists; empty where it does not.

    Source: ``pricing_data/left_out.csv``, which names single prices too (with an ``@``).
    """
    with (pricing_data() / "left_out.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            glob = row["instance_types"].casefold()
            if glob != "*" and fnmatchcase(name.casefold(), glob):
                return row["reason"]
    return ""


def read(path: Path) -> list[InstanceType]:
    """Read the instance types of one file.

    Raises:
        DataError: It cannot be read.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return [_parse(row) for row in csv.DictReader(file)]
    except (OSError, UnicodeDecodeError, KeyError, ValueError) as error:
        raise DataError(
            f"cannot read instance types from {path}",
            why=f"{type(error).__name__}: {error}",
            advice="reinstall planner, or remove the file if it is your own",
        ) from error


def _parse(row: dict[str, str]) -> InstanceType:
    return InstanceType(
        cloud=row["cloud"],
        service=row["service"],
        instance_type=row["instance_type"],
        accelerator=row["accelerator"],
        accelerator_count=_count(row["accelerator_count"]),
        accelerator_memory_gib=float(row["accelerator_memory_gib"]),
        vcpus=int(row["vcpus"]),
        memory_gib=float(row["memory_gib"]) if row["memory_gib"] else None,
        interconnect=row["interconnect"],
        local_storage_gb=float(row["local_storage_gb"]) if row["local_storage_gb"] else None,
        quota_family=row["quota_family"],
        source=row["source"],
    )


def _count(text: str) -> float:
    """Return a whole number as one, so that it is printed as one."""
    count = float(text)
    return int(count) if count.is_integer() else count
