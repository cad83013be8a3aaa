"""Google's SKUs: what each is a unit of, where, and under which way of paying.

A SKU says what it is in its description, for people: "Spot Preemptible A2 Instance Core
running in Americas", "Commitment v1: Nvidia L4 GPU running in Iowa for 1 Year". Its
``usageType`` mostly tells the way of paying, but Flex-start ("DWS") SKUs and some Spot ones
are filed under OnDemand, so the description decides first.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from planner.pricing.offer import PricingModel
from planner.pricing.sources.interface import SourceChangedError, named

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_HOURS_PER_MONTH = 730
# A gibibyte is this many gigabytes; some SKUs (C4D memory) are priced per gigabyte.
_GB_PER_GIB = Decimal("1.073741824")
_UNITS = {
    "h": Decimal(1),
    "GiBy.h": Decimal(1),
    "GBy.h": _GB_PER_GIB,
    "GiBy.mo": Decimal(1) / _HOURS_PER_MONTH,
    "GBy.mo": _GB_PER_GIB / _HOURS_PER_MONTH,
}
_NOT_OURS = re.compile(
    r"sole tenancy|reserved|custom|premium|suspended|dws|flex|calendar|defined duration|upgrade"
    r"|extended|windows|byol|license",
    re.IGNORECASE,
)


class Way(Enum):
    """A way of paying for a unit."""

    ON_DEMAND = "on_demand"
    SPOT = "spot"
    ONE_YEAR = "1"
    THREE_YEARS = "3"

    @property
    def years(self) -> int | None:
        """The years of a commitment."""
        return int(self.value) if self.value.isdigit() else None

    @property
    def pricing_model(self) -> PricingModel:
        """The pricing model of an offer paid this way."""
        return PricingModel.COMMITTED if self.years else PricingModel(self.value)


@dataclass(frozen=True, slots=True)
class Family:
    """Machines that are made of the same units.

    Attributes:
        machines: A glob of instance types.
        scope: The glob that snapshots name as covered.
        core: What units are called here; the patterns say what Google calls them.
    """

    machines: str
    scope: str
    core: str
    memory: str
    gpu: str


FAMILIES = (
    Family("a2-highgpu-*", "a2-*", "A2 core", "A2 memory", "A100-40GB"),
    Family("a2-megagpu-*", "a2-*", "A2 core", "A2 memory", "A100-40GB"),
    Family("a2-ultragpu-*", "a2-*", "A2 core", "A2 memory", "A100-80GB"),
    Family("a3-highgpu-*", "a3-highgpu-*", "A3 core", "A3 memory", "H100"),
    Family("a3-megagpu-*", "a3-megagpu-*", "A3 Mega core", "A3 Mega memory", "H100 Mega"),
    Family("g2-standard-*", "g2-*", "G2 core", "G2 memory", "L4"),
    Family("g4-standard-*", "g4-*", "G4 core", "G4 memory", "RTX-PRO-6000"),
    Family("n1-*+*nvidia-tesla-t4", "n1-*", "N1 core", "N1 memory", "T4"),
    Family("n1-*+*nvidia-tesla-v100", "n1-*", "N1 core", "N1 memory", "V100"),
    Family("n1-*+*nvidia-tesla-p100", "n1-*", "N1 core", "N1 memory", "P100"),
)

# Matched against the description without "Spot Preemptible" and "Commitment v1:" before it.
_PATTERNS = tuple(
    (unit, re.compile(pattern, re.IGNORECASE))
    for unit, pattern in (
        ("A2 core", r"A2 (Instance )?(Core|Cpu)\b"),
        ("A2 memory", r"A2 (Instance )?Ram\b"),
        ("A3 core", r"A3 (Instance )?(Core|Cpu)\b"),
        ("A3 memory", r"A3 (Instance )?Ram\b"),
        ("A3 Mega core", r"A3Plus (Instance )?(Core|Cpu)\b"),
        ("A3 Mega memory", r"A3Plus (Instance )?Ram\b"),
        ("G2 core", r"G2 (Instance )?(Core|Cpu)\b"),
        ("G2 memory", r"G2 (Instance )?Ram\b"),
        ("G4 core", r"G4 (Instance )?(Core|Cpu)\b"),
        ("G4 memory", r"G4 (Instance )?Ram\b"),
        # A commitment to N1 is not named after it: "Commitment v1: Cpu in Iowa for 1 Year".
        ("N1 core", r"N1 Predefined Instance Core\b|Cpu in\b"),
        ("N1 memory", r"N1 Predefined Instance Ram\b|Ram in\b"),
        ("A100-40GB", r"Nvidia Tesla A100 GPU\b"),
        ("A100-80GB", r"Nvidia Tesla A100 80GB GPU\b"),
        ("H100", r"Nvidia H100 80GB GPU\b"),
        ("H100 Mega", r"Nvidia H100 80GB (Mega|Plus) GPU\b"),
        ("L4", r"Nvidia L4 GPU\b"),
        ("RTX-PRO-6000", r"(Nvidia )?RTX 6000 96GB\b"),
        ("T4", r"Nvidia Tesla T4 GPU\b"),
        ("V100", r"Nvidia Tesla V100 GPU\b"),
        ("P100", r"Nvidia Tesla P100 GPU\b"),
        ("ssd", r"SSD backed Local Storage\b|Local SSD in\b"),
    )
)
_USAGE = {
    "OnDemand": Way.ON_DEMAND,
    "Preemptible": Way.SPOT,
    "Commit1Yr": Way.ONE_YEAR,
    "Commit3Yr": Way.THREE_YEARS,
}


@dataclass(slots=True)
class UnitPrices:
    """USD per hour of one unit: a core, a GiB of memory or disk, a GPU."""

    _prices: dict[tuple[str, str, Way], Decimal] = field(default_factory=dict)
    _doubtful: set[tuple[str, str, Way]] = field(default_factory=set)

    def add(self, unit: str, region: str, way: Way, price: Decimal) -> None:
        """Add a price; a second, different one for the same thing makes both doubtful."""
        key = (unit, region, way)
        if self._prices.setdefault(key, price) != price:
            self._doubtful.add(key)

    def find(self, unit: str, region: str, way: Way) -> Decimal | None:
        """Return the price, or None where there is none that can be relied on."""
        key = (unit, region, way)
        return None if key in self._doubtful else self._prices.get(key)

    @property
    def notes(self) -> list[str]:
        """What is doubtful, for people."""
        if not self._doubtful:
            return []
        names = sorted(f"{unit} in {region}" for unit, region, _ in self._doubtful)
        return [f"left out, two SKUs with different prices: {named(names)}"]


def family_of(machine: str) -> Family | None:
    """Return what a machine is made of, or None where planner cannot add it up."""
    return next((f for f in FAMILIES if fnmatchcase(machine, f.machines)), None)


def read_skus(skus: Iterable[Mapping[str, Any]]) -> UnitPrices:
    """Read unit prices from the catalog's SKUs.

    Raises:
        SourceChangedError: A SKU lacks a field, or has a unit or currency never seen.
    """
    prices = UnitPrices()
    for sku in skus:
        try:
            understood = _read(sku)
            if understood is None:
                continue
            unit, way, price = understood
            for region in sku["serviceRegions"]:
                prices.add(unit, region, way, price)
        except (KeyError, IndexError, TypeError) as error:
            raise SourceChangedError(
                f"Google changed its price list: no {error} in SKU {sku.get('skuId')}",
                advice="use the prices you have, and upgrade planner: pip install -U gpu-planner",
            ) from error
    return prices


def _read(sku: Mapping[str, Any]) -> tuple[str, Way, Decimal] | None:
    """Return (unit, way of paying, USD per hour), or None for what planner does not price."""
    description = sku["description"]
    if _NOT_OURS.search(description):
        return None
    committed = description.startswith("Commitment v1: ")
    plain = description.removeprefix("Commitment v1: ").removeprefix("Spot Preemptible ")
    unit = next((unit for unit, pattern in _PATTERNS if pattern.match(plain)), None)
    way = _USAGE.get(sku["category"]["usageType"])
    if "Spot Preemptible" in description:
        way = Way.SPOT
    if unit is None or way is None or committed != bool(way.years):
        return None
    expression = sku["pricingInfo"][0]["pricingExpression"]
    rate = expression["tieredRates"][0]["unitPrice"]
    scale = _UNITS.get(expression["usageUnit"])
    if scale is None or rate.get("currencyCode", "USD") != "USD":
        raise SourceChangedError(
            f"Google prices {description!r} in a way planner does not know",
            why=f"{rate.get('currencyCode')} per {expression['usageUnit']}",
        )
    # ``units`` is a string of whole dollars, absent where there are none.
    price = Decimal(rate.get("units") or 0) + Decimal(rate.get("nanos") or 0) / 10**9
    return unit, way, price * scale
