"""Endpoints on Compute Engine: a GPU machine that serves one model with vLLM.

Over REST through google-auth, as the rest of planner talks to Google: importing
google-cloud-compute takes two seconds and its ``insert`` polls the real API whatever endpoint
it was given. Payloads are held against Google's discovery document by the tests.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from planner.endpoints.gce import (
    api,
    checks,
    identities,
    lookup,
    requests,
    secret,
    steps,
    tunnel,
    watch,
)
from planner.endpoints.model import Container
from planner.errors import NotFoundError, PlannerError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from planner.endpoints.deploying.lifecycle import Step
    from planner.endpoints.deploying.preflight import Check
    from planner.endpoints.interface import Context, LogLine
    from planner.endpoints.model import DeploymentSpec, Endpoint, Weights
    from planner.endpoints.talking.http_transport import HttpTransport
    from planner.plan import Plan


class Adapter:
    """GPU machines of Compute Engine.

    Args:
        provisioning: ``STANDARD``, ``SPOT`` or ``FLEX_START``.
    """

    cloud = "gcp"
    service = "gce"
    longest_name = requests.LONGEST_NAME

    def __init__(self, provisioning: str = "STANDARD") -> None:
        self.provisioning = provisioning

    def regions(self) -> list[str]:
        """Return the regions of the project."""
        pages = api.pages("regions", "list the regions", action="compute.regions.list")
        return sorted(item["name"] for page in pages for item in page.get("items", []))

    def container(
        self, plan: Plan, weights: Weights, *, engine: str, context: int, machine_image: str = ""
    ) -> Container:
        """Return vLLM's own image and what pins it; how the machine is provisioned with it.

        Raises:
            UsageError: Another engine, or weights in S3.
        """
        del context
        if engine != "vllm":
            raise UsageError(f"{engine} is not set up on Compute Engine", advice="--engine vllm")
        if weights.in_s3:
            raise UsageError(
                "weights in S3 cannot be read from Compute Engine",
                advice="a Hugging Face id as --weights",
            )
        pinned = requests.settings()
        project, family = pinned["machine_image_project"], pinned["machine_image_family"]
        return Container(
            engine="vllm",
            version=pinned["version"],
            image=pinned["image"],
            cuda=pinned["cuda"],
            machine_image=machine_image or f"projects/{project}/global/images/family/{family}",
            environment={
                requests.PROVISIONING: "SPOT" if plan.pricing_model == "spot" else self.provisioning
            },
        )

    def checks(self, spec: DeploymentSpec, *, may_create_roles: bool) -> Sequence[Check]:
        """Return what to look at before a deploy."""
        return checks.checks(spec, may_create_roles=may_create_roles)

    def find(self, name: str, region: str) -> Endpoint | None:
        """Return the endpoint of that name, or what is left of it, or None."""
        return lookup.find(name, region)

    def prepare(self, spec: DeploymentSpec, *, create_roles: bool) -> DeploymentSpec:
        """Return the specification with the service account it runs as, where there is one."""
        account = spec.execution_role or identities.account()
        if not account and create_roles:
            account = identities.create_account()
        return replace(spec, execution_role=account)

    def steps(self, spec: DeploymentSpec, context: Context) -> list[Step]:
        """Return the steps that make the endpoint."""
        return steps.create(spec, context)

    def update_steps(
        self, spec: DeploymentSpec, endpoint: Endpoint, context: Context
    ) -> list[Step]:
        """Refuse: a machine has no second place to try new settings in.

        Raises:
            UsageError: Always.
        """
        del spec, context
        raise UsageError(
            f"{endpoint.name} is there with other settings, and a machine cannot be changed "
            "in place",
            why="giving it up first could end with none: its zone may have no room for another",
            advice=f"another --name, or planner destroy {endpoint.name} first",
        )

    def wait(self, spec: DeploymentSpec, context: Context) -> None:
        """Return when the endpoint is in service."""
        watch.in_service(spec, _zone(spec.name, spec.region), context)

    def settle(self, before: Endpoint) -> None:
        """Do nothing: nothing is updated in place."""

    def settings(self, endpoint: Endpoint) -> dict[str, str]:
        """Return the settings of an endpoint in the words of ``DeploymentSpec.settings``."""
        found = lookup.instances(endpoint.name)
        return dict(lookup.details(found[0]).get("settings", {})) if found else {}

    def endpoints(self, region: str) -> list[Endpoint]:
        """Return planner's endpoints in a region, leftovers last."""
        return lookup.endpoints(region)

    def with_use(self, endpoint: Endpoint) -> Endpoint:
        """Return the endpoint as it is: Compute Engine does not see its requests."""
        return endpoint

    def remove(self, endpoint: Endpoint, context: Context) -> None:
        """Remove every machine and secret of the endpoint, whatever its parts say.

        Raises:
            PlannerError: Something could not be removed; the rest is.
        """
        problems: list[PlannerError] = []
        for item in lookup.instances(endpoint.name):
            zone = lookup.zone_of(item)
            if lookup.region_of(item) != endpoint.region:
                continue
            try:
                steps.remove_machine(item["name"], zone, context, key=f"destroy/{item['id']}")
            except PlannerError as error:
                problems.append(error)
        for kept in secret.stored(endpoint.region, endpoint.name):
            secret.delete(kept.name)
        if problems:
            raise problems[0]

    def extend(self, endpoint: Endpoint, expires_at: datetime | None) -> None:
        """Refuse: Compute Engine changes the run time of stopped machines only.

        Raises:
            UsageError: Always.
        """
        del expires_at
        raise UsageError(
            f"the expiry of {endpoint.name} cannot be moved while it runs",
            why="Compute Engine sets the run time of a machine that is stopped only, and a "
            "stopped machine may find no room to start again",
            advice=f"planner deploy {endpoint.model or 'MODEL'} --to gce --name "
            f"{endpoint.name}-2, then planner destroy {endpoint.name}",
        )

    def logs(self, endpoint: Endpoint, since: datetime | None) -> list[LogLine]:
        """Return the machine's console: cloud-init, the driver, vLLM."""
        del since  # the console carries no times
        zone = next(lookup.machine_zones(endpoint), "")
        return watch.log(endpoint.name, zone) if zone else []

    def transport(self, endpoint: Endpoint) -> HttpTransport:
        """Return the way to talk to the endpoint: a tunnel."""
        zone = next(lookup.machine_zones(endpoint), "")
        return tunnel.transport(endpoint.name, zone or _zone(endpoint.name, endpoint.region))


def _zone(name: str, region: str) -> str:
    """Return the zone of an endpoint's machine.

    Raises:
        NotFoundError: There is none.
    """
    for item in lookup.instances(name):
        if lookup.region_of(item) == region:
            return lookup.zone_of(item)
    raise NotFoundError(
        f"{name} is gone",
        why="its time was up, Compute Engine took it back (spot), or someone deleted it",
        advice="planner status",
    )
