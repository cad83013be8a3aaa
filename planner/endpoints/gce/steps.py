"""The steps of a deploy on Compute Engine.

The machine's own run time is its expiry, set in the very call that creates it: there is no
moment in which it costs money unguarded.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from planner.clouds import gcp, settings
from planner.endpoints.deploying.lifecycle import Step
from planner.endpoints.gce import (
    api,
    compute,
    lookup,
    networks,
    requests,
    reservations,
    secret,
    zones,
)
from planner.endpoints.gce.machine import GceMachine
from planner.endpoints.gce.networks import Network
from planner.endpoints.machines import steps
from planner.endpoints.watching import waiting
from planner.errors import CapacityError, CloudError, QuotaShortError

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal

    from planner.endpoints.interface import Context
    from planner.endpoints.machines.reservations import Held
    from planner.endpoints.model import DeploymentSpec
    from planner.ledger import Resource


def create(
    spec: DeploymentSpec, context: Context, keep: Callable[[GceMachine], None]
) -> list[Step]:
    """Return the steps that make an endpoint; it is not in service yet after them.

    Args:
        spec: What to make.
        context: How to wait.
        keep: Told of the machine once its zone is known.
    """
    run = _Run(spec, context, keep)
    made = [Step("close the firewall", run.close_firewall)]
    for name, kept in secret.of(spec).items():
        made.append(
            Step(
                f"store {kept.what} in Secret Manager",
                partial(secret.create, spec, context, name, kept),
                partial(secret.delete, name),
                _record(spec, "secret", name),
            )
        )
    return [
        *made,
        Step(
            f"create the machine {spec.name}",
            run.create_machine,
            run.remove_machine,
            _record(spec, "endpoint", spec.name, spec.plan.hourly_usd),
        ),
        Step("claim the name", run.claim),
    ]


class _Run:
    """What one run has asked for, and where: it trusts that more than what lists show."""

    def __init__(
        self, spec: DeploymentSpec, context: Context, keep: Callable[[GceMachine], None]
    ) -> None:
        self._spec = spec
        self._context = context
        self._keep = keep
        self._network = Network()
        self._held: Held | None = None
        self._asked: dict[str, bool] = {}
        """Zones that may have a machine of this run; whether Google has said that it makes it."""

    def close_firewall(self) -> str:
        self._network = networks.choose(self._spec.region)
        for rule in requests.firewall_rules(self._network, self._spec.ingress):
            compute.make_firewall_rule(rule, self._context)
        return ""

    def create_machine(self) -> str:
        """Create the machine in the first zone that has room."""
        spec = self._spec
        if spec.reservation:
            self._held = reservations.look_up(spec.reservation, spec.region)
        tried = [self._held.zone] if self._held else zones.to_try(spec.plan, spec.region)
        places = [(zone, zone) for zone in tried]
        zone = steps.where_there_is_room(self._spec, self._context, places, self._create_in)
        self._keep(GceMachine(self._spec.name, zone))
        return f"{zone}/{self._spec.name}"

    def _create_in(self, zone: str) -> None:
        self._asked[zone] = False
        try:
            # A service account that was just made is not known everywhere at once.
            begun = waiting.once_known(
                lambda: self._begin_in(zone), self._context, compute.is_unknown_account
            )
            self._asked[zone] = True
            compute.finish_machine(begun, self._spec.name, self._context, zone)
        except (CapacityError, QuotaShortError):
            del self._asked[zone]
            raise
        except CloudError as error:
            if api.is_taken(error):
                del self._asked[zone]
                raise steps.taken(self._spec) from error
            if compute.is_not_offered(error):
                del self._asked[zone]
                raise CapacityError(f"{zone} does not have it", why=error.why) from error
            raise

    def _begin_in(self, zone: str) -> dict[str, Any]:
        spec = self._spec
        token = secret.path(requests.secret_name(spec)) if spec.token is not None else ""
        keys = secret.path(requests.key_name(spec))
        body = requests.instance(spec, zone, token, settings.now(), self._network, key=keys)
        body |= reservations.affinity(self._held) if self._held else {}
        return compute.begin_machine(zone, body, key=f"{spec.run}/{zone}")

    def remove_machine(self) -> None:
        """Delete the machines that this run made, in whatever zone; others of the name stay."""
        for zone, certain in list(self._asked.items()):
            if certain or self._is_own(zone):
                compute.delete_machine(zone, self._spec.name, self._context, key=self._spec.run)

    def _is_own(self, zone: str) -> bool:
        """Tell whether a machine of this run came up in a zone after all: no answer had come."""
        found: list[dict[str, Any]] = []

        def shown() -> bool:
            seen = compute.machine(zone, self._spec.name)
            found.extend([seen] if seen is not None else [])
            return seen is not None

        waiting.until(shown, self._context)
        return any(lookup.label(item, requests.LABEL_RUN) == self._spec.run for item in found)

    def claim(self) -> str:
        """Give way to an older machine of the name: names are unique per zone only.

        A list that shows this run's machine shows what is older, too.
        """
        spec = self._spec
        waiting.until(lambda: spec.run in self._runs(), self._context)
        steps.claim(spec, self._runs(own=True), "Compute Engine")
        own = secret.of(spec)
        for item in secret.stored(spec.region, spec.name):
            if item.name not in own:
                secret.delete(item.name)
        return ""

    def _runs(self, *, own: bool = False) -> list[str]:
        """Return the runs with a machine of the name in the region, oldest first."""
        spec = self._spec
        living = {
            f"{lookup.zone_of(item)}/{item['name']}": item
            for item in lookup.instances(spec.name)
            if lookup.region_of(item) == spec.region
        }
        for zone in self._asked if own else ():
            item = compute.machine(zone, spec.name)
            if item is not None:
                living[f"{zone}/{spec.name}"] = item
        return [lookup.label(item, requests.LABEL_RUN) for item in lookup.by_age(living.values())]


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
