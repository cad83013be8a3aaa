"""Rows of AWS price files: which matter, and what offers they make.

An EC2 file prices one machine many times: by operating system, tenancy, licence, market and
place. A row counts that is Linux, shared, without software, used (not a reservation of idle
capacity), sold on demand, and in the region itself, not in a Local Zone or on Outposts. Empty
fields are read as NULL, so each is compared through ``coalesce``. A row at 0 beside a real
price ("Free", a capacity block) is no price. Where two prices are left, both become offers and
the gates withhold the machine.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from planner.pricing.offer import (
    HOURS_PER_YEAR,
    Commitment,
    Offer,
    PaymentOption,
    PricingModel,
    effective_hourly,
    to_nano,
)
from planner.pricing.sources.interface import named
from planner.pricing.sources.price_file import Selection

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from planner.pricing.sources.aws_types import RegionPart
    from planner.pricing.sources.interface import Known

PLAN_KINDS = {
    "ComputeSavingsPlans": Commitment.SAVINGS_PLAN,
    "EC2InstanceSavingsPlans": Commitment.EC2_INSTANCE_SAVINGS_PLAN,
}
ML_PLAN = Commitment.SAVINGS_PLAN
OPTIONS = {
    "No Upfront": PaymentOption.NO_UPFRONT,
    "Partial Upfront": PaymentOption.PARTIAL_UPFRONT,
    "All Upfront": PaymentOption.ALL_UPFRONT,
}
CLASSES = {
    "standard": Commitment.RESERVED_INSTANCE,
    "convertible": Commitment.CONVERTIBLE_RESERVED_INSTANCE,
}
_PRICE_COLUMNS = ("sku", "termtype", "unit", "priceperunit", "currency")
# Files of services without reservations, as AmazonSageMaker, lack these.
_LEASE_COLUMNS = ("leasecontractlength", "purchaseoption", "offeringclass")
_ON_DEMAND = "OnDemand"

# Why a row of an EC2 file is no price of a shared Linux machine: (column, values, its default).
# Each is a condition of the selection, and what ``--explain`` says of a row that fails it.
EC2_CONDITIONS = (
    ("operatingsystem", ("Linux",), ""),
    ("tenancy", ("Shared",), ""),
    ("capacitystatus", ("Used",), "Used"),
    ("preinstalledsw", ("NA",), "NA"),
    ("licensemodel", ("No License required",), "No License required"),
    ("marketoption", (_ON_DEMAND,), _ON_DEMAND),
)
SAGEMAKER_CONDITIONS = (("productfamily", ("ML Instance",), ""),)
# Files of before these columns came lack them.
_PLACE = ("locationtype", ("AWS Region",), "AWS Region")
_HAS_GPU = "coalesce(gpu, '0') NOT IN ('', 'NA', '0')"


def ec2_selection(known: Known, region: str) -> Selection:
    """Return what to take out of an AmazonEC2 file: Linux machines with GPUs, shared."""
    types = sorted(t.instance_type for t in known.instance_types if t.service == "ec2")
    return Selection(
        columns=(*_PRICE_COLUMNS, *_LEASE_COLUMNS, "instancetype", "vcpu", "memory", "gpu",
                 "usagetype",
                 "operatingsystem", "tenancy"),
        where=f"(list_contains($types, instancetype) OR {_HAS_GPU}) AND regioncode = $region"
        f" AND {_sql(EC2_CONDITIONS)}",
        reads=("regioncode", *(name for name, *_ in EC2_CONDITIONS)),
        where_present=(("locationtype", _sql((_PLACE,))),),
        columns_present=("effectivedate",),
        parameters=(("types", types), ("region", region)),
    )  # fmt: skip


def sagemaker_selection(known: Known, region: str) -> Selection:
    """Return what to take out of an AmazonSageMaker file: machines with GPUs, for hosting."""
    types = sorted(t.instance_type for t in known.instance_types if t.service == "sagemaker")
    return Selection(
        columns=(*_PRICE_COLUMNS, "instancename", "vcpu", "memory", "gpu", "usagetype",
                 "component"),
        where=f"(list_contains($types, instancename) OR {_HAS_GPU}) AND regioncode = $region"
        f" AND {_sql(SAGEMAKER_CONDITIONS)} AND lower(component) = 'hosting'",
        reads=("regioncode", "productfamily"),
        where_present=(("locationtype", _sql((_PLACE,))),),
        columns_present=("effectivedate",),
        parameters=(("types", types), ("region", region)),
    )  # fmt: skip


def plan_selection(skus: Mapping[str, str]) -> Selection:
    """Return what to take out of a Savings Plans file: the rates of these SKUs."""
    return Selection(
        columns=("discountedrate", "currency", "discountedsku", "purchaseoption",
                 "leasecontractlength", "leasecontractlengthunit", "productfamily", "unit",
                 "discountedusagetype", "discountedoperation"),
        where="list_contains($skus, discountedsku)",
        reads=(),
        parameters=(("skus", sorted(skus)),),
    )  # fmt: skip


SELECTIONS = {"ec2": ec2_selection, "sagemaker": sagemaker_selection}


def _sql(conditions: Sequence[tuple[str, Sequence[str], str]]) -> str:
    """Write conditions for DuckDB, for which an empty field is NULL."""
    return " AND ".join(
        f"coalesce(nullif({name}, ''), '{default}') IN ({', '.join(map(repr, values))})"
        for name, values, default in conditions
    )


def add_terms(
    part: RegionPart,
    service: str,
    skus: Mapping[str, str],
    rows: Iterable[Mapping[str, Any]],
    *,
    source: str,
    as_of: date,
) -> None:
    """Add on-demand and reserved offers.

    A reservation has up to two rows: an hourly rate, and an "Upfront Fee" per ``Quantity``.
    """
    hourly: dict[tuple[str, ...], set[Decimal]] = defaultdict(set)
    upfront: dict[tuple[str, ...], Decimal] = defaultdict(Decimal)
    described: dict[str, Mapping[str, Any]] = {}
    for row in rows:
        if row["sku"] not in skus or row["currency"] != "USD":
            continue
        price, begins = money(row["priceperunit"]), day(row.get("effectivedate"))
        if price is None:
            part.unread.append(f"{skus[row['sku']]}: price {row['priceperunit']!r}")
        elif begins is not None and begins > as_of:
            part.later.add(f"{skus[row['sku']]}, it starts on {begins}")
        else:
            described[row["sku"]] = row
            key = tuple(row.get(name) or "" for name in ("sku", "termtype", *_LEASE_COLUMNS))
            if row["unit"] == "Quantity":
                upfront[key] += price
            else:
                hourly[key].add(price)
    for key in sorted({*hourly, *upfront}):
        sku, term, lease, option, offering = key
        terms = _terms(term, lease, option, offering)
        if terms is None:
            continue
        model, commitment, years, payment = terms
        fee = to_nano(upfront[key])
        for rate in _rates(hourly.get(key, set()), model):
            part.add(
                Offer(
                    cloud="aws", service=service, region=part.region, instance_type=skus[sku],
                    pricing_model=model, commitment=commitment, term_years=years,
                    payment_option=payment, hourly_usd=rate, upfront_usd=fee,
                    effective_hourly_usd=effective_hourly(rate, fee, years or 1),
                    currency="USD", as_of=as_of, source=source, sku=_words(described[sku]),
                )
            )  # fmt: skip


def _rates(found: set[Decimal], model: PricingModel) -> list[Decimal]:
    """Return the hourly rates; on demand a 0 beside a real price is none."""
    paid = {rate for rate in found if rate > 0}
    if model is PricingModel.ON_DEMAND and paid:
        return sorted(map(to_nano, paid))
    return sorted(map(to_nano, found)) or [to_nano(Decimal(0))]


def plan_offers(
    part: RegionPart,
    service: str,
    skus: Mapping[str, str],
    rows: Iterable[Mapping[str, Any]],
    *,
    source: str,
    as_of: date,
) -> list[Offer]:
    """Return Savings Plans offers; a rate is what an hour costs, whenever it is paid."""
    offers = {}
    strange: set[str] = set()
    for row in rows:
        kind = PLAN_KINDS.get(row["productfamily"]) if service == "ec2" else ML_PLAN
        option = OPTIONS.get(row["purchaseoption"])
        years = {"1": 1, "3": 3}.get(row["leasecontractlength"])
        if kind is None or option is None or years is None or row["currency"] != "USD":
            terms = ("productfamily", "purchaseoption", "leasecontractlength", "currency")
            strange.add(" ".join(str(row[name]) for name in terms))
            continue
        rate = to_nano(money(row["discountedrate"]) or Decimal(0))
        hourly, upfront = _split(rate, option, years)
        offer = Offer(
            cloud="aws", service=service, region=part.region,
            instance_type=skus[row["discountedsku"]], pricing_model=PricingModel.COMMITTED,
            commitment=kind, term_years=years, payment_option=option, hourly_usd=hourly,
            upfront_usd=upfront, effective_hourly_usd=rate, currency="USD", as_of=as_of,
            source=source,
            sku=f"{row['discountedusagetype']} {row['discountedoperation'] or ''}".strip(),
        )  # fmt: skip
        if rate > 0:
            offers[offer.key, rate] = offer
    if strange:
        part.notes.append(f"left out, Savings Plans of an unknown kind: {named(sorted(strange))}")
    return list(offers.values())


def _split(
    rate: Decimal, option: PaymentOption, years: int
) -> tuple[Decimal | None, Decimal | None]:
    """Return (hourly, upfront): how much of a partial payment is upfront is the buyer's choice."""
    if option is PaymentOption.NO_UPFRONT:
        return rate, Decimal(0)
    if option is PaymentOption.ALL_UPFRONT:
        return Decimal(0), to_nano(rate * HOURS_PER_YEAR * years)
    return None, None


