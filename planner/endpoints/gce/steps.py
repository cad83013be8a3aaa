"""The steps of a deploy on Compute Engine.

The machine's own run time is its expiry, set in the very call that creates it: there is no
moment in which it costs money unguarded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.clouds import gcp, settings
from planner.endpoints.deploying.lifecycle import Step
from planner.endpoints.gce import api, compute, identities, lookup, requests, secret
from planner.endpoints.gce import zones as known_zones
from planner.endpoints.machines import steps
from planner.errors import CloudError

if TYPE_CHECKING:
    from decimal import Decimal

    from planner.endpoints.interface import Context
    from planner.endpoints.model import DeploymentSpec
    from planner.ledger import Resource

_LETTERS = ("a", "b", "c")


def create(spec: DeploymentSpec, context: Context) -> list[Step]:
    """Return the steps that make an endpoint; it is not in service yet after them."""
    made = [Step("close the firewall", lambda: _close(context))]
    if spec.token is not None:
        name = requests.secret_name(spec)
        made.append(
            Step(
                "store the token in Secret Manager",
                lambda: secret.create(spec),
                lambda: secret.delete(name),
                _record(spec, "secret", name),
            )
        )
    return [
        *made,
        Step(
            f"create the machine {spec.name}",
            lambda: _create_machine(spec, context),
            lambda: remove_run(spec, context),
            _record(spec, "endpoint", spec.name, spec.plan.hourly_usd),
        ),
        Step("claim the name", lambda: _claim(spec)),
    ]


def zones_to_try(spec: DeploymentSpec) -> tuple[str, ...]:
    """Return the zones in their order; the first three letters where none is known."""
    known = known_zones.zones(spec.plan.instance_type, spec.region)
    return known or tuple(f"{spec.region}-{letter}" for letter in _LETTERS)


def remove_run(spec: DeploymentSpec, context: Context) -> None:
    """Delete the machines that this run made, in whatever zone; others of the name stay."""
    for item in lookup.instances(spec.name):
        if lookup.label(item, requests.LABEL_RUN) == spec.run:
            compute.delete_machine(lookup.zone_of(item), spec.name, context, key=spec.run)


def _close(context: Context) -> str:
    identities.close_firewall(context)
    return ""


def _create_machine(spec: DeploymentSpec, context: Context) -> str:
    """Create the machine in the first zone that has room."""
    key = secret.path(requests.secret_name(spec)) if spec.token is not None else ""
    zones = [(zone, zone) for zone in zones_to_try(spec)]
    zone = steps.where_there_is_room(
        spec, context, zones, lambda zone: _insert(spec, zone, key, context)
    )
    return f"{zone}/{spec.name}"


def _insert(spec: DeploymentSpec, zone: str, key: str, context: Context) -> None:
    body = requests.instance(spec, zone, key, settings.now())
    try:
        compute.create_machine(zone, body, context, key=f"{spec.run}/{zone}")
    except CloudError as error:
        if not api.is_taken(error):
            raise
        raise steps.taken(spec) from error


def _claim(spec: DeploymentSpec) -> str:
    """Give way to an older machine of the name: names are unique per zone only."""
    living = [item for item in lookup.instances(spec.name) if lookup.region_of(item) == spec.region]
    runs = [lookup.label(item, requests.LABEL_RUN) for item in living]
    steps.claim(spec, runs, "Compute Engine")
    own = requests.secret_name(spec)
    for item in secret.stored(spec.region, spec.name):
        if item.name != own:
            secret.delete(item.name)
    return ""


def _record(
    spec: DeploymentSpec, kind: str, name: str, hourly_usd: Decimal | None = None
) -> Resource:
    return steps.record(
        spec,
        cloud="gcp",
        account=gcp.project(),
        kind=f"gce:{kind}",
        name=name,
        hourly_usd=hourly_usd,
    )
