"""Check demands in many regions of several clouds at once."""

from __future__ import annotations

from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TYPE_CHECKING

from planner.errors import (
    AccessError,
    ExpiredCredentialsError,
    NoCredentialsError,
    PlannerError,
)
from planner.quotas.interface import QuotaAdapter, adapter
from planner.quotas.model import Demand, DemandCheck, unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

# They only wait for answers; the request rates are kept elsewhere (pacing).
_THREADS = 48


def check(
    demands: Sequence[Demand],
    *,
    progress: Callable[[str, str], None] | None = None,
    adapters: dict[str, QuotaAdapter] | None = None,
) -> list[DemandCheck]:
    """Return the check of each demand, in the order given.

    A region that cannot be read makes its demands ``unknown`` with the reason; so does a
    cloud that nobody is signed in to, while other clouds are asked about.

    Args:
        demands: What to check.
        progress: Called with (cloud, region) whenever a region is done.
        adapters: Of a running command, to share what they have read; new ones by default.

    Raises:
        AccessError: Nobody is signed in to the only cloud that is asked about.
    """
    made = adapters if adapters is not None else {}
    groups = _by_region(demands)
    clouds = {cloud for cloud, _ in groups}
    for cloud in clouds:
        made.setdefault(cloud, adapter(cloud))
    found: dict[Demand, DemandCheck] = {}
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="quota") as pool:
        waiting = {
            pool.submit(_check_region, made[cloud], region, group): (cloud, region)
            for (cloud, region), group in groups.items()
        }
        try:
            for done in as_completed(waiting):
                for result in _result_of(done.result(), only=len(clouds) == 1):
                    found[result.demand] = result
                if progress is not None:
                    progress(*waiting[done])
        except PlannerError:
            pool.shutdown(cancel_futures=True)
            raise
    return [found[demand] for demand in demands]


def _by_region(demands: Iterable[Demand]) -> dict[tuple[str, str], list[Demand]]:
    groups: defaultdict[tuple[str, str], list[Demand]] = defaultdict(list)
    for demand in dict.fromkeys(demands):
        groups[demand.cloud, demand.region].append(demand)
    return dict(groups)


def _check_region(
    cloud: QuotaAdapter, region: str, demands: list[Demand]
) -> list[DemandCheck] | tuple[list[Demand], PlannerError]:
    """Return the checks, or the error that prevents them all."""
    try:
        return cloud.check(region, demands)
    except PlannerError as error:
        return demands, error


def _result_of(
    result: list[DemandCheck] | tuple[list[Demand], PlannerError], *, only: bool
) -> list[DemandCheck]:
    if isinstance(result, list):
        return result
    demands, error = result
    if only and isinstance(error, NoCredentialsError | ExpiredCredentialsError):
        raise error
    denied = isinstance(error, AccessError)
    return [unreadable(demand, str(error), error.advice, no_access=denied) for demand in demands]
