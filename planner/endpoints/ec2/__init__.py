"""Endpoints on EC2: a GPU machine that serves one model with vLLM.

What all clouds' machines share is in :mod:`planner.endpoints.machines`, what AWS's services share
in :mod:`planner.endpoints.aws`; here are EC2's calls.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from planner.clouds import aws
from planner.endpoints.aws import guard
from planner.endpoints.ec2 import (
    checks,
    expiry,
    identities,
    lookup,
    machine,
    machines,
    requests,
    secret,
    steps,
)
from planner.endpoints.ec2.machine import Ec2Machine
from planner.endpoints.ingress import Access
from planner.endpoints.machines import watch
from planner.endpoints.machines.adapter import MachineAdapter
from planner.endpoints.model import TAG_EXPIRES
from planner.endpoints.watching.guard import GuardProof

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from planner.endpoints.deploying.lifecycle import Step
    from planner.endpoints.deploying.preflight import Check
    from planner.endpoints.interface import Context
    from planner.endpoints.machines.found import Found
    from planner.endpoints.model import DeploymentSpec, Endpoint, Secret


class Adapter(MachineAdapter):
    """GPU machines of EC2."""

    cloud = "aws"
    service = "ec2"
    title = "EC2"
    longest_name = requests.LONGEST_NAME
    tunnel_programs = machine.PROGRAMS
    access_modes = tuple(Access)
    provisioning_models = requests.MODELS
    ended_by = "EventBridge Scheduler"
    console_title = "console"

    def regions(self) -> list[str]:
        """Return the regions that are switched on in the account."""
        return sorted(aws.enabled_regions())

    def pinned(self) -> Mapping[str, str]:
        """Return the image, its version and CUDA, and the parameter of the machine image."""
        return requests.settings()

    def checks(self, spec: DeploymentSpec, *, may_create_roles: bool) -> Sequence[Check]:
        """Return what to look at before a deploy."""
        return checks.checks(spec, may_create_roles=may_create_roles)

    def look(self, region: str, name: str = "") -> list[Found]:
        """Return what the account has of planner's endpoints in a region, or of one of them."""
        return lookup.look(region, name)

    def prepare(self, spec: DeploymentSpec, *, create_roles: bool) -> DeploymentSpec:
        """Return the specification with its instance profile and the role of its expiry."""
        profile, role = spec.execution_role, spec.expiry_role
        if profile in {"", identities.ENDPOINT.name}:
            profile = identities.ensure_profile() if create_roles else identities.profile()
        if spec.expires_at is not None:
            role = identities.ensure_expiry_role() if create_roles else identities.expiry_role()
        return replace(spec, execution_role=profile, expiry_role=role)

    def steps(self, spec: DeploymentSpec, context: Context) -> list[Step]:
        """Return the steps that make the endpoint."""
        return steps.create(spec, context, partial(self.keep, spec.name, spec.region))

    def guard(self, endpoint: Endpoint) -> GuardProof:
        """Return whether its schedule is there, and the schedule's role may end the machine."""
        region = endpoint.region
        named = {kind: name for part in endpoint.parts for kind, _, name in [part.partition(":")]}
        if "schedule" not in named:
            return GuardProof(guard.BY, None, may_act=False, why="it has no schedule")
        arn = f"arn:aws:ec2:{region}:{aws.account()}:instance/{named.get('instance', '*')}"
        action = "ec2:TerminateInstances"
        return guard.prove(named["schedule"], region, endpoint.name, action, arn)

    def locate(self, name: str, region: str) -> Ec2Machine:
        """Return the machine of an endpoint, by the account's list.

        Raises:
            NotFoundError: There is none.
        """
        for item in lookup.instances(name, region):
            return Ec2Machine(name, item["InstanceId"], region)
        raise watch.gone(name, self.title)

    def removals(self, endpoint: Endpoint, context: Context) -> Iterator[Callable[[], None]]:
        """Yield what removes the machines, then the expiries and the tokens of the endpoint."""
        name, region = endpoint.name, endpoint.region
        listed = [item["InstanceId"] for item in lookup.instances(name, region)]
        seen = [part.partition(":")[2] for part in endpoint.parts if part.startswith("instance:")]
        for number in dict.fromkeys([*listed, *seen]):
            yield partial(machines.terminate, number, region, context)
        for schedule in expiry.schedules(region, name):
            yield partial(expiry.delete, schedule, region)
        for kept in secret.stored(region, name):
            yield partial(secret.delete, kept.name, region)

    def stored_keys(self, endpoint: Endpoint) -> Secret:
        """Return what Parameter Store holds for the way in."""
        return secret.read(secret.key_of(endpoint), endpoint.region)

    def store_keys(self, endpoint: Endpoint, keys: Secret) -> None:
        """Put another value there."""
        secret.write(secret.key_of(endpoint), endpoint.region, keys)

    def settings(self, endpoint: Endpoint) -> dict[str, str]:
        """Return the settings of an endpoint in the words of ``DeploymentSpec.settings``."""
        found = lookup.instances(endpoint.name, endpoint.region)
        return requests.details(machines.tags(found[0])) if found else {}

    def extend(self, endpoint: Endpoint, expires_at: datetime | None) -> None:
        """Move the expiry, in the cloud; the machine's own clock follows its tag.

        The later of the two ends is set first, so that none comes too soon.
        """
        name, region = endpoint.name, endpoint.region
        for item in lookup.instances(name, region):
            number, run = item["InstanceId"], machines.tags(item)[requests.TAG_RUN]
            machines.tag(number, region, TAG_EXPIRES, requests.expires_text(expires_at))
            if expires_at is None:
                expiry.delete(requests.schedule_name(name, run), region)
            else:
                expiry.move(name, run, number, region, expires_at)
