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

from planner.errors import DataError
from planner.pricing.offer import PricingModel
from planner.pricing.sources.interface import Trace, named, require_readable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

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
    r"sole tenancy|custom|premium|suspended|upgrade|extended|windows|byol|license"
    # A reservation bills what it holds at the on-demand price, and its own SKUs at 0.
    r"|reserved(?!.*calendar mode)",
    re.IGNORECASE,
)
# How a way of paying is written in a description, wherever it is filed.
_WAYS = (
    ("spot", re.compile(r"spot preemptible", re.IGNORECASE)),
    ("capacity_block", re.compile(r"calendar mode", re.IGNORECASE)),
    ("flex_start", re.compile(r"\bdws\b|defined duration|flex[ -]start", re.IGNORECASE)),
)
_BEFORE_THE_UNIT = re.compile(
    r"^(commitment v1: |spot preemptible |dws |defined duration |flex[ -]start |calendar mode "
    r"|reserved )+",
    re.IGNORECASE,
)


class Way(Enum):
    """A way of paying for a unit."""

    ON_DEMAND = "on_demand"
    SPOT = "spot"
    ONE_YEAR = "1"
    THREE_YEARS = "3"
    # Dynamic Workload Scheduler: started when there is room, for up to seven days, or booked
    # ahead in a calendar as a fixed block of days.
    FLEX_START = "flex_start"
    CALENDAR = "capacity_block"

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

    @property
    def is_sliced(self) -> bool:
        """Tell whether the GPU's SKU is a slice of the whole machine, its host included."""
        return not self.core


