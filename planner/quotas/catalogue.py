"""The quotas that bind accelerators, by name and code.

Source: ``pricing_data/quotas.csv``; every row cites where the code was seen. It is a cache,
not the truth: a quota that is not in it, or whose code the cloud does not know, is looked up
by name through the cloud's API.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache

from planner.bundled import pricing_data
from planner.errors import DataError

EVERYTHING = "*"
"""What a quota covers that binds all machines of a service."""


@dataclass(frozen=True, slots=True)
class QuotaRow:
    """One quota and what it covers.

    Attributes:
        covers: AWS EC2: the first letters of instance families, separated by spaces;
            SageMaker: an instance type; Azure: a VM family; Google: an accelerator, or the
            family of the machine (``n1``). ``*`` covers everything.
        pricing_model: How it is bought: ``on_demand``, ``spot``, ``capacity_block``, or ``any``.
        quota_id: The cloud's code or id.
        quota_name: The cloud's name; empty where not known.
        dimensions: Beside the region: ``gpu_family=NVIDIA_H100``.
        unit: ``vCPU``, ``instances`` or ``GPU``.
    """

    cloud: str
    service: str
    covers: str
    pricing_model: str
    quota_id: str
    quota_name: str
    dimensions: tuple[tuple[str, str], ...]
    unit: str
    source: str

    def admits(self, bought: str) -> bool:
        """Tell whether the quota counts what is bought this way."""
        return self.pricing_model in {"any", bought}


@cache
def _all() -> tuple[QuotaRow, ...]:
    path = pricing_data() / "quotas.csv"
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return tuple(_parse(row) for row in csv.DictReader(file))
    except (OSError, UnicodeDecodeError, KeyError, ValueError) as error:
        raise DataError(
            f"cannot read {path}",
            why=f"{type(error).__name__}: {error}",
            advice="reinstall planner: pip install --force-reinstall gpu-planner",
        ) from error


def rows(cloud: str, service: str | None = None) -> tuple[QuotaRow, ...]:
    """Return the quotas of a cloud, or of one of its services."""
    return tuple(row for row in _all() if row.cloud == cloud and service in (None, row.service))


@cache
def ec2_quota(instance_type: str, bought: str) -> QuotaRow | None:
    """Return the EC2 quota that counts an instance type, or None where none is known.

    The longest family prefix wins, so that ``p5en`` is not taken for ``p``.
    """
    family = instance_type.split(".", 1)[0].casefold()
    matching = [
        (len(prefix), row)
        for row in rows("aws", "ec2")
        if row.admits(bought)
        for prefix in row.covers.split()
        if family.startswith(prefix)
    ]
    return max(matching, key=lambda found: found[0])[1] if matching else None


def ec2_family(instance_type: str, *, spot: bool) -> QuotaRow | None:
    """Return the EC2 quota of machines on demand, or of Spot machines."""
    return ec2_quota(instance_type, "spot" if spot else "on_demand")


def same_family(one: str, other: str) -> bool:
    """Compare Azure family names, whose spaces and case vary between APIs."""
    return fold(one) == fold(other)


def fold(name: str) -> str:
    """Return an Azure family name without spaces, in lower case."""
    return name.replace(" ", "").casefold()


def _parse(row: dict[str, str]) -> QuotaRow:
    pairs = (pair.split("=", 1) for pair in row["dimensions"].split())
    return QuotaRow(
        cloud=row["cloud"],
        service=row["service"],
        covers=row["covers"],
        pricing_model=row["pricing_model"],
        quota_id=row["quota_id"],
        quota_name=row["quota_name"],
        dimensions=tuple((key, value) for key, value in pairs),
        unit=row["unit"],
        source=row["source"],
    )
