"""The steps of a deploy on Compute Engine.

The machine's own run time is its expiry, set in the very call that creates it: there is no
moment in which it costs money unguarded.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from planner.clouds import gcp, settings
from planner.endpoints.deploying.lifecycle import NotMadeError, Step
from planner.endpoints.gce import api, identities, lookup, requests, secret
from planner.endpoints.gce import zones as known_zones
from planner.errors import CapacityError, CloudError
from planner.ledger import Resource

if TYPE_CHECKING:
    from decimal import Decimal

    from planner.endpoints.interface import Context
    from planner.endpoints.model import DeploymentSpec

_LETTERS = ("a", "b", "c")


def create(spec: DeploymentSpec, context: Context) -> list[Step]:
    """Return the steps that make an endpoint; it is not in service yet after them."""
    steps = [Step("close the firewall", lambda: _close(context))]
    if spec.token is not None:
        name = requests.secret_name(spec)
        steps.append(
            Step(
                "store the token in Secret Manager",
                lambda: secret.create(spec),
                lambda: secret.delete(name),
                _record(spec, "secret", name),
            )
        )
    return [
        *steps,
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


def remove_machine(name: str, zone: str, context: Context, *, key: str) -> None:
    """Delete a machine and wait until it is gone; one that is gone is no error."""
    try:
        operation = api.change(
            "DELETE",
            f"zones/{zone}/instances/{name}",
            f"delete {name}",
            action="compute.instances.delete",
            key=f"delete/{key}/{zone}/{name}",
        )
        api.finish(operation, f"delete {name}", context, region=zone)
    except CloudError as error:
        if not api.is_missing(error):
            raise


def remove_run(spec: DeploymentSpec, context: Context) -> None:
    """Delete the machines that this run made, in whatever zone; others of the name stay."""
    for item in lookup.instances(spec.name):
        if lookup.label(item, requests.LABEL_RUN) == spec.run:
            remove_machine(spec.name, lookup.zone_of(item), context, key=spec.run)


def _close(context: Context) -> str:
    identities.close_firewall(context)
    return ""


def _create_machine(spec: DeploymentSpec, context: Context) -> str:
    """Create the machine in the first zone that has room.

    Raises:
        CapacityError: No zone of the region has room.
        NotMadeError: A machine of that name is there already.
    """
    full: list[str] = []
    key = secret.path(requests.secret_name(spec)) if spec.token is not None else ""
    for zone in zones_to_try(spec):
        context.interruption.check()
        context.progress(f"asking {zone} for {spec.plan.instance_type}", ())
        try:
            _insert(spec, zone, key, context)
        except CapacityError as error:
            full.append(f"{zone}: {error.why}")
            continue
        return f"{zone}/{spec.name}"
    raise CapacityError(
        f"no zone of {spec.region} has a {spec.plan.instance_type} now",
        why="\n".join(full),
        advice=f"planner deploy {spec.plan.model} --to cheapest (wherever there is room)",
    )


def _insert(spec: DeploymentSpec, zone: str, key: str, context: Context) -> None:
    what = f"create the machine {spec.name}"
    try:
        operation = api.change(
            "POST",
            f"zones/{zone}/instances",
            what,
            action="compute.instances.create",
            key=f"create/{spec.run}/{zone}",
            body=requests.instance(spec, zone, key, datetime.now(UTC)),
        )
        api.finish(operation, what, context, region=zone)
    except CloudError as error:
        if not api.is_taken(error):
            raise
        raise _taken(spec) from error


def _claim(spec: DeploymentSpec) -> str:
    """Give way to an older machine of the name: names are unique per zone only."""
    runs = [lookup.label(item, requests.LABEL_RUN) for item in lookup.instances(spec.name)]
    if spec.run not in runs:
        raise CloudError(
            f"{spec.name} is gone", why="Compute Engine or someone else took it back at once"
        )
    if runs[0] != spec.run:
        raise _taken(spec)
    own = requests.secret_name(spec)
    for item in secret.stored(spec.region, spec.name):
        if item.name != own:
            secret.delete(item.name)
    return ""


def _taken(spec: DeploymentSpec) -> NotMadeError:
    return NotMadeError(
        f"{spec.name} was made by someone else in the meantime",
        why="another deploy of the same name got there first; nothing of it was touched",
        advice=f"planner status, or deploy under another --name than {spec.name}",
    )


def _record(
    spec: DeploymentSpec, kind: str, name: str, hourly_usd: Decimal | None = None
) -> Resource:
    mark = "sandbox/" if settings.current().simulated else ""
    return Resource(
        id=f"{mark}{spec.region}/gce-{kind}/{name}/{spec.run}",
        endpoint=spec.name,
        cloud="gcp",
        account=gcp.project(),
        region=spec.region,
        kind=f"gce:{kind}",
        recorded_at=datetime.now(UTC),
        hourly_usd=hourly_usd,
        tags={**spec.tags, "instance-type": spec.plan.instance_type},
        expires_at=spec.expires_at,
    )
