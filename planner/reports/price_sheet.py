"""A price sheet in the words of FinOps FOCUS 1.2, of every price known for the plans' places.

FOCUS specifies cost and usage; a price sheet has no usage, so it carries the columns that
describe a price. Columns of planner's own begin with ``x_``, as the specification asks. One
row is one offer of one instance type, an hour of one machine.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from planner.pricing.offer import PricingModel
from planner.reports.table import csv_text

if TYPE_CHECKING:
    from planner.plan import Plan
    from planner.pricing.offer import Offer
    from planner.reports.interface import Report

_PROVIDERS = {"aws": "AWS", "azure": "Microsoft", "gcp": "Google Cloud"}
_SERVICES = {
    "ec2": ("Amazon Elastic Compute Cloud", "Compute", "Virtual Machines"),
    "sagemaker": ("Amazon SageMaker", "AI and Machine Learning", "AI Platforms"),
    "azure-vm": ("Virtual Machines", "Compute", "Virtual Machines"),
    "gce": ("Compute Engine", "Compute", "Virtual Machines"),
}
_CATEGORIES = {
    PricingModel.ON_DEMAND: "Standard",
    PricingModel.SPOT: "Dynamic",
    PricingModel.COMMITTED: "Committed",
    PricingModel.CAPACITY_BLOCK: "Other",
    PricingModel.FLEX_START: "Other",
}
# FOCUS: Spend where money is committed to, Usage where machines are.
_COMMITMENTS = {
    "reserved_instance": ("Usage", "Reserved Instance"),
    "convertible_reserved_instance": ("Usage", "Convertible Reserved Instance"),
    "savings_plan": ("Spend", "Savings Plan"),
    "ec2_instance_savings_plan": ("Spend", "EC2 Instance Savings Plan"),
    "committed_use_discount": ("Usage", "Committed Use Discount"),
}


def render(report: Report, name: str) -> dict[str, bytes]:
    """Return the price sheet."""
    plans = {(p.service, p.region, p.instance_type): p for p in (*report.every, *report.plans)}
    rows = [_row(o, plans[o.service, o.region, o.instance_type], report) for o in report.offers]
    fields = list(rows[0]) if rows else ["ProviderName"]
    return {name: csv_text(fields, (row.values() for row in rows)).encode()}


def _row(offer: Offer, plan: Plan, report: Report) -> dict[str, Any]:
    service, category, subcategory = _SERVICES[offer.service]
    kind, label = _COMMITMENTS.get(offer.commitment or "", ("", ""))
    on_demand = offer.pricing_model is PricingModel.ON_DEMAND
    details = {
        "InstanceType": offer.instance_type,
        "GpuCount": float(plan.accelerator_count),
        "OperatingSystem": "Linux",
        "x_GpuModel": plan.accelerator,
    }
    return {
        "ProviderName": _PROVIDERS[offer.cloud],
        "PublisherName": _PROVIDERS[offer.cloud],
        "ServiceName": service,
        "ServiceCategory": category,
        "ServiceSubcategory": subcategory,
        "RegionId": offer.region,
        "SkuId": offer.sku,
        # FOCUS: only beside a SkuId.
        "SkuMeter": "Instance hour" if offer.sku else None,
        "SkuPriceDetails": json.dumps(details),
        "ChargeDescription": f"{offer.instance_type} in {offer.region}, an hour",
        "PricingCategory": _CATEGORIES[offer.pricing_model],
        "PricingQuantity": 1,
        "PricingUnit": "Hours",
        "BillingCurrency": offer.currency,
        "ListUnitPrice": offer.effective_hourly_usd if on_demand else None,
        # FOCUS has these only for a commitment that was bought and has an id.
        "x_CommitmentCategory": kind,
        "x_CommitmentType": label,
        "x_EffectiveUnitPrice": offer.effective_hourly_usd,
        "x_RecurringUnitPrice": offer.hourly_usd,
        "x_UpfrontPrice": offer.upfront_usd,
        "x_TermYears": offer.term_years,
        "x_PaymentOption": offer.payment_option,
        "x_Estimated": offer.estimated,
        "x_PriceDate": offer.stood_on,
        "x_Confidence": str(offer.confidence),
        "x_Source": offer.source,
        "x_Model": report.model.name,
        "x_MachinesNeeded": plan.instances,
    }
