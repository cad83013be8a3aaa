"""Look for room: try places in price order, in any cloud, until an endpoint has answered.

A place is a plan: a machine in a region at a price. What is short of quota, or fails its
preflight, is passed over before anything is made. The others are tried one after the other,
each rolled back before the next begins, so that two are never billed at once; ``race`` is the
exception, and has to be asked for.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING

from planner.clouds import clock
from planner.endpoints.deploying import deployment, places, race
from planner.endpoints.deploying.choices import Attempt, Observers, Result
from planner.endpoints.deploying.preflight import PreflightError, quota_request, require
from planner.endpoints.interface import Pace, adapter
from planner.errors import (
    CapacityError,
    PlannerError,
    QuotaShortError,
    UsageError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import timedelta

    from planner.endpoints.deploying.choices import Options, Outcome, Prepared
    from planner.endpoints.deploying.interruption import Interruption
    from planner.ledger import Ledger
    from planner.plan import Plan
    from planner.quotas.model import DemandCheck

    Verdicts = dict[tuple[str, str, str, int], DemandCheck]

_LOOKS_PER_TRY = 4
_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Limits:
    """How far the hunt goes.

    Attributes:
        tries: How many places it may try, the cheapest with room in the quota.
        keep_trying: Begin again for so long when none has room.
        race: How many are started at once; the first to answer stays.
    """

    tries: int = 5
    keep_trying: timedelta | None = None
    race: int = 1


@dataclass(frozen=True, slots=True)
class Survey:
    """What is known before anything is made.

    Attributes:
        ready: The places that will be tried, in this order.
        passed_over: Those that will not be, and why.
    """

    ready: tuple[Prepared, ...]
    passed_over: tuple[Attempt, ...] = ()

    def most_hourly_usd(self, race: int = 1) -> Decimal:
        """Return the most that may be billed an hour, with so many running at once."""
        prices = [item.spec.plan.hourly_usd or Decimal(0) for item in self.ready]
        return sum(sorted(prices, reverse=True)[:race], Decimal(0))


class NowhereError(CapacityError):
    """No place would do; the exit code is that of what stands in the way of the first."""

    def __init__(self, attempts: Sequence[Attempt], model: str) -> None:
        self.attempts = tuple(attempts)
        tried = [item for item in attempts if item.result is not Result.PASSED_OVER]
        kinds = [item.error.exit_code for item in tried or attempts]
        self.exit_code = kinds[0] if kinds else CapacityError.exit_code
        passed = len(attempts) - len(tried)
        also = f" ({passed} more passed over)" if passed and tried else ""
        what = (
            f"no room in {_places(len(tried))} tried{also}"
            if tried
            else f"{_places(passed)} looked at, none can be deployed to now; nothing was made"
        )
        advice = (
            f"planner deploy {model} --to cheapest --keep-trying 6h"
            if tried
            else next((item.error.advice for item in attempts if item.error.advice), "")
        )
        super().__init__(
            what, why="\n".join(_line(item) for item in (tried or attempts)[:_SHOWN]), advice=advice
        )


def survey(
    plans: Sequence[Plan],
    options: Options,
    verdicts: Verdicts,
    limits: Limits,
    *,
    may_create_roles: bool,
) -> Survey:
    """Look at the places, cheapest first, until enough can be tried; nothing is made.

    Args:
        plans: In price order.
        options: What the user chose beside them.
        verdicts: Their quotas, as ``planner.quotas.verdicts`` returns them.
        limits: How far to go.
        may_create_roles: Whether missing identities stand in the way.

    Raises:
        PreflightError: Something is missing that is missing everywhere, such as a token.
    """
    queue, passed_over = by_quota(plans, verdicts)
    ready: list[Prepared] = []
    looks = iter(islice(queue, limits.tries * _LOOKS_PER_TRY))
    with ThreadPoolExecutor(limits.tries, thread_name_prefix="survey") as pool:
        while batch := list(islice(looks, limits.tries - len(ready))):
            looked = pool.map(
                lambda plan: _look(plan, options, may_create_roles=may_create_roles), batch
            )
            for item in looked:
                if isinstance(item, Attempt):
                    passed_over.append(item)
                else:
                    ready.append(item)
    return Survey(tuple(ready), tuple(passed_over))


def by_quota(plans: Sequence[Plan], verdicts: Verdicts) -> tuple[list[Plan], list[Attempt]]:
    """Return the plans to try, and those whose quota is known to be too small.

    Where the quota is not known a try tells; those come after all that have room for certain.
    """
    enough, unknown, short = [], [], []
    for plan in plans:
        check = verdicts.get((plan.service, plan.instance_type, plan.region, plan.instances))
        if check is None or (check.verdict == "unknown" and not check.closed):
            unknown.append(plan)
        elif check.deployable:
            enough.append(plan)
        else:
            short.append(_passed_over(plan, _short_of_quota(plan, check)))
    return [*enough, *unknown], short


def run(
    found: Survey,
    ledger: Ledger,
    interruption: Interruption,
    *,
    options: Options,
    limits: Limits,
    observers: Observers | None = None,
) -> Outcome:
    """Deploy in the first place that has room.

    Raises:
        NowhereError: None has.
        PlannerError: It failed for a reason that is not the place's; all is rolled back.
    """
    seen = observers or Observers()
    attempts: list[Attempt] = list(found.passed_over)
    fresh = iter(found.ready[:1])

    def try_one(prepared: Prepared) -> Outcome:
        plan, made = prepared.spec.plan, adapter(prepared.spec.plan.service)
        # What was found out, and the expiry, are of the time of the survey.
        now = next(fresh, None) or _prepare(plan, options, ledger)
        return deployment.deploy(now, made, ledger, interruption, options=options, observers=seen)

    def one_round() -> Outcome:
        failed: list[Attempt] = []
        try:
            if limits.race > 1:
                return race.run(
                    found.ready, interruption, failed, options=options, most=limits.race, seen=seen
                )
            return places.in_turn(found.ready, try_one, interruption.check, seen.attempt, failed)
        finally:
            # Of many rounds the last one tells how things are.
            attempts[len(found.passed_over) :] = failed

    if not found.ready:
        raise NowhereError(attempts, options.name)
    try:
        outcome = _repeatedly(one_round, limits.keep_trying, interruption, seen)
    except CapacityError as error:
        raise NowhereError(attempts, found.ready[0].spec.plan.model) from error
    return replace(outcome, attempts=tuple(attempts))


def _repeatedly(
    one_round: Callable[[], Outcome],
    keep_trying: timedelta | None,
    interruption: Interruption,
    seen: Observers,
) -> Outcome:
    if keep_trying is None:
        return one_round()
    from tenacity import (
        RetryCallState,
        Retrying,
        retry_if_exception_type,
        wait_random_exponential,
    )

    def told(state: RetryCallState) -> None:
        seen.waiting(state.upcoming_sleep)

    def too_late(state: RetryCallState) -> bool:
        return clock.monotonic() + state.upcoming_sleep > until

    pace = Pace.current()
    until = clock.monotonic() + keep_trying.total_seconds()
    return Retrying(
        retry=retry_if_exception_type(CapacityError),
        stop=too_late,
        wait=wait_random_exponential(multiplier=2 * pace.round_s, min=pace.round_s, max=900),
        sleep=interruption.pause,
        before_sleep=told,
        reraise=True,
    )(one_round)


def _look(plan: Plan, options: Options, *, may_create_roles: bool) -> Prepared | Attempt:
    from planner.ledger import Ledger

    started = time.monotonic()
    try:
        with Ledger() as own:
            prepared = _prepare(plan, options, own, may_create_roles=may_create_roles)
        _refuse_second(prepared)
        require(prepared.findings)
    except (UsageError, *places.PLACES_OWN) as error:
        if isinstance(error, PreflightError) and not places.is_places_own(error):
            raise
        return _passed_over(plan, error, time.monotonic() - started)
    return prepared


def _refuse_second(prepared: Prepared) -> None:
    there = prepared.existing
    if there is not None and there.billed:
        raise UsageError(
            f"{there.name} is in {there.region} already",
            why=f"{there.state}, {there.instance_type}",
            advice=f"planner deploy {prepared.spec.plan.model} --to {there.service} "
            f"--region {there.region} to keep it, or another --name",
        )


def _prepare(
    plan: Plan, options: Options, ledger: Ledger, *, may_create_roles: bool = True
) -> Prepared:
    made = adapter(plan.service)
    return deployment.prepare(plan, options, made, ledger, may_create_roles=may_create_roles)


def _passed_over(plan: Plan, error: PlannerError, seconds: float = 0) -> Attempt:
    return Attempt(plan, error, Result.PASSED_OVER, seconds)


def _short_of_quota(plan: Plan, check: DemandCheck) -> QuotaShortError:
    advice = "" if check.closed else quota_request(plan, check.demand)
    return QuotaShortError(check.reason, advice=advice)


def _line(attempt: Attempt) -> str:
    return f"{attempt.plan.instance_type} in {attempt.plan.region}: {places.reason(attempt)}"


def _places(count: int) -> str:
    return f"{count} place{'' if count == 1 else 's'}"