FAMILIES = (
    Family("a2-highgpu-*", "a2-*", "A2 core", "A2 memory", "A100-40GB"),
    Family("a2-megagpu-*", "a2-*", "A2 core", "A2 memory", "A100-40GB"),
    Family("a2-ultragpu-*", "a2-*", "A2 core", "A2 memory", "A100-80GB"),
    Family("a3-highgpu-*", "a3-highgpu-*", "A3 core", "A3 memory", "H100"),
    Family("a3-ultragpu-*", "a3-ultragpu-*", "A3 Ultra core", "A3 Ultra memory", "H200"),
    Family("a4-highgpu-*", "a4-highgpu-*", "", "", "B200 slice"),
    Family("a4x-highgpu-*", "a4x-highgpu-*", "", "", "GB200 slice"),
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
        ("A3 core", r"A3 (High )?(Instance )?(Core|Cpu)\b"),
        ("A3 memory", r"A3 (High )?(Instance )?Ram\b"),
        ("A3 Mega core", r"A3 ?Plus (Instance )?(Core|Cpu)\b"),
        ("A3 Mega memory", r"A3 ?Plus (Instance )?Ram\b"),
        ("A3 Ultra core", r"A3 ?Ultra (Instance )?(Core|Cpu)\b"),
        ("A3 Ultra memory", r"A3 ?Ultra (Instance )?Ram\b"),
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
        ("H100 Mega", r"Nvidia H100 (80GB (Mega|Plus)|(Mega|Plus) 80GB) GPU\b"),
        ("H200", r"(Nvidia )?H200 141GB GPU\b"),
        ("B200 slice", r"A4 Nvidia B200 \(1 gpu slice\)"),
        ("GB200 slice", r"A4X Nvidia GB200 \(1 gpu slice\)"),
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
    unread: list[str] = field(default_factory=list)

    def add(self, unit: str, region: str, way: Way, price: Decimal) -> None:
        """Add a price; a second, different one for the same thing makes both doubtful.

        A SKU at 0 is a placeholder or a free tier, and no price.
        """
        key = (unit, region, way)
        if price > 0 and self._prices.setdefault(key, price) != price:
            self._doubtful.add(key)

    def find(self, unit: str, region: str, way: Way) -> Decimal | None:
        """Return the price, or None where there is none that can be relied on."""
        key = (unit, region, way)
        return None if key in self._doubtful else self._prices.get(key)

    @property
    def notes(self) -> list[str]:
        """What is doubtful or could not be read, for people."""
        names = sorted({f"{unit} in {region}" for unit, region, _ in self._doubtful})
        notes = [f"left out, two SKUs with different prices: {named(names)}"] if names else []
        unread = sorted(set(self.unread))
        return notes + ([f"left out, not readable: {named(unread)}"] if unread else [])


def family_of(machine: str) -> Family | None:
    """Return what a machine is made of, or None where planner cannot add it up."""
    return next((f for f in FAMILIES if fnmatchcase(machine, f.machines)), None)


def read_skus(skus: Iterable[Mapping[str, Any]]) -> UnitPrices:
    """Read unit prices from the catalog's SKUs.

    Raises:
        SourceChangedError: Many SKUs lack a field, or have a unit or currency never seen.
    """
    prices = UnitPrices()
    total = 0
    for sku in skus:
        total += 1
        try:
            understood = read_sku(sku)
        except (KeyError, IndexError, TypeError, AttributeError, ArithmeticError) as error:
            prices.unread.append(f"{_name(sku)}: {type(error).__name__} {error}")
            continue
        except DataError as error:
            prices.unread.append(str(error))
            continue
        if understood is not None:
            unit, way, price = understood
            for region in sku.get("serviceRegions", ()):
                prices.add(unit, region, way, price)
    require_readable("Google's price list", prices.unread, total)
    return prices


def read_sku(sku: Mapping[str, Any]) -> tuple[str, Way, Decimal] | None:
    """Return (unit, way of paying, USD per hour), or None for what planner does not price.

    Raises:
        DataError: It is priced in a way planner does not know.
    """
    description = sku["description"]
    if _NOT_OURS.search(description):
        return None
    committed = description.startswith("Commitment v1: ")
    plain = _BEFORE_THE_UNIT.sub("", description)
    unit = next((unit for unit, pattern in _PATTERNS if pattern.match(plain)), None)
    written = next((way for way, pattern in _WAYS if pattern.search(description)), None)
    way = Way(written) if written else _USAGE.get(sku["category"]["usageType"])
    if unit is None or way is None or committed != bool(way.years):
        return None
    expression = sku["pricingInfo"][0]["pricingExpression"]
    scale = _UNITS.get(expression["usageUnit"])
    tiers = [tier["unitPrice"] for tier in expression["tieredRates"]]
    currencies = {tier.get("currencyCode", "USD") for tier in tiers}
    if scale is None or not currencies <= {"USD"}:
        raise DataError(
            f"{description!r} is priced in {', '.join(sorted(currencies))} "
            f"per {expression['usageUnit']}"
        )
    # A first tier at 0 is a free tier; a machine runs beyond it.
    paid = [rate for tier in tiers if (rate := _price(tier)) > 0]
    return (unit, way, paid[0] * scale) if paid else None


def explain_skus(
    skus: Iterable[Mapping[str, Any]], family: Family, regions: Sequence[str]
) -> list[Trace]:
    """Return the SKUs of a family's units, with what an hour of the unit costs."""
    units = {family.core, family.memory, family.gpu}
    if not family.is_sliced:
        units.add("ssd")
    traces = []
    for sku in skus:
        try:
            understood = read_sku(sku)
        except (KeyError, IndexError, TypeError, AttributeError, ArithmeticError, DataError):
            continue
        if understood is None or understood[0] not in units:
            continue
        unit, way, price = understood
        raw = {"skuId": sku.get("skuId"), "description": sku["description"]}
        traces += [
            Trace(region, raw, f"{way.pricing_model} {unit}: {price:f}", is_used=True)
            for region in sku.get("serviceRegions", ())
            if not regions or region in regions
        ]
    return traces


def _price(rate: Mapping[str, Any]) -> Decimal:
    """Read a price; ``units`` is a string of whole dollars, absent where there are none."""
    return Decimal(rate.get("units") or 0) + Decimal(rate.get("nanos") or 0) / 10**9


def _name(sku: object) -> str:
    found = sku if isinstance(sku, dict) else {}
    return str(found.get("description") or found.get("skuId") or "a SKU without a name")
