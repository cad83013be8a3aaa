"""One deploy on a virtual machine against a sandbox with breakable calls, on any cloud."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from children import OPTIONS, TOKEN, deploy, vm_child

from planner.endpoints.deploying.interruption import Interruption
from planner.endpoints.interface import Context, adapter
from planner.planning import Request, compare
from planner.sandbox import scenarios
from planner.sandbox.server import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable

    from planner.clouds.settings import CloudSettings
    from planner.endpoints.deploying import deployment
    from planner.endpoints.interface import EndpointAdapter
    from planner.plan import Plan
    from planner.sandbox.faults import Faults
    from planner.sandbox.world import World

__all__ = ["CATCH_UP", "OPTIONS", "TOKEN", "Rig", "cheapest_on", "deploy", "sandbox", "vm_child"]


CATCH_UP = timedelta(minutes=2)
"""So long after a run, its traces are known everywhere."""


def cheapest_on(service: str, model: str = "llama-2-70b", **changes: Any) -> Plan:
    """Return the plan that a deploy on a service would take."""
    request = Request(model, services=(service,), max_instances=1, top=None)
    found = compare(replace(request, **changes)).plans
    return next((plan for plan in found if plan.deployable), found[0])


@dataclass
class Rig:
    """The sandbox behind a layer that can break calls.

    ``there`` returns what belongs to endpoints, seen from inside the simulation.
    """

    service: str
    sandbox: Sandbox
    faults: Faults
    settings: CloudSettings
    there: Callable[[World], list[str]]

    @property
    def world(self) -> Any:
        return self.sandbox.world

    def scenario(self, **changes: Any) -> None:
        self.world.scenario = replace(self.world.scenario, **changes)

    def deploy(
        self,
        plan: Plan,
        options: deployment.Options = OPTIONS,
        made: EndpointAdapter | None = None,
    ) -> deployment.Outcome:
        """Prepare and deploy, as the command does."""
        return deploy(plan, options, made or adapter(self.service))

    def destroy(self, name: str, region: str) -> None:
        """Remove an endpoint, from the cloud's own marks alone; a while after it was made."""
        self.world.clock.advance(CATCH_UP)
        made = adapter(self.service)
        found = made.find(name, region)
        if found is not None:
            with Interruption() as interruption:
                made.remove(found, Context(interruption, progress=lambda *_: None))

    def left(self, name: str = "") -> list[str]:
        return [item for item in self.there(self.world) if name in item]


def sandbox(**scenario: Any) -> Sandbox:
    """Start a sandbox with enough quota and endpoints that start at once."""
    base = replace(scenarios.get("approved"), endpoint_startup_s=0)
    return Sandbox(replace(base, **scenario))
