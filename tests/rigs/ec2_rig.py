"""A sandbox of EC2 with breakable calls."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import vm_rig
from moto.ec2.models import ec2_backends
from moto.scheduler.models import scheduler_backends
from moto.ssm.models import ssm_backends
from vm_rig import OPTIONS, TOKEN, Rig

from planner.clouds import settings
from planner.sandbox.aws import ec2_machines
from planner.sandbox.aws.app import AwsApp
from planner.sandbox.aws.faults import Faults
from planner.sandbox.aws.protocol import ACCOUNT
from planner.sandbox.network import Network

if TYPE_CHECKING:
    from planner.plan import Plan
    from planner.sandbox.world import World

__all__ = ["OPTIONS", "REGION", "TOKEN", "Rig", "cheapest", "rig"]

REGION = "us-east-1"


def cheapest(model: str = "llama-2-70b", **changes: Any) -> Plan:
    """Return the plan that a deploy on EC2 would take."""
    return vm_rig.cheapest_on("ec2", model, regions=(REGION,), **changes)


def rig(**scenario: Any) -> Rig:
    """Start a sandbox with enough quota and endpoints that start at once."""
    sandbox = vm_rig.sandbox(**scenario)
    front = Faults(AwsApp(sandbox.world))
    chosen = replace(
        sandbox.endpoints.settings(), aws_endpoint=sandbox._serve(Network(sandbox.world, front))
    )
    settings.use(chosen)
    return Rig("ec2", sandbox, front, chosen, _there)  # type: ignore[arg-type]


def _there(world: World) -> list[str]:
    del world
    return [item for region in list(ec2_backends[ACCOUNT]) for item in _in(region)]


def _in(region: str) -> list[str]:
    backend = scheduler_backends[ACCOUNT][region]
    tags = [{t["key"]: t["value"] for t in m.get_tags()} for m in ec2_machines.alive(region)]
    kept = ssm_backends[ACCOUNT][region]._parameters
    return [
        *(f"instance {tag.get('planner:endpoint', '')}" for tag in tags),
        *(f"schedule {n}" for group in backend.schedule_groups.values() for n in group.schedules),
        *(f"parameter {name}" for name in kept if name.startswith("/planner/")),
    ]
