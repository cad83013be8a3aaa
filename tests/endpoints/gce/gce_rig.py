"""A sandbox with breakable calls, and one deploy on Compute Engine against it."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from planner.clouds import settings
from planner.comparison import Request, compare
from planner.endpoints import deployment
from planner.endpoints.gce import Adapter
from planner.endpoints.interface import Context
from planner.endpoints.interruption import Interruption
from planner.errors import PlannerError
from planner.ledger import Ledger
from planner.sandbox import scenarios
from planner.sandbox.gcp import app as google
from planner.sandbox.gcp import faults as google_faults
from planner.sandbox.server import Sandbox

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from planner.clouds.settings import CloudSettings
    from planner.plan import Plan
    from planner.sandbox.faults import Faults

TOKEN = "hf_DoNotShowThisTokenAnywhere"  # noqa: S105 - it is what the tests search for
OPTIONS = deployment.Options(owner="Ada@Example", accept_license=True, create_roles=True)


def cheapest(model: str = "llama-2-70b", **changes: Any) -> Plan:
    """Return the plan that a deploy on Compute Engine would take."""
    request = Request(model, services=("gce",), max_instances=1, top=1)
    return compare(replace(request, **changes)).plans[0]


@dataclass
class Rig:
    """The sandbox behind a layer that can break calls."""

    sandbox: Sandbox
    faults: Faults
    settings: CloudSettings

    @property
    def world(self) -> Any:
        return self.sandbox.world

    def scenario(self, **changes: Any) -> None:
        self.world.scenario = replace(self.world.scenario, **changes)

    def deploy(
        self, plan: Plan, options: deployment.Options = OPTIONS, made: Adapter | None = None
    ) -> deployment.Outcome:
        """Prepare and deploy, as the command does."""
        return deploy(plan, options, made)

    def destroy(self, name: str, region: str) -> None:
        """Remove an endpoint, from the cloud's labels alone."""
        made = Adapter()
        found = made.find(name, region)
        if found is not None:
            with Interruption() as interruption:
                made.remove(found, Context(interruption, progress=lambda *_: None))

    def left(self, name: str = "") -> list[str]:
        """Return what is there that belongs to endpoints, seen from inside the simulation."""
        notes = self.world.notes
        names = [
            *(f"instance {key}" for key in notes["gce"]),
            *(f"secret {key}" for key in notes["gcp-secrets"]),
        ]
        return [item for item in names if name in item]


def deploy(
    plan: Plan, options: deployment.Options, made: Adapter | None = None
) -> deployment.Outcome:
    """Prepare and deploy in this process."""
    made = made or Adapter()
    with Ledger() as book:
        prepared = deployment.prepare(plan, options, made, book)
        with Interruption(cleanup=f"planner destroy {prepared.spec.name}") as interruption:
            return deployment.deploy(prepared, made, book, interruption, options=options)


def rig(**scenario: Any) -> Rig:
    """Start a sandbox with enough quota and endpoints that start at once."""
    base = replace(scenarios.get("approved"), endpoint_startup_s=0)
    sandbox = Sandbox(replace(base, **scenario))
    faults = google_faults.in_front_of(google.app(sandbox.world))
    chosen = replace(sandbox.endpoints.settings(), gcp_endpoint=sandbox._serve(faults))
    settings.use(chosen)
    return Rig(sandbox, faults, chosen)


def child(pipe: Connection, chosen: CloudSettings, plan: Plan, name: str, folder: str) -> None:
    """Deploy in a process of its own, which ends with the command's exit code."""
    pipe.recv()
    os.environ.update(PLANNER_STATE_DIR=folder, HF_TOKEN=TOKEN)
    settings.use(chosen)
    try:
        deploy(plan, replace(OPTIONS, name=name))
    except PlannerError as error:
        sys.exit(error.exit_code)
