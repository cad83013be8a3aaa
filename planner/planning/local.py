"""A card the user owns, as a plan beside the clouds'."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from math import isnan
from typing import TYPE_CHECKING

from planner.errors import UsageError
from planner.planning.assembly import assemble
from planner.planning.placement import Placement, Verdict, try_on
from planner.pricing import owned
from planner.pricing.instance_types import InstanceType
from planner.pricing.offer import Offer, PricingModel, to_nano
from planner.pricing.quotes import Quote
from planner.serving import accelerators

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.plan import Plan
    from planner.planning.request import LocalCards, Request

_CARD = re.compile(r"(?:(?P<count>\d+)x\s*)?(?P<name>.+)")


def local_plans(request: Request) -> Iterator[Plan | Verdict]:
    """Return a plan for each card that can serve the model, and a verdict for the others.

    Raises:
        UnknownNameError: A card is unknown.
        UsageError: A price or the months are negative.
    """
    _check(request.local)
    for text in request.local.cards:
        item = _machine(text)
        for found in try_on(request, item, range(1, 2)):
            if isinstance(found, Placement):
                yield assemble(request, found, _quote(request.local, found))
            else:
                yield found


def _machine(text: str) -> InstanceType:
    match = _CARD.fullmatch(text.strip())
    count, name = (match["count"], match["name"]) if match else (None, text)
    card = accelerators.get(name)
    return InstanceType(
        cloud="local",
        service="local",
        instance_type=f"your own {text.strip()}",
        accelerator=card.accelerator,
        accelerator_count=int(count or 1),
        accelerator_memory_gib=card.memory_gib,
        vcpus=0,
        memory_gib=None,
        interconnect=card.interconnect,
        local_storage_gb=None,
        quota_family="",
        source=card.source,
    )


def _quote(local: LocalCards, placement: Placement) -> Quote:
    item, card = placement.instance_type, placement.accelerator
    one = owned.hourly(
        purchase_usd=local.purchase_usd,
        amortization_months=local.amortization_months,
        watts=card.tdp_w,
        usd_per_kwh=local.usd_per_kwh,
    )
    offer = None
    if one is not None:
        hourly = to_nano(one * int(item.accelerator_count))
        offer = Offer(
            cloud="local",
            service="local",
            region="",
            instance_type=item.instance_type,
            pricing_model=PricingModel.ON_DEMAND,
            commitment=None,
            term_years=None,
            payment_option=None,
            hourly_usd=hourly,
            upfront_usd=None,
            effective_hourly_usd=hourly,
            currency="USD",
            as_of=datetime.now(UTC).date(),
            source=f"your own figures: ${local.purchase_usd} a card over "
            f"{local.amortization_months} months, {card.tdp_w:g} W at ${local.usd_per_kwh}/kWh; "
            "the rest of the computer is not counted",
        )
    return Quote("local", item.instance_type, "", offer, None)


def _check(local: LocalCards) -> None:
    prices = {"--purchase-usd": local.purchase_usd, "--usd-per-kwh": local.usd_per_kwh}
    for name, value in prices.items():
        if value is not None and (isnan(value) or value < 0):
            raise UsageError(f"{name} must not be negative", why=f"it is {value}")
    if local.amortization_months <= 0:
        raise UsageError(
            "--amortize-months must be positive", why=f"it is {local.amortization_months}"
        )
