"""Endpoints on Amazon SageMaker, through boto3.

Boto3 and not the SageMaker SDK: planner decides itself what is made in which order, so that
every step can be undone; the SDK's resources create and read back in one call, its errors are
less exact, and it takes 2 s and 1 GB more. The SDK's image data is used at build time
(``deploy_templates/sagemaker/build.py``).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from planner.clouds import aws, settings
from planner.endpoints.aws import guard
from planner.endpoints.deploying import containers
from planner.endpoints.interface import Address
from planner.endpoints.model import NEVER, TAG_EXPIRES, State
from planner.endpoints.sagemaker import (
    api,
    checks,
    components,
    expiry,
    idle,
    invoke,
    lookup,
    openai_route,
    removal,
    requests,
    roles,
    scaling,
    steps,
    watch,
)
from planner.endpoints.watching.guard import GuardProof
from planner.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime, timedelta

    from planner.endpoints.deploying.lifecycle import Step
    from planner.endpoints.deploying.preflight import Check
    from planner.endpoints.ingress import Access
    from planner.endpoints.interface import Context, LogLine, Transport
    from planner.endpoints.model import (
        Awaited,
        Container,
        DeploymentSpec,
        Endpoint,
        Secret,
        Weights,
    )
    from planner.plan import Plan

_ZERO = "guard:zero"


class Adapter:
    """SageMaker real-time endpoints."""

    cloud = "aws"
    service = "sagemaker"
    longest_name = requests.LONGEST_NAME
    takes_reservations = True
    access_modes: tuple[Access, ...] = ()
    tunnel_programs: ClassVar[dict[str, str]] = {}

    def regions(self) -> list[str]:
        """Return the regions where endpoints may be: those switched on in the account."""
        known = aws.session().get_available_regions("sagemaker")
        return sorted(set(known) & aws.enabled_regions())

    def container(
        self,
        plan: Plan,
        weights: Weights,
        *,
        engine: str,
        context: int,
        machine_image: str = "",
        arguments: Mapping[str, str] | None = None,
    ) -> Container:
        """Return AWS's image in the plan's region and its settings."""
        return containers.container_for(
            plan,
            weights,
            engine=engine,
            context=context,
            machine_image=machine_image,
            arguments=arguments,
        )

    def checks(self, spec: DeploymentSpec, *, may_create_roles: bool) -> Sequence[Check]:
        """Return what to look at before a deploy."""
        return checks.checks(spec, may_create_roles=may_create_roles)

    def find(self, name: str, region: str) -> Endpoint | None:
        """Return the endpoint of that name, or what is left of it, or None."""
        found = lookup.find(name, region)
        if found is not None:
            return found
        left = lookup.leftovers(region, set(), only=name)
        return left[0] if left else None

    def prepare(self, spec: DeploymentSpec, *, create_roles: bool) -> DeploymentSpec:
        """Return the specification with the roles it will run as, where they exist."""
        scaling.check(spec)
        execution = _role(roles.EXECUTION, spec, spec.execution_role, create=create_roles)
        acting = spec.expiry_role
        if spec.expires_at is not None:
            acting = _role(roles.EXPIRY, spec, acting, create=create_roles)
        if spec.guard.deletes_idle:
            _role(roles.IDLE, spec, "", create=create_roles)
        return replace(spec, execution_role=execution, expiry_role=acting)

    def steps(self, spec: DeploymentSpec, context: Context) -> list[Step]:
        """Return the steps that make the endpoint."""
        return steps.create(spec, aws.account(), context)

    def update_steps(
        self, spec: DeploymentSpec, endpoint: Endpoint, context: Context
    ) -> list[Step]:
        """Return the steps that give an endpoint new settings."""
        return steps.update(spec, endpoint, aws.account(), context)

    def wait(self, awaited: Awaited, context: Context) -> None:
        """Return when the endpoint is in service."""
        watch.in_service(awaited, context)

    def settle(self, before: Endpoint) -> None:
        """Remove the configuration, the models and the expiries that an update has replaced.

        Not before it stands: an update that fails leaves the endpoint with its old ones.
        """
        for part in before.parts:
            kind, _, name = part.partition(":")
            if kind in {"model", "endpoint_config"}:
                removal.part(kind, name, before.region)
            elif kind == "schedule" and not requests.is_idle(name):
                expiry.delete(name, before.region)

    def settings(self, endpoint: Endpoint) -> dict[str, str]:
        """Return the settings of an endpoint in the words of ``DeploymentSpec.settings``."""
        return lookup.settings(endpoint)

    def endpoints(self, region: str) -> list[Endpoint]:
        """Return planner's endpoints in a region, leftovers last."""
        return lookup.endpoints(region)

    def with_use(self, endpoint: Endpoint) -> Endpoint:
        """Return the endpoint with the time of its last request."""
        if endpoint.state is not State.IN_SERVICE:
            return endpoint
        used = lookup.last_request(endpoint, settings.now())
        return replace(endpoint, last_request_at=used, use_known=True)

    def guard(self, endpoint: Endpoint) -> GuardProof:
        """Return whether its schedules are there, and their role may delete it.

        An endpoint with a component has two, and both must hold.
        """
        region, account = endpoint.region, aws.account()
        names = [n for n in _named(endpoint.parts, "schedule") if not requests.is_idle(n)]
        if not names:
            return GuardProof(guard.BY, None, may_act=False, why="it has no schedule")
        proofs = []
        for name in names:
            action, resource = requests.ended_by(name, endpoint.name, region, account)
            proofs.append(guard.prove(name, region, endpoint.name, action, resource))
        return next((item for item in proofs if item.may_act is not True), proofs[0])

    def remove(self, endpoint: Endpoint, context: Context) -> None:
        """Remove the endpoint and all its parts; the expiry goes last.

        A component goes before its endpoint, and its scaling before it: it is not deleted while
        its copies change.
        """
        region = endpoint.region
        _unscale(endpoint.parts, region)
        for name in _named(endpoint.parts, "component"):
            removal.component(name, region, context)
        removal.endpoint(endpoint.name, region, context)
        left = lookup.leftovers(region, set(), only=endpoint.name)
        more = dict.fromkeys(p for item in left for p in item.parts if p not in endpoint.parts)
        _unscale(more, region)
        for name in _named(more, "component"):
            removal.component(name, region, context)
        parts = dict.fromkeys([*endpoint.parts, *more])
        for kind in ("endpoint_config", "model"):
            for name in _named(parts, kind):
                removal.part(kind, name, region)
        for kind in _named(parts, "guard"):
            scaling.remove(kind, endpoint.name, region)
        for name in _named(parts, "schedule"):
            (idle.remove if requests.is_idle(name) else expiry.delete)(name, region)

    def extend(self, endpoint: Endpoint, expires_at: datetime | None) -> None:
        """Move the expiry in the cloud, then its tag; None takes it away."""
        known = expiry.schedules(endpoint.name, endpoint.region)
        names = [name for name in known if not requests.is_idle(name)]
        there = bool(names)
        described = api.describe(endpoint.name, endpoint.region)
        if described is None:
            raise NotFoundError(f"there is no endpoint {endpoint.name}", advice="planner status")
        if expires_at is None:
            text = NEVER
        else:
            text = expires_at.strftime("%Y-%m-%dT%H:%M:%SZ")
            run = described["EndpointConfigName"].rpartition("-")[2]
            names = names or requests.schedule_names(
                endpoint.name, run, to_zero=endpoint.scales_to_zero
            )
            role = (
                expiry.role_of(names[0], endpoint.region)
                if there
                else str((roles.find(roles.EXPIRY.name) or {}).get("Arn", ""))
            )
            for name in names:
                expiry.move(name, endpoint.name, endpoint.region, role, expires_at)
        api.call(
            "sagemaker",
            endpoint.region,
            "add_tags",
            f"tag {endpoint.name}",
            ResourceArn=described["EndpointArn"],
            Tags=[{"Key": TAG_EXPIRES, "Value": text}],
        )
        if expires_at is None:
            for name in names:
                expiry.delete(name, endpoint.region)

    def logs(self, endpoint: Endpoint, since: datetime | None) -> list[LogLine]:
        """Return the container's log, oldest first."""
        component = lookup.component_of(endpoint)
        return watch.logs(endpoint.name, endpoint.region, since, component)

    def address(self, endpoint: Endpoint) -> Address:
        """Return SageMaker's own OpenAI route to the endpoint."""
        name, region = endpoint.name, endpoint.region
        url = openai_route.base_url(name, region, _component(endpoint))
        return Address(url, needs_key=True)

    def key(self, endpoint: Endpoint, lasts: timedelta | None) -> Secret:
        """Return a bearer token of SageMaker's; an hour's by default."""
        return openai_route.token(endpoint.region, lasts or openai_route.USUAL)

    def rotate_key(self, endpoint: Endpoint, overlap: timedelta) -> Secret:
        """Refuse: its keys are signed and end by themselves.

        Raises:
            UsageError: Always.
        """
        del overlap
        raise UsageError(
            f"{endpoint.name} has no key that is kept",
            why="SageMaker's keys are signed when they are asked for, and end after hours",
            advice=f"planner key {endpoint.name}",
        )

    def transport(self, endpoint: Endpoint, *, local_port: int | None = None) -> Transport:
        """Return the way to talk to the endpoint."""
        del local_port  # no tunnel
        return invoke.Transport(endpoint.name, endpoint.region, _component(endpoint))


def _component(endpoint: Endpoint) -> str:
    component = lookup.component_of(endpoint)
    if endpoint.scales_to_zero and not component:
        return next(iter(api.components(endpoint.name, endpoint.region)), "")
    return component


def _named(parts: Iterable[str], kind: str) -> list[str]:
    """Return the names of the parts of a kind."""
    return [name for part in parts for found, _, name in [part.partition(":")] if found == kind]


def _unscale(parts: Iterable[str], region: str) -> None:
    """Stop scaling the components that bear the names of these models."""
    listed = list(parts)
    for name in _named(listed, "model") if _ZERO in listed else ():
        components.unscale(name, region)


def _role(role: roles.Role, spec: DeploymentSpec, chosen: str, *, create: bool) -> str:
    """Return the role to use: the user's as it is, or planner's own, which has its policy."""
    if chosen and chosen.rsplit("/", 1)[-1] != role.name:
        return chosen
    if create:
        return roles.ensure(role, spec.weights)
    found = roles.find(role.name)
    return str(found["Arn"]) if found is not None else ""
