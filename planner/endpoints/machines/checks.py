"""What preflight asks of every machine, whichever cloud rents it out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.endpoints.deploying.preflight import Finding, Status, good, short_of_quota
from planner.errors import UsageError
from planner.pricing import instance_types
from planner.quotas import checking
from planner.quotas.model import Demand, Verdict

if TYPE_CHECKING:
    from planner.endpoints.model import DeploymentSpec

PROVISIONING = "PROVISIONING_MODEL"
"""The setting that says how a machine is bought: ``STANDARD``, ``SPOT``, ..."""


def is_spot(spec: DeploymentSpec) -> bool:
    """Tell whether the machine is bought as spot."""
    return spec.container.environment[PROVISIONING] == "SPOT"


def quota(spec: DeploymentSpec) -> Finding:
    """Look whether the quotas of the machine are large enough."""
    plan = spec.plan
    item = instance_types.bundled().find(plan.service, plan.instance_type)
    if item is None:
        return Finding("quota", Status.UNKNOWN, f"no quota is known for {plan.instance_type}")
    # Where machines may be added, the quotas must have room for all of them.
    most = spec.guard.most_instances
    (result,) = checking.check(
        [Demand.of_plan(plan, item, spot=is_spot(spec), most_instances=most)]
    )
    if result.verdict is Verdict.UNKNOWN:
        return Finding("quota", Status.UNKNOWN, result.reason, result.advice)
    if result.verdict is Verdict.SHORT:
        return short_of_quota(result.reason, plan, result)
    return good("quota", result.reason or "enough")


def guard(spec: DeploymentSpec, place: str, expiry: str) -> Finding:
    """Look whether more is asked for than a single machine with an expiry.

    Args:
        spec: What is asked for.
        place: What the service is called: ``Compute Engine``.
        expiry: What guards the endpoint there.
    """
    if spec.guard.kinds or spec.plan.instances > 1:
        return Finding(
            "guard",
            Status.BAD,
            f"alarms, budgets, autoscaling and more than one machine are not set up on {place}",
            "leave --idle, --budget, --max-instances and --instances out; --max-hourly and "
            "--expires hold the cost",
            UsageError,
        )
    return good("guard", expiry)


def expiry(spec: DeploymentSpec, words: str) -> Finding:
    """Look whether the endpoint ends by itself; ``words`` say how."""
    if spec.expires_at is None:
        return Finding("expiry", Status.WARNING, "none: it costs money until someone deletes it")
    return good("expiry", words)


def disk(gb: int, kind: str, local: str) -> Finding:
    """Say which disk is ordered.

    Args:
        gb: Its size.
        kind: What the cloud calls it.
        local: The machine's own disks for the weights; empty where it has none.
    """
    more = f"; the weights go to the machine's own {local}" if local else ""
    return good("disk", f"{gb} GB of {kind} (not in the price above){more}")
