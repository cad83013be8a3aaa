"""Simulated AWS Price List: region indexes and CSV files of three regions.

Documented: paths, five lines of metadata, columns, "Upfront Fee" rows per Quantity, Savings
Plans files that name the SKU they discount ("AWS Price List", AWS Billing user guide). Assumed:
that the SageMaker file titles its columns in EC2's manner. Windows, Outposts and capacity block
rows ride along, as in the real files.
"""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from typing import TYPE_CHECKING

from flask import Blueprint, Response, abort, jsonify

from planner.pricing.offer import HOURS_PER_YEAR, Commitment, Offer, PaymentOption, PricingModel
from planner.sandbox.prices import figures

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

REGIONS = ("us-east-1", "us-west-2", "eu-west-1")
_VERSION = "20261126000000"
_OFFERS = {"AmazonEC2": "ec2", "AmazonSageMaker": "sagemaker"}
_PLANS = {"AWSComputeSavingsPlan": "", "AWSMachineLearningSavingsPlans": "sagemaker"}
_COLUMNS = (
    "SKU", "TermType", "EffectiveDate", "Unit", "PricePerUnit", "Currency", "LeaseContractLength",
    "PurchaseOption", "OfferingClass", "Product Family", "Location Type", "Instance Type",
    "Instance Name", "Component", "vCPU", "Memory", "GPU", "Tenancy", "Operating System",
    "License Model", "usageType", "operation", "CapacityStatus", "MarketOption",
    "Pre Installed S/W", "Region Code",
)  # fmt: skip
_PLAN_COLUMNS = (
    "SKU", "Unit", "DiscountedRate", "Currency", "DiscountedSKU", "DiscountedUsageType",
    "DiscountedOperation", "PurchaseOption", "LeaseContractLength", "LeaseContractLengthUnit",
    "Product Family",
)  # fmt: skip
_CLASSES = {
    Commitment.RESERVED_INSTANCE: "standard",
    Commitment.CONVERTIBLE_RESERVED_INSTANCE: "convertible",
}
_OPTIONS = {
    PaymentOption.NO_UPFRONT: "No Upfront",
    PaymentOption.PARTIAL_UPFRONT: "Partial Upfront",
    PaymentOption.ALL_UPFRONT: "All Upfront",
}


def blueprint() -> Blueprint:
    """Return the routes."""
    made = Blueprint("aws-prices", __name__)

    @made.get("/<kind>/v1.0/aws/<code>/current/region_index.json")
    def index(kind: str, code: str) -> Response:
        path = f"/{kind}/v1.0/aws/{code}/{_VERSION}"
        key = "versionUrl" if kind == "savingsPlan" else "currentVersionUrl"
        found = [{"regionCode": r, key: f"{path}/{r}/index.json"} for r in REGIONS]
        if kind == "savingsPlan":
            return jsonify(regions=found)
        return jsonify(regions={entry["regionCode"]: entry for entry in found})

    @made.get("/<kind>/v1.0/aws/<code>/<version>/<region>/index.csv")
    def file(kind: str, code: str, version: str, region: str) -> Response:
        del kind, version
        if region not in REGIONS or code not in {**_OFFERS, **_PLANS}:
            abort(404)
        columns = _COLUMNS if code in _OFFERS else _PLAN_COLUMNS
        rows = _rows(_OFFERS[code], region) if code in _OFFERS else _plans(_PLANS[code], region)
        answer = Response(_file(code, columns, rows), mimetype="text/csv")
        answer.add_etag()
        return answer

    return made


