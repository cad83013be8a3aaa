"""What a plan says for itself: whether it fits, what it costs, what several machines come to."""

from __future__ import annotations

import shutil
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from planner.endpoints.deploying import preflight
from planner.errors import UsageError
from planner.serving import suitability

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from planner.endpoints.deploying.preflight import Finding
    from planner.endpoints.ingress import Access
    from planner.endpoints.model import DeploymentSpec
    from planner.plan import Plan


def reservation(spec: DeploymentSpec, *, taken: bool) -> None:
    """Refuse a reservation where planner cannot use one.

    Args:
        spec: The deployment.
        taken: Whether its service takes reservations.

    Raises:
        UsageError: The service, or how the machine is bought, goes without.
    """
    if not spec.reservation:
        return
    if not taken:
        raise UsageError(
            f"planner deploys onto no reservation on {spec.plan.service} yet",
            advice="--to ec2, gce, azure-vm or sagemaker, or leave --reservation out",
        )
    if spec.plan.pricing_model == "spot":
        raise UsageError("a reservation holds no spot machine", advice="leave --spot out")


def ingress(spec: DeploymentSpec, access_modes: Collection[Access]) -> None:
    """Refuse a way in that a service does not have.

    Args:
        spec: The deployment.
        access_modes: What the service has.

    Raises:
        UsageError: It has another.
    """
    chosen, service = spec.ingress, spec.plan.service
    if not chosen.is_open:
        return
    if chosen.access not in access_modes:
        others = " or ".join(f"--access {way}" for way in access_modes)
        raise UsageError(
            f"{service} has no --access {chosen.access}",
            why="" if others else "its endpoints have addresses of their own: planner url",
            advice=others or "leave --access out",
        )
    if chosen.security_groups and service != "ec2":
        raise UsageError(
            f"{chosen.security_groups[0]} is a security group of EC2, and this is {service}",
            advice="--allow 203.0.113.0/24",
        )


def tunnel(programs: Mapping[str, str], *, wait: bool) -> Finding:
    """Look whether this computer can ask the endpoint, before it has cost half an hour.

    Args:
        programs: That open the way there, each with where to get it.
        wait: Whether the deploy waits for the first answer, and takes all back without one.
    """
    missing = {name: where for name, where in programs.items() if shutil.which(name) is None}
    if not missing:
        return preflight.good("tunnel", f"through {', '.join(programs)}")
    why = "so it could not prove that it answers" if wait else "so nobody here can ask it"
    text = f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not installed, {why}"
    status = preflight.Status.BAD if wait else preflight.Status.WARNING
    return preflight.Finding("tunnel", status, text, "; ".join(missing.values()), UsageError)


def fit(spec: DeploymentSpec) -> Finding:
    """Look whether the plan fits and its KV cache holds a request."""
    plan = spec.plan
    if not plan.fits:
        return preflight.Finding(
            "fit", preflight.Status.BAD, plan.fit_reason, f"planner fit {plan.model}", UsageError
        )
    held = plan.kv_cache_tokens_low
    if held < spec.context:
        return preflight.Finding(
            "fit",
            preflight.Status.BAD,
            f"the KV cache may hold {held:,} tokens only, a request may have {spec.context:,}",
            f"--context {held}",
            UsageError,
        )
    return preflight.good(
        "fit",
        f"{plan.precision}; the KV cache of each copy holds {held:,} to "
        f"{plan.kv_cache_tokens_high:,} tokens",
    )


def machine(spec: DeploymentSpec) -> Finding:
    """Look whether the engine can be set up on the machine at all."""
    plan = spec.plan
    asked = suitability.Machine(
        plan.service, plan.instance_type, plan.accelerator, float(plan.accelerator_count)
    )
    found = suitability.obstacle(asked, spec.container.engine)
    if found is None:
        return preflight.good("machine", f"{plan.instance_type} suits {spec.container.engine}")
    return preflight.Finding(
        "machine",
        preflight.Status.BAD,
        f"{plan.instance_type} is not set up: {found.why}",
        f"another --instance-type: planner compare {plan.model} --cloud {plan.cloud}",
        UsageError,
    )


def price(spec: DeploymentSpec, ceiling: Decimal | None) -> Finding:
    """Look whether the price is known and under the ceiling."""
    price = spec.plan.hourly_usd
    if price is None:
        return preflight.Finding(
            "price",
            preflight.Status.BAD,
            f"no {words(spec.plan)} price of {spec.plan.instance_type} in {spec.region} is known",
            "planner refresh, or another --region",
            UsageError,
        )
    if ceiling is not None and price > ceiling:
        return preflight.Finding(
            "price",
            preflight.Status.BAD,
            f"${price:.2f} an hour is above the ceiling of ${ceiling:.2f}",
            "a higher --max-hourly, or --precision int4",
            UsageError,
        )
    return preflight.good("price", f"${price:.2f} an hour, {words(spec.plan)}")


def words(plan: Plan) -> str:
    """Return how the machines are bought, in words: ``on-demand`` or ``spot``."""
    return plan.pricing_model.replace("_", "-")


def times_instances(plan: Plan, instances: int) -> Plan:
    """Return the plan for so many copies of its machine; each serves the whole model."""
    if instances == 1:
        return plan
    many = Decimal(instances)

    def times(amount: Decimal | None) -> Decimal | None:
        return None if amount is None else amount * many

    def speed(amount: float | None) -> float | None:
        return None if amount is None else amount * instances

    requests = plan.concurrent_requests

    return replace(
        plan,
        instances=plan.instances * instances,
        on_demand_hourly_usd=times(plan.on_demand_hourly_usd),
        spot_hourly_usd=times(plan.spot_hourly_usd),
        on_demand_monthly_usd=times(plan.on_demand_monthly_usd),
        committed_1y_hourly_usd=times(plan.committed_1y_hourly_usd),
        committed_1y_monthly_usd=times(plan.committed_1y_monthly_usd),
        committed_1y_upfront_usd=times(plan.committed_1y_upfront_usd),
        committed_1y_due_now_usd=times(plan.committed_1y_due_now_usd),
        capacity_requests_per_second=speed(plan.capacity_requests_per_second),
        concurrent_requests=None if requests is None else requests * instances,
        tokens_per_second=speed(plan.tokens_per_second),
        tokens_per_second_low=speed(plan.tokens_per_second_low),
        tokens_per_second_high=speed(plan.tokens_per_second_high),
    )
