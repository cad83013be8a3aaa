"""Everything that would make a deploy fail, found before it starts: all at once.

Each check says what it found and, where it is not good, what to type. A check that cannot
find out says so; unknown is not taken for good nor for bad.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from planner.errors import (
    AccessError,
    CapacityError,
    PlannerError,
    QuotaShortError,
    UsageError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from planner.plan import Plan
    from planner.quotas.model import Demand, DemandCheck

_THREADS = 12


class Status(StrEnum):
    """What a check found."""

    GOOD = "good"
    WARNING = "warning"
    UNKNOWN = "unknown"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found.

    Attributes:
        remedy: What to type; empty where all is good.
        error: The kind of error it would become, which decides the exit code.
        shortage: The quotas that are too small, where more can be asked for.
    """

    check: str
    status: Status
    text: str
    remedy: str = ""
    error: type[PlannerError] = PlannerError
    shortage: DemandCheck | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """One thing to look at.

    Attributes:
        name: Short: ``quota``, ``licence``, ...
        look: Looks, and returns what it found.
    """

    name: str
    look: Callable[[], Finding]


class PreflightError(PlannerError):
    """Something stands in the way; nothing was made."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)
        bad = [item for item in findings if item.status is Status.BAD]
        self.exit_code = _worst(bad).exit_code
        lines = [f"{item.check}: {item.text}" for item in bad]
        super().__init__(
            f"{len(bad)} thing{'s' if len(bad) > 1 else ''} to put right before this can be "
            "deployed; nothing was made",
            why="\n".join(lines),
            advice="\n       ".join(dict.fromkeys(item.remedy for item in bad if item.remedy)),
        )


def run(checks: Sequence[Check]) -> list[Finding]:
    """Run the checks at the same time and return what they found, in their order."""
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="preflight") as pool:
        return list(pool.map(_look, checks))


def require(findings: Sequence[Finding]) -> None:
    """Raise if anything stands in the way.

    Raises:
        PreflightError: With everything that does.
    """
    if any(item.status is Status.BAD for item in findings):
        raise PreflightError(findings)


def good(check: str, text: str) -> Finding:
    """Return a finding that all is well."""
    return Finding(check, Status.GOOD, text)


def quota_request(plan: Plan, demand: Demand) -> str:
    """Return the command that asks for the quota of a plan."""
    spot = " --spot" if demand.spot else ""
    return (
        f"planner quota request {plan.model} --instance-type {plan.instance_type} "
        f"--region {plan.region} --instances {demand.largest}{spot}"
    )


def short_of_quota(text: str, plan: Plan, result: DemandCheck) -> Finding:
    """Return the finding that the quotas of a plan are too small, with what to ask for."""
    return Finding(
        "quota",
        Status.BAD,
        text,
        quota_request(plan, result.demand),
        QuotaShortError,
        shortage=result,
    )


def _look(check: Check) -> Finding:
    try:
        return check.look()
    except AccessError as error:
        return Finding(check.name, Status.BAD, _text(error), error.advice, type(error))
    except PlannerError as error:
        return Finding(check.name, Status.UNKNOWN, _text(error), error.advice, type(error))


def _text(error: PlannerError) -> str:
    first = error.why.splitlines()[0] if error.why else ""
    return f"{error} ({first})" if first else str(error)


def _worst(bad: Sequence[Finding]) -> type[PlannerError]:
    """Return the kind that a user must deal with first."""
    for kind in (AccessError, UsageError, QuotaShortError, CapacityError):
        for item in bad:
            if issubclass(item.error, kind):
                return item.error
    return bad[0].error if bad else PlannerError