def _rows(service: str, region: str) -> Iterator[dict[str, str]]:
    for offer in figures.offers("aws"):
        if (offer.service, offer.region) != (service, region):
            continue
        if offer.pricing_model is PricingModel.ON_DEMAND:
            price = f"{figures.hourly(offer):f}"
            yield _row(offer, price)
            if service == "ec2":
                yield _row(offer, price, SKU=_sku(offer, "WIN")) | {"Operating System": "Windows"}
                yield _row(offer, price, SKU=_sku(offer, "OUT")) | {"Location Type": "AWS Outposts"}
                yield _row(offer, "0", SKU=_sku(offer, "CB"), MarketOption="CapacityBlock")
        elif offer.commitment in _CLASSES and offer.payment_option in _OPTIONS:
            yield from _reserved(offer)


def _reserved(offer: Offer) -> Iterator[dict[str, str]]:
    terms = {
        "TermType": "Reserved",
        "LeaseContractLength": f"{offer.term_years}yr",
        "PurchaseOption": _OPTIONS[offer.payment_option or PaymentOption.NO_UPFRONT],
        "OfferingClass": _CLASSES[offer.commitment or Commitment.RESERVED_INSTANCE],
    }
    price = figures.hourly(offer)
    # How a partial payment is split no bundled list says: here, half of it.
    shares = {PaymentOption.NO_UPFRONT: Decimal(0), PaymentOption.ALL_UPFRONT: Decimal(1)}
    now = price * shares.get(offer.payment_option or PaymentOption.NO_UPFRONT, Decimal("0.5"))
    yield _row(offer, f"{price - now:f}", **terms)
    if now:
        fee = now * HOURS_PER_YEAR * (offer.term_years or 1)
        yield _row(offer, f"{fee:f}", **terms, Unit="Quantity")


def _plans(service: str, region: str) -> Iterator[dict[str, str]]:
    for offer in figures.offers("aws"):
        if (offer.service, offer.region) != (service, region):
            continue
        if offer.pricing_model is PricingModel.ON_DEMAND:
            rate = figures.hourly(offer) * figures.PLAN_SHARE
            yield {
                "SKU": "PLAN", "Unit": "Hrs", "DiscountedRate": f"{rate:f}", "Currency": "USD",
                "DiscountedSKU": _sku(offer), "DiscountedOperation": "RunInstance",
                "DiscountedUsageType": f"Host:{offer.instance_type}",
                "PurchaseOption": "No Upfront", "LeaseContractLength": "1",
                "LeaseContractLengthUnit": "year", "Product Family": "SageMakerSavingsPlans",
            }  # fmt: skip


def _row(offer: Offer, price: str, **other: str) -> dict[str, str]:
    hosting = offer.service == "sagemaker"
    return {
        "SKU": _sku(offer), "TermType": "OnDemand", "EffectiveDate": "2026-11-01", "Unit": "Hrs",
        "PricePerUnit": price, "Currency": "USD", "Location Type": "AWS Region",
        "Product Family": "ML Instance" if hosting else "Compute Instance",
        "Instance Type": f"{offer.instance_type}-Hosting" if hosting else offer.instance_type,
        "Instance Name": offer.instance_type, "Component": "Hosting" if hosting else "",
        "GPU": "1", "Tenancy": "Shared", "Operating System": "Linux",
        "License Model": "No License required", "usageType": f"BoxUsage:{offer.instance_type}",
        "operation": "RunInstances", "CapacityStatus": "Used", "MarketOption": "OnDemand",
        "Pre Installed S/W": "NA", "Region Code": offer.region,
    } | other  # fmt: skip


def _sku(offer: Offer, kind: str = "LINUX") -> str:
    return f"{offer.instance_type}.{offer.region}.{kind}".upper()


def _file(code: str, columns: tuple[str, ...], rows: Iterable[dict[str, str]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerows([
        ("FormatVersion", "v1.0"), ("Disclaimer", "Simulated: nothing here is a price"),
        ("Publication Date", "2026-11-26T00:00:00Z"), ("Version", _VERSION), ("OfferCode", code),
        columns,
    ])  # fmt: skip
    writer.writerows([row.get(column, "") for column in columns] for row in rows)
    return text.getvalue().encode()
