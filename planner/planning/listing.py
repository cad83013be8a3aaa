"""Price offers as records, with what their instance types hold."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from planner.errors import NotFoundError
from planner.planning.availability import nothing_priced
from planner.planning.request import check_as_of, check_names
from planner.pricing import regions as known_regions
from planner.pricing import steps
from planner.pricing.catalog import Catalog, Query
from planner.serving import accelerators as cards

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date


def list_offers(
    catalog: Catalog | None = None,
    *,
    geo: str = "all",
    regions: Sequence[str] = (),
    accelerators: Sequence[str] = (),
    instance_types: Sequence[str] = (),
    clouds: Sequence[str] = (),
    pricing_models: Sequence[str] = (),
    commitments: Sequence[str] = (),
    term_years: Sequence[str | int] = (),
    as_of: date | None = None,
    limit: int | None = None,
) -> list[dict[str, Any]]:
    """Return the offers that match, cheapest first, as records.

    Each has the fields of ``Offer`` and the instance type's ``accelerator``,
    ``accelerator_count`` and ``accelerator_memory_gib``. ``as_of`` is None where the source
    states no date. Asked for a past day, ``later_usd`` and ``later_as_of`` say at what price
    the next list has the same thing, where it moved.

    Raises:
        UnknownNameError: A filter names something planner does not know.
        NotFoundError: Nothing matches.
    """
    catalog = catalog or Catalog()
    query = to_query(
        catalog,
        geo=geo,
        regions=regions,
        accelerators=accelerators,
        instance_types=instance_types,
        clouds=clouds,
        pricing_models=pricing_models,
        commitments=commitments,
        term_years=term_years,
        as_of=as_of,
        limit=limit,
    )
    records = []
    offers = catalog.offers(query)
    later = {step.before.key: step for step in steps.pending(catalog, offers, as_of)}
    for offer in offers:
        item = catalog.instance_types.find(offer.service, offer.instance_type)
        record = asdict(offer)
        record["as_of"] = offer.stood_on
        step = later.get(offer.key)
        record["later_usd"] = step.after.effective_hourly_usd if step else None
        record["later_as_of"] = step.after.as_of if step else None
        record["step"] = str(step) if step else ""
        record["accelerator"] = item.accelerator if item else None
        record["accelerator_count"] = item.accelerator_count if item else None
        record["accelerator_memory_gib"] = item.accelerator_memory_gib if item else None
        records.append(record)
    if not records and instance_types:
        raise nothing_priced(catalog, instance_types, as_of)
    if not records:
        raise NotFoundError("no price matches", advice="planner prices --geo all, fewer filters")
    return records


def to_query(
    catalog: Catalog,
    *,
    geo: str = "all",
    regions: Sequence[str] = (),
    accelerators: Sequence[str] = (),
    instance_types: Sequence[str] = (),
    clouds: Sequence[str] = (),
    pricing_models: Sequence[str] = (),
    commitments: Sequence[str] = (),
    term_years: Sequence[str | int] = (),
    as_of: date | None = None,
    limit: int | None = None,
) -> Query:
    """Turn filters as people name them into a query of the catalog.

    Raises:
        UnknownNameError: A filter names something planner does not know.
        NotFoundError: No instance type passes both filters.
    """
    check_as_of(as_of)
    check_names("region", regions, known_regions.all_regions())
    types = _wanted_types(catalog, accelerators, instance_types)
    if not types:
        raise NotFoundError("no price matches", advice="planner prices --geo all, fewer filters")
    return Query(
        as_of=as_of,
        clouds=tuple(clouds),
        regions=tuple(regions) or known_regions.in_geo(geo),
        instance_types=tuple(sorted(types)) if accelerators or instance_types else (),
        pricing_models=tuple(pricing_models),
        commitments=tuple(commitments),
        term_years=tuple(int(years) for years in term_years),
        limit=limit,
    )


def _wanted_types(
    catalog: Catalog, accelerators: Sequence[str], instance_types: Sequence[str]
) -> set[str]:
    """Return the names of the instance types that both filters leave."""
    named = {catalog.instance_types.get(name).instance_type for name in instance_types}
    cards.check_sold(accelerators, {item.accelerator for item in catalog.instance_types})
    return {
        item.instance_type
        for item in catalog.instance_types
        if (not named or item.instance_type in named)
        and (not accelerators or any(cards.matches(w, item.accelerator) for w in accelerators))
    }
