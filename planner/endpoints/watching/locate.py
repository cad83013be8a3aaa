"""Find endpoints: where the ledger says first, in every region where it does not know.

The clouds' tags are the truth; the ledger only says where to look first.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from planner.clouds import settings
from planner.endpoints.interface import SERVICES, adapter
from planner.endpoints.model import Endpoint, State
from planner.errors import (
    AccessError,
    CloudError,
    NotEnabledError,
    NotFoundError,
    PlannerError,
    UnknownNameError,
    UsageError,
)
from planner.pricing import regions as known_regions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from planner.endpoints.interface import EndpointAdapter
    from planner.ledger import Ledger

_THREADS = 16
_LOCAL = "local"
_CLOUDS = (_LOCAL, "aws", "azure", "gcp")
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Found:
    """Endpoints, and the regions that could not be looked at.

    Attributes:
        failures: Regions, or services where not even the regions are known, and why.
    """

    endpoints: tuple[Endpoint, ...]
    failures: tuple[tuple[str, PlannerError], ...] = ()


def now(service: str) -> datetime:
    """Return what time it is where a service's endpoints are, UTC; here it is the real one."""
    return datetime.now(UTC) if service == _LOCAL else settings.now()


def all_endpoints(
    ledger: Ledger, *, regions: Sequence[str] = (), everywhere: bool = False
) -> Found:
    """Return planner's endpoints on all services that it can deploy to.

    Args:
        ledger: Says where planner made something.
        regions: Look in these.
        everywhere: Look in every region of the account.

    Raises:
        AccessError: Nothing could be looked at for want of access.
    """
    places: list[tuple[EndpointAdapter, str]] = []
    found: list[Endpoint] = []
    failures: list[tuple[str, PlannerError]] = []
    for service in SERVICES:
        made = adapter(service)
        # This machine is looked at in any case: it costs nothing and needs no ledger.
        complete = everywhere or made.cloud == "local"
        try:
            look_in = regions or (made.regions() if complete else _known_regions(ledger, service))
        except PlannerError as unreachable:
            failures.append((service, unreachable))
            continue
        places += [(made, region) for region in look_in if _may_have(made.cloud, region)]
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="status") as pool:
        answers = pool.map(lambda place: _look(lambda: _in(*place)), places)
        seen = False
        for (made, region), answer in zip(places, answers, strict=True):
            if isinstance(answer, PlannerError):
                failures.append((region, answer))
            else:
                found += answer
                seen = seen or made.cloud != _LOCAL
    # Who has an account with one cloud alone is shown what is there, and what was not looked at.
    denied = [error for _, error in failures if _is_denied(error)]
    if denied and not found and not seen:
        raise denied[0]
    return Found(tuple(found), tuple(failures))


def _is_denied(error: PlannerError) -> bool:
    return isinstance(error, AccessError) and not isinstance(error, NotEnabledError)


def one(name: str, ledger: Ledger, *, region: str = "") -> Endpoint:
    """Return the endpoint of that name.

    Raises:
        NotFoundError: There is none.
        UnknownNameError: There is none, and no region of that name is known.
        UsageError: There are several, in different regions.
        PlannerError: It could not be looked for.
    """
    try:
        return _one(name, ledger, region)
    except (CloudError, NotFoundError) as error:
        # Looked first: a region may be newer than the list, and an endpoint there cost money.
        known = [each for cloud in _CLOUDS for each in _regions(cloud)]
        if region and region not in known:
            raise UnknownNameError("region", region, known, advice="planner regions") from error
        raise


def _one(name: str, ledger: Ledger, region: str) -> Endpoint:
    no_access: list[PlannerError] = []
    for service in SERVICES:
        made = adapter(service)
        likely = [region] if region else _regions_of(name, ledger)
        likely = [item for item in likely if _may_have(made.cloud, item)]
        try:
            found = _find(name, made, likely)
            if not found and not region:
                found = _find(name, made, [r for r in made.regions() if r not in likely])
        except AccessError as error:
            # Who uses one cloud need not be signed in to the others.
            no_access.append(error)
            continue
        living = [item for item in found if item.state is not State.LEFTOVER] or found
        if len(living) > 1:
            where = ", ".join(item.region for item in living)
            raise UsageError(
                f"there are several endpoints called {name}",
                why=f"in {where}",
                advice=f"--region {living[0].region}",
            )
        if living:
            return living[0]
    if len(no_access) == len(SERVICES) - 1:
        raise no_access[0]  # every cloud; this machine always answers
    raise NotFoundError(
        f"there is no endpoint {name}" + (f" in {region}" if region else " in any region"),
        advice="planner status --all-regions",
    )


def _find(name: str, made: EndpointAdapter, regions: Iterable[str]) -> list[Endpoint]:
    regions = list(regions)
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="find") as pool:
        answers = list(pool.map(lambda r: _look(lambda: [made.find(name, r)]), regions))
    errors = [answer for answer in answers if isinstance(answer, PlannerError)]
    found = [item for answer in answers if isinstance(answer, list) for item in answer if item]
    if errors and len(errors) == len(regions):
        raise errors[0]
    return found


def _in(made: EndpointAdapter, region: str) -> list[Endpoint]:
    return [_with_guard(made, _with_use(made, item)) for item in made.endpoints(region)]


def _with_use(made: EndpointAdapter, endpoint: Endpoint) -> Endpoint:
    """Add when it was last used; an endpoint is shown also where that cannot be read."""
    try:
        return made.with_use(endpoint)
    except PlannerError as error:
        return replace(endpoint, problem=endpoint.problem or str(error))


def _with_guard(made: EndpointAdapter, endpoint: Endpoint) -> Endpoint:
    """Add whether what ends it is there and may act; that it is not is a problem to show."""
    if not endpoint.guarded or not endpoint.billed:
        return endpoint
    try:
        proof = made.guard(endpoint)
    except PlannerError as error:
        return replace(endpoint, problem=endpoint.problem or str(error))
    problem = "" if proof.holds else f"its end is ordered, but would not happen: {proof.why}"
    return replace(endpoint, guard=proof, guarded=proof.holds, problem=endpoint.problem or problem)


def _look(look: Callable[[], list[_T]]) -> list[_T] | PlannerError:
    try:
        return look()
    except PlannerError as error:
        return error


def _may_have(cloud: str, region: str) -> bool:
    """Tell whether a region may be one of a cloud's: it is not known to be another's alone."""
    others = [item for item in _CLOUDS if item != cloud]
    return region in _regions(cloud) or not any(region in _regions(item) for item in others)


def _regions(cloud: str) -> tuple[str, ...]:
    return (_LOCAL,) if cloud == _LOCAL else known_regions.of_cloud(cloud)


def _known_regions(ledger: Ledger, service: str) -> list[str]:
    kinds = f"{service}:"
    return sorted({r.region for r in ledger.resources() if r.kind.startswith(kinds)})


def _regions_of(name: str, ledger: Ledger) -> list[str]:
    return sorted({resource.region for resource in ledger.resources(endpoint=name)})
