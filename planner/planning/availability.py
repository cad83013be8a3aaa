"""Which machines can be had, and what to tell of those that not everyone gets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.errors import NotFoundError
from planner.pricing import lifecycle
from planner.pricing.catalog import Query
from planner.pricing.lifecycle import Stage
from planner.pricing.offer import PricingModel

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

    from planner.planning.placement import Placement
    from planner.pricing.catalog import Catalog
    from planner.pricing.instance_types import InstanceType

_FEW = 4


def still_sold(
    placements: Sequence[Placement], as_of: date
) -> tuple[list[Placement], tuple[str, ...]]:
    """Return the placements on machines that are sold on a day, and a note on the others."""
    sold, gone = [], {}
    for placement in placements:
        item = placement.instance_type
        stage = lifecycle.of(item.service, item.instance_type)
        if stage.is_retired(as_of):
            gone[item.instance_type] = f"{item.instance_type} ({stage.since or 'no date known'})"
        else:
            sold.append(placement)
    names = [gone[name] for name in sorted(gone)]
    if not names:
        return sold, ()
    more = f" and {len(names) - _FEW} more" if len(names) > _FEW else ""
    return sold, (f"Left out, retired by their cloud: {', '.join(names[:_FEW])}{more}.",)


def warnings(item: InstanceType) -> tuple[str, ...]:
    """Return what a user must know who wants this machine; nothing where anyone gets it."""
    stage = lifecycle.of(item.service, item.instance_type)
    if stage.stage in (Stage.AVAILABLE, Stage.RETIRED):
        return ()
    return (f"{stage.words}: {stage.note}" if stage.note else stage.words,)


def nothing_priced(catalog: Catalog, names: Iterable[str], as_of: date | None) -> NotFoundError:
    """Return why no price is shown for instance types that planner knows.

    Args:
        catalog: Where another way of paying, or another place, may have a price.
        names: The instance types asked for.
        as_of: The day asked for.
    """
    said, advice = [], "planner prices --geo all, fewer filters"
    for name in names:
        item = catalog.instance_types.get(name)
        stage = lifecycle.of(item.service, item.instance_type)
        offers = catalog.offers(Query(as_of=as_of, instance_types=(item.instance_type,)))
        ways = sorted({str(offer.pricing_model) for offer in offers})
        where = sorted({offer.region for offer in offers})
        facts = [stage.words, stage.note]
        if ways:
            facts.append(f"priced by {', '.join(ways)} in {', '.join(where[:_FEW])}")
            advice = f"planner prices --instance-type {item.instance_type} --geo all"
            if len(ways) == 1 and ways[0] != PricingModel.ON_DEMAND:
                advice += f" --pricing-model {ways[0]}"
        else:
            facts.append("it exists, and no list that planner has prices it")
            advice = f"planner refresh --cloud {item.cloud}"
        said.append(f"{item.instance_type}: {'; '.join(fact for fact in facts if fact)}")
    return NotFoundError("no price matches", why="\n".join(said), advice=advice)
