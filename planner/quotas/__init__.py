"""Quotas: check, request, and follow to the end, on three clouds.

``model`` has the words (what a demand needs, what a cloud says, the verdict), ``catalogue``
the names of the quotas, ``outcome`` how a request ended; these are pure. ``interface`` is
what a cloud's adapter offers (``aws``, ``azure``, ``gcp``). ``checking`` asks many regions at
once, ``tracker`` files and follows requests, ``planning`` looks for the shortest way to a
running endpoint.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from planner.plan import Plan
    from planner.quotas.model import DemandCheck


def verdicts(
    plans: Iterable[Plan],
    *,
    spot: bool = False,
    progress: Callable[[str, str], None] | None = None,
) -> dict[tuple[str, str, str, int], DemandCheck]:
    """Check the quotas of plans, all regions and clouds at once.

    Returns:
        The check by (service, instance type, region, instances): what tells plans apart as
        far as quotas go. A plan outside the clouds has none.
    """
    from planner.quotas import checking, demands

    asked = demands.of_plans(plans, spot=spot)
    return {
        (c.demand.service, c.demand.instance_type, c.demand.region, c.demand.instances): c
        for c in checking.check(list(asked), progress=progress)
    }