def _terms(
    term: str, lease: str, option: str, offering: str
) -> tuple[PricingModel, Commitment | None, int | None, PaymentOption | None] | None:
    if term == "OnDemand":
        return (PricingModel.ON_DEMAND, None, None, None)
    years = {"1yr": 1, "3yr": 3, "1 yr": 1, "3 yr": 3}.get(lease)
    commitment, payment = CLASSES.get(offering.lower()), OPTIONS.get(option)
    if term != "Reserved" or years is None or commitment is None or payment is None:
        return None
    return (PricingModel.COMMITTED, commitment, years, payment)


def explain_selection(service: str, name: str) -> Selection:
    """Return every row of a file about one instance type."""
    column = "instancetype" if service == "ec2" else "instancename"
    conditions = EC2_CONDITIONS if service == "ec2" else SAGEMAKER_CONDITIONS
    read = tuple(condition for condition, *_ in conditions)
    return Selection(
        columns=(*_PRICE_COLUMNS, column, "usagetype", *read),
        where=f"{column} = $name",
        reads=(),
        columns_present=(*_LEASE_COLUMNS, "locationtype", "component", "effectivedate"),
        parameters=(("name", name),),
    )


def left_out(service: str, row: Mapping[str, Any], as_of: date) -> str:
    """Return why a row is no price of a shared Linux machine; empty where it is one."""
    conditions = EC2_CONDITIONS if service == "ec2" else SAGEMAKER_CONDITIONS
    for column, values, default in (*conditions, _PLACE):
        value = row.get(column) or default
        if value not in values:
            return f"{column} is {value or 'empty'}"
    if service == "sagemaker" and str(row.get("component")).lower() != "hosting":
        return f"component is {row.get('component')}"
    begins = day(row.get("effectivedate"))
    if begins is not None and begins > as_of:
        return f"it starts on {begins}"
    price = money(row["priceperunit"])
    if price is None or (price == 0 and row["termtype"] == _ON_DEMAND):
        return f"its price is {row['priceperunit']}"
    return ""


def _words(row: Mapping[str, Any]) -> str:
    words = (row.get("operatingsystem"), row.get("tenancy"), row.get("component"), row["usagetype"])
    return " ".join(word for word in words if word)


def money(text: str | None) -> Decimal | None:
    """Read a price; None where it is no number."""
    try:
        amount = Decimal(text or "0")
    except InvalidOperation:
        return None
    return amount if amount.is_finite() else None


def day(text: str | None) -> date | None:
    """Read a day, as ``2026-11-01`` or ``11/1/2026``; None where there is none."""
    for style in ("%Y-%m-%d", "%m/%d/%Y"):
        try:
            return datetime.strptime((text or "")[:10].strip(), style).date()  # noqa: DTZ007 - a day has no zone
        except ValueError:
            continue
    return None
