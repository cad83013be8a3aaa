"""The steps of a deploy on EC2.

The machine's own clock is set in the very call that creates it, so that there is no moment in
which it costs money unguarded; the cloud's order to terminate it follows as soon as it has an id.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from planner.clouds import aws
from planner.endpoints.deploying.lifecycle import Step
from planner.endpoints.ec2 import (
    expiry,
    identities,
    machines,
    networks,
    requests,
    reservations,
    secret,
)
from planner.endpoints.ec2.machine import Ec2Machine
from planner.endpoints.machines import steps
from planner.endpoints.watching import waiting
from planner.errors import CapacityError, QuotaShortError

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal

    from planner.endpoints.interface import Context
    from planner.endpoints.model import DeploymentSpec
    from planner.ledger import Resource


def create(
    spec: DeploymentSpec, context: Context, keep: Callable[[Ec2Machine], None]
) -> list[Step]:
    """Return the steps that make an endpoint; it is not in service yet after them.

    Args:
        spec: What to make.
        context: How to wait.
        keep: Told of the machine once it has an id.
    """
    run, account = _Run(spec, context, keep), aws.account()
    made = []
    for name, kept in secret.of(spec).items():
        made.append(
            Step(
                f"store {kept.what} in Parameter Store",
                partial(secret.create, spec, name, kept),
                partial(secret.delete, name, spec.region),
                _record(spec, account, "parameter", name),
            )
        )
    made.append(
        Step(
            f"create the machine {spec.name}",
            run.create_machine,
            run.remove_machine,
            _record(spec, account, "endpoint", spec.name, spec.plan.hourly_usd),
        )
    )
    if spec.expires_at is not None:
        made.append(Step("set the expiry", run.set_expiry))
    return [*made, Step("claim the name", run.claim)]


class _Run:
    """What one run has asked for, and where: it trusts that more than what lists show."""

    def __init__(
        self, spec: DeploymentSpec, context: Context, keep: Callable[[Ec2Machine], None]
    ) -> None:
        self._spec = spec
        self._context = context
        self._keep = keep
        self._made: list[str] = []
        self._unsure: set[str] = set()
        """Tokens of calls whose answer has not come."""

    def create_machine(self) -> str:
        """Create the machine in the first subnet that has room."""
        spec = self._spec
        image = machines.image(spec.container.machine_image, spec.region)
        held = reservations.look_up(spec.reservation, spec.region) if spec.reservation else None
        zone = held.zone if held else ""
        subnets = networks.to_try(spec.plan.instance_type, spec.region, zone)
        places = {item.id: item for item in subnets}

        def make(subnet: str) -> None:
            place = places[subnet]
            group = networks.group(place, spec.region, spec.ingress)
            body = requests.instance(spec, image, subnet, group, public=place.public)
            self._launch(body | (reservations.placed(held) if held else {}))

        named = [(item.id, f"{item.zone} ({item.id})") for item in places.values()]
        steps.where_there_is_room(spec, self._context, named, make)
        self._keep(Ec2Machine(spec.name, self._made[0], spec.region))
        return self._made[0]

    def _launch(self, body: dict[str, object]) -> None:
        token = str(body["ClientToken"])
        self._unsure.add(token)
        try:
            # An instance profile that was just made is not known everywhere at once.
            made = waiting.once_known(
                lambda: machines.launch(self._spec, body),
                self._context,
                identities.is_unknown_profile,
            )
        except (CapacityError, QuotaShortError):
            self._unsure.discard(token)
            raise
        self._unsure.discard(token)
        self._made.append(made)

    def set_expiry(self) -> str:
        return expiry.create(self._spec, self._made[0], self._context)

    def remove_machine(self) -> None:
        """Terminate the machines that this run made, then take back their expiry."""
        spec = self._spec
        for token in self._unsure:
            self._made += self._found_late(token)
        for machine in dict.fromkeys(self._made):
            machines.terminate(machine, spec.region, self._context)
        expiry.delete(requests.schedule_name(spec.name, spec.run), spec.region)

    def _found_late(self, token: str) -> list[str]:
        """Return the machines of a call whose answer was lost, once they show."""
        found: list[str] = []

        def shown() -> bool:
            seen = machines.of_token(token, self._spec.region)
            found.extend(item["InstanceId"] for item in seen)
            return bool(found)

        waiting.until(shown, self._context)
        return found

    def claim(self) -> str:
        """Give way to an older machine of the name: EC2 has no names that are unique.

        A list that shows this run's machine shows what is older, too.
        """
        spec = self._spec
        waiting.until(lambda: spec.run in self._runs(), self._context)
        steps.claim(spec, self._runs(own=True), "EC2")
        own = secret.of(spec)
        for kept in secret.stored(spec.region, spec.name):
            if kept.name not in own:
                secret.delete(kept.name, spec.region)
        return ""

    def _runs(self, *, own: bool = False) -> list[str]:
        """Return the runs with a machine of the name in the region, oldest first."""
        spec = self._spec
        there = machines.of_endpoint(spec.region, spec.name)
        listed = {item["InstanceId"] for item in there}
        for number in self._made if own else ():
            seen = None if number in listed else machines.get(number, spec.region)
            there += [seen] if seen is not None else []
        alive = machines.by_age(i for i in there if machines.state(i) != "shutting-down")
        return [machines.tags(item).get(requests.TAG_RUN, "") for item in alive]


def _record(
    spec: DeploymentSpec, account: str, kind: str, name: str, hourly_usd: Decimal | None = None
) -> Resource:
    return steps.record(
        spec, cloud="aws", account=account, kind=f"ec2:{kind}", name=name, hourly_usd=hourly_usd
    )
