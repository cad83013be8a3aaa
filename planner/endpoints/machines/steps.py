"""Steps that every machine takes: find room, give way to who was first, be written down."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.clouds import settings
from planner.endpoints.deploying.lifecycle import NotMadeError
from planner.errors import CapacityError, CloudError
from planner.ledger import Resource

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from decimal import Decimal

    from planner.endpoints.interface import Context
    from planner.endpoints.model import DeploymentSpec


def where_there_is_room(
    spec: DeploymentSpec,
    context: Context,
    places: Sequence[tuple[str, str]],
    make: Callable[[str], None],
) -> str:
    """Make the machine in the first place that has room, and return the place.

    Args:
        spec: What to make.
        context: Whom to tell, and what interrupts.
        places: Each as the cloud calls it, and as people do.
        make: Makes it in one place, and leaves nothing there where there is no room.

    Raises:
        CapacityError: No place has room.
    """
    full: list[str] = []
    kind = spec.plan.instance_type
    for place, named in places:
        context.interruption.check()
        context.progress(f"asking {named} for {kind}", ())
        try:
            make(place)
        except CapacityError as error:
            full.append(f"{named}: {error.why}")
        else:
            return place
    raise CapacityError(
        f"no {kind} is to be had in {spec.region} now",
        why="\n".join(full),
        advice=f"planner deploy {spec.plan.model} --to cheapest (wherever there is room)",
    )


def claim(spec: DeploymentSpec, runs: Sequence[str], cloud: str) -> None:
    """Give way to an older run of the same name.

    Args:
        spec: What this run makes.
        runs: The runs that have made something of the name, oldest first.
        cloud: For the error.

    Raises:
        CloudError: What this run made is gone.
        NotMadeError: Another run was first; what is its own it keeps.
    """
    if spec.run not in runs:
        raise CloudError(
            f"{spec.name} is gone",
            why=f"{cloud} took it back at once, or someone else removed it",
            advice="planner status",
        )
    if runs[0] != spec.run:
        raise taken(spec)


def taken(spec: DeploymentSpec) -> NotMadeError:
    """Return the error of a name that another run was first to use."""
    return NotMadeError(
        f"{spec.name} was made by someone else in the meantime",
        why="another deploy of the same name got there first; nothing of it was touched",
        advice=f"planner status, or deploy under another --name than {spec.name}",
    )


def record(
    spec: DeploymentSpec,
    *,
    cloud: str,
    account: str,
    kind: str,
    name: str,
    hourly_usd: Decimal | None = None,
) -> Resource:
    """Return the ledger's entry of a part.

    Args:
        spec: The deployment.
        cloud: ``gcp``.
        account: The account or project.
        kind: The service and what it is: ``gce:endpoint``.
        name: Of the part.
        hourly_usd: What it costs; None where it costs nothing.
    """
    mark = "sandbox/" if settings.current().simulated else ""
    return Resource(
        id=f"{mark}{spec.region}/{kind.replace(':', '-')}/{name}/{spec.run}",
        endpoint=spec.name,
        cloud=cloud,
        account=account,
        region=spec.region,
        kind=kind,
        recorded_at=settings.now(),
        hourly_usd=hourly_usd,
        tags={**spec.tags, "instance-type": spec.plan.instance_type},
        expires_at=spec.expires_at,
    )
