"""Endpoints on Azure: a GPU machine that serves one model with vLLM, in a group of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.endpoints.azure_vm import (
    api,
    checks,
    expiry,
    lookup,
    requests,
    secret,
    steps,
    tunnel,
    watch,
)
from planner.endpoints.model import NEVER, Container
from planner.errors import PlannerError, UsageError

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
    """GPU machines of Azure.

    Args:
        provisioning: ``STANDARD`` or ``SPOT``.
    """

    cloud = "azure"
    service = "azure-vm"
    longest_name = requests.LONGEST_NAME

    def __init__(self, provisioning: str = "STANDARD") -> None:
        if provisioning not in requests.MODELS:
            raise UsageError(
                f"Azure has no machines of the kind {provisioning}",
                advice=" or ".join(requests.MODELS),
            )
        self.provisioning = provisioning

    def regions(self) -> list[str]:
        """Return the regions in which planner has something: one call for the subscription."""
        return sorted({item.region for item in lookup.groups()})

    def container(
        self, plan: Plan, weights: Weights, *, engine: str, context: int, machine_image: str = ""
    ) -> Container:
        """Return vLLM's own image and what pins it; how the machine is provisioned with it.

        Raises:
            UsageError: Another engine, or weights in S3.
        """
        del context
        if engine != "vllm":
            raise UsageError(f"{engine} is not set up on Azure", advice="--engine vllm")
        if weights.in_s3:
            raise UsageError(
                "weights in S3 cannot be read from Azure",
                advice="a Hugging Face id as --weights",
            )
        pinned = requests.settings()
        return Container(
            engine="vllm",
            version=pinned["version"],
            image=pinned["image"],
            cuda=pinned["cuda"],
            machine_image=machine_image or pinned["machine_image"],
            environment={
                requests.PROVISIONING: "SPOT" if plan.pricing_model == "spot" else self.provisioning
            },
        )

    def checks(self, spec: DeploymentSpec, *, may_create_roles: bool) -> Sequence[Check]:
        """Return what to look at before a deploy."""
        del may_create_roles  # what it needs is made with it, in its own group
        return checks.checks(spec)

    def find(self, name: str, region: str) -> Endpoint | None:
        """Return the endpoint of that name, or what is left of it, or None."""
        return lookup.find(name, region)

    def prepare(self, spec: DeploymentSpec, *, create_roles: bool) -> DeploymentSpec:
        """Return the specification as it is: identities are made in the endpoint's group."""
        del create_roles
        return spec

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
            why="giving it up first could end with none: its region may have no room for another",
            advice=f"another --name, or planner destroy {endpoint.name} first",
        )

    def wait(self, spec: DeploymentSpec, context: Context) -> None:
        """Return when the endpoint is in service."""

        def place() -> lookup.Found:
            return lookup.place(spec.name, spec.region)

        watch.in_service(
            spec, place().group, context, still_made=lambda: lookup.is_being_made(place())
        )

    def settle(self, before: Endpoint) -> None:
        """Do nothing: nothing is updated in place."""

    def settings(self, endpoint: Endpoint) -> dict[str, str]:
        """Return the settings of an endpoint in the words of ``DeploymentSpec.settings``."""
        return lookup.settings(endpoint)

    def endpoints(self, region: str) -> list[Endpoint]:
        """Return planner's endpoints in a region, leftovers last."""
        return lookup.endpoints(region)

    def with_use(self, endpoint: Endpoint) -> Endpoint:
        """Return the endpoint as it is: Azure does not see its requests."""
        return endpoint

    def remove(self, endpoint: Endpoint, context: Context) -> None:
        """Remove every group of the endpoint, and the vaults that they leave behind.

        Groups that came after the endpoint was looked at are another run's.

        Raises:
            PlannerError: Something could not be removed; the rest is.
        """
        problems: list[PlannerError] = []
        for item in lookup.groups(endpoint.name, endpoint.region):
            if f"group:{item.group.name}" not in endpoint.parts:
                continue
            try:
                api.remove_group(item.group.name, context)
                secret.purge(item.run, item.region)
            except PlannerError as error:
                problems.append(error)
        if problems:
            raise problems[0]

    def extend(self, endpoint: Endpoint, expires_at: datetime | None) -> None:
        """Move the expiry, in the cloud: the auto-shutdown first, as it comes sooner."""
        where, context = lookup.place(endpoint.name, endpoint.region).group, api.unattended()
        name, region = endpoint.name, endpoint.region
        if expires_at is None:
            expiry.drop(where, name, region, context)
            expiry.tag(where, NEVER)
            return
        tags = requests.short_tags(name, where.name.rpartition("-")[2])
        expiry.set_shutdown(where, name, region, expires_at, context)
        expiry.put(where, region, tags, expires_at, context)
        expiry.tag(where, expires_at.strftime("%Y-%m-%dT%H:%M:%SZ"))

    def logs(self, endpoint: Endpoint, since: datetime | None) -> list[LogLine]:
        """Return the machine's console: cloud-init, vLLM."""
        del since  # the console carries no times
        return watch.log(lookup.place(endpoint.name, endpoint.region).group, endpoint.name)

    def transport(self, endpoint: Endpoint) -> HttpTransport:
        """Return the way to talk to the endpoint: a tunnel."""
        return tunnel.transport(lookup.place(endpoint.name, endpoint.region).group, endpoint.name)
