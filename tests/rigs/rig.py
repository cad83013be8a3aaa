"""A sandbox with breakable calls, and one deploy against it: shared by the endpoint tests."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from children import TOKEN, child
from moto.cloudwatch.models import cloudwatch_backends
from moto.scheduler.models import scheduler_backends
from moto.stepfunctions.models import stepfunctions_backends

from planner.clouds import settings
from planner.endpoints.deploying import deployment
from planner.endpoints.deploying.interruption import Interruption
from planner.endpoints.interface import Context, adapter
from planner.endpoints.watching.guard import Guard
from planner.ledger import Ledger
from planner.planning import Request, compare
from planner.sandbox import scenarios
from planner.sandbox.aws.app import AwsApp
from planner.sandbox.aws.faults import Faults
from planner.sandbox.aws.sagemaker_store import stores
from planner.sandbox.faults import Fault
from planner.sandbox.network import Network
from planner.sandbox.server import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable

    from planner.clouds.settings import CloudSettings
    from planner.plan import Plan

__all__ = ["OPTIONS", "SHAPES", "TOKEN", "Rig", "cheapest", "child", "fault", "rig"]

OPTIONS = deployment.Options(owner="tests", accept_license=True, create_roles=True)
SHAPES = {
    "plain": OPTIONS,
    "to zero": replace(OPTIONS, guard=Guard(least_instances=0)),
    "deleted when idle": replace(
        OPTIONS, guard=Guard(idle=timedelta(hours=2), idle_action="delete")
    ),
}
"""Deploys that differ in what is made; the fault matrix breaks every call of each."""


def cheapest(**changes: Any) -> Plan:
    """Return the plan that a deploy of Llama 2 70B would take."""
    request = Request("llama-2-70b", services=("sagemaker",), max_instances=1, top=1)
    return compare(replace(request, **changes)).plans[0]


@dataclass
class Rig:
    """The sandbox behind a layer that can break calls."""

    sandbox: Sandbox
    faults: Faults
    settings: CloudSettings
    base: dict[str, Any] = field(default_factory=dict)
    steps: list[str] = field(default_factory=list)

    @property
    def world(self) -> Any:
        return self.sandbox.world

    def scenario(self, **changes: Any) -> None:
        self.world.scenario = replace(self.world.scenario, **changes)

    def deploy(
        self,
        plan: Plan,
        options: deployment.Options = OPTIONS,
        *,
        ledger: Ledger | None = None,
        on_step: Callable[[str], None] = lambda _: None,
    ) -> deployment.Outcome:
        """Prepare and deploy, as the command does; ``on_step`` is told what begins and ends."""
        made = adapter("sagemaker")

        def step(*told: str) -> None:
            self.steps.append(" ".join(told))
            on_step(self.steps[-1])

        observers = deployment.Observers(step=step)
        with ledger or Ledger() as book:
            prepared = deployment.prepare(plan, options, made, book)
            with Interruption(cleanup=f"planner destroy {prepared.spec.name}") as interruption:
                return deployment.deploy(
                    prepared, made, book, interruption, options=options, observers=observers
                )

    def destroy(self, name: str, region: str) -> None:
        """Remove an endpoint and its parts, from the cloud's tags alone."""
        made = adapter("sagemaker")
        found = made.find(name, region)
        if found is not None:
            with Interruption() as interruption:
                made.remove(found, Context(interruption, progress=lambda *_: None))

    def left(self, region: str, name: str = "") -> list[str]:
        """Return what is in the region, looked at from inside the simulation."""
        store = stores(self.world, region)
        names = [
            *(f"endpoint {n}" for n in store.endpoints),
            *(f"component {n}" for n in store.components),
            *(f"scaling {n}" for n in store.scaling),
            *(f"{kind} {n}" for kind, parts in store.parts.items() for n in parts),
        ]
        alarms = cloudwatch_backends["123456789012"][region].alarms
        names += [f"alarm {alarm}" for alarm in alarms]
        machines = stepfunctions_backends["123456789012"][region].state_machines
        names += [f"state machine {machine.name}" for machine in machines]
        backend = scheduler_backends["123456789012"].get(region)
        for group in backend.schedule_groups.values() if backend else ():
            names += [f"schedule {schedule}" for schedule in group.schedules]
        return [item for item in names if name in item]


def rig(**scenario: Any) -> Rig:
    """Start a sandbox with enough quota and endpoints that start at once."""
    base = replace(scenarios.get("approved"), endpoint_startup_s=0, **scenario)
    sandbox = Sandbox(base)
    faults = Faults(AwsApp(sandbox.world))
    url = sandbox._serve(Network(sandbox.world, faults))
    chosen = replace(sandbox.endpoints.settings(), aws_endpoint=url)
    settings.use(chosen)
    return Rig(sandbox, faults, chosen, asdict(base))


def fault(index: int, kind: Any, number: int = 0, pid: int = 0) -> Fault:
    return Fault(index, kind, number, pid)
