"""Every bundled price stands in the catalog on its day, and none is that of another system."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from statistics import median
from typing import TYPE_CHECKING

import pytest

from planner.pricing import lifecycle
from planner.pricing.catalog import Catalog, Query

if TYPE_CHECKING:
    from collections.abc import Mapping

_KEY = ("cloud", "service", "region", "instance_type", "pricing_model", "commitment",
        "term_years", "payment_option")  # fmt: skip
# A Windows licence of a machine costs a fixed sum by vCPU, 0.046 USD an hour on both clouds that
# sell it so; a price that is dearer than its neighbours by that much is suspect.
_WINDOWS_PER_VCPU = Decimal("0.046")
_NEAR = Decimal("0.004")


@pytest.mark.long
def test_every_dated_price_is_what_the_catalog_says_on_its_day(
    published_prices: list[dict[str, str]],
) -> None:
    """Two years of lists, to the cent and beyond, as a user asks for them."""
    by_day: dict[str, list[Mapping[str, str]]] = defaultdict(list)
    for row in published_prices:
        if row["dated"]:
            by_day[row["as_of"]].append(row)
    catalog = Catalog()
    wrong = []
    for day, rows in by_day.items():
        from datetime import date

        offers = catalog.offers(Query(as_of=date.fromisoformat(day)))
        known = {
            tuple("" if (v := getattr(o, name)) is None else str(v) for name in _KEY): o
            for o in offers
        }
        for row in rows:
            found = known.get(tuple(row[name] for name in _KEY))
            if found is None or found.effective_hourly_usd != Decimal(row["usd"]):
                wrong.append((day, row["instance_type"], row["region"], row["usd"], found))
    assert wrong == []


def test_no_on_demand_price_is_dearer_elsewhere_by_a_windows_licence() -> None:
    """Held within one cloud and day: the surcharge of a licence is the same in every region.

    A region is dearer by a factor, which moves all machines in it; a licence by a sum, which
    moves one machine. So the price of a machine is held against those of its own family there.
    """
    catalog = Catalog()
    suspects = []
    for cloud in ("aws", "azure"):
        offers = catalog.offers(Query(clouds=(cloud,), pricing_models=("on_demand",)))
        prices = {(o.service, o.instance_type, o.region): o for o in offers}
        ratios: dict[tuple[str, str], dict[str, Decimal]] = defaultdict(dict)
        cheapest: dict[tuple[str, str], Decimal] = {}
        for (service, name, _), offer in prices.items():
            have = cheapest.get((service, name))
            usd = offer.effective_hourly_usd
            cheapest[service, name] = usd if have is None else min(have, usd)
        for (service, name, region), offer in prices.items():
            ratios[service, region][name] = offer.effective_hourly_usd / cheapest[service, name]
        for (service, region), by_name in ratios.items():
            usual = median(by_name.values())
            for name, ratio in by_name.items():
                item = catalog.instance_types.find(service, name)
                assert item is not None
                extra = prices[service, name, region].effective_hourly_usd
                extra -= cheapest[service, name] * usual
                licence = item.vcpus * _WINDOWS_PER_VCPU
                if ratio > usual and abs(extra - licence) < licence * _NEAR:
                    suspects.append((region, name, extra))
    assert suspects == []


def test_the_confidential_h100_costs_what_linux_costs_where_that_is_known() -> None:
    name = "Standard_NCC40ads_H100_v5"
    offers = Catalog().offers(Query(instance_types=(name,), pricing_models=("on_demand",)))
    assert {(o.region, str(o.effective_hourly_usd)) for o in offers} == {
        ("westeurope", "8.900000000")
    }


@pytest.mark.long
def test_every_card_that_is_priced_can_be_had_or_says_how() -> None:
    catalog = Catalog()
    by_hour = {
        (o.service, o.instance_type)
        for o in catalog.offers(Query(pricing_models=("on_demand", "spot")))
    }
    for offer in catalog.offers():
        if (offer.service, offer.instance_type) not in by_hour:
            stage = lifecycle.of(offer.service, offer.instance_type)
            dated = catalog.history(Query(instance_types=(offer.instance_type,)))
            assert stage.words or len(dated) > 1, offer.instance_type
