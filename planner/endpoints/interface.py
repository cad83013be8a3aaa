"""What the adapter of a service offers, and what a run gives it."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

from planner.endpoints.watching.patience import Patience
from planner.errors import UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from datetime import datetime, timedelta

    from planner.endpoints.deploying.interruption import Interruption
    from planner.endpoints.deploying.lifecycle import Step
    from planner.endpoints.deploying.preflight import Check
    from planner.endpoints.ingress import Access
    from planner.endpoints.model import (
        Awaited,
        Container,
        DeploymentSpec,
        Endpoint,
        Secret,
        Weights,
    )
    from planner.endpoints.watching.guard import GuardProof
    from planner.plan import Plan

SERVICES = {
    "local": "planner.endpoints.local",
    "sagemaker": "planner.endpoints.sagemaker",
    "ec2": "planner.endpoints.ec2",
    "gce": "planner.endpoints.gce",
    "azure-vm": "planner.endpoints.azure_vm",
}
"""What ``--to`` takes, and the module that serves it. This machine first: it needs no sign-in."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How often to look, in seconds on the clouds' time (:mod:`planner.clouds.clock`).

    Attributes:
        poll_s: Between two looks at an endpoint.
        settle_s: How long to retry until a new role is known everywhere.
        removal_s: How long to wait for an endpoint to go.
        round_s: At least so long between two rounds over all places.
        outage_s: How long to bear with a cloud that cannot be reached, or has trouble.
        sign_in_s: How long to wait for the user to sign in again.
    """

    poll_s: float = 15
    settle_s: float = 90
    removal_s: float = 900
    round_s: float = 60
    outage_s: float = 1800
    sign_in_s: float = 3600

    @classmethod
    def current(cls) -> Pace:
        """Return the pace for the clouds in use."""
        return cls()


@dataclass(frozen=True, slots=True)
class Context:
    """What a run hands to its steps.

    Attributes:
        progress: Called with the stage that an endpoint has reached, and newly seen log lines.
    """

    interruption: Interruption
    progress: Callable[[str, Sequence[str]], None]
    pace: Pace = field(default_factory=Pace.current)

    @property
    def patience(self) -> Patience:
        """Return what lives through minutes in which the cloud cannot be asked."""
        return Patience(self.pace, self.interruption.pause, lambda text: self.progress(text, ()))


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of a container's log."""

    at: datetime
    text: str
    stream: str = ""


@dataclass(frozen=True, slots=True)
class Address:
    """Where an application reaches an endpoint.

    Attributes:
        url: What a client of OpenAI's API takes as its base URL; it ends in ``/v1``.
        needs_key: Whether requests must carry a key (:meth:`EndpointAdapter.key`).
        certificate: Whom to trust there, in PEM; empty where every computer knows it already.
        points_to: The machine that the user's own domain has to name; empty without one.
    """

    url: str
    needs_key: bool = False
    certificate: str = ""
    points_to: str = ""


class Transport(Protocol):
    """Carries requests in OpenAI's form to one endpoint and brings back its answers."""

    def send(self, body: dict[str, Any]) -> bytes:
        """Send a request and return the whole answer."""

    def stream(self, body: dict[str, Any]) -> Iterator[bytes]:
        """Send a request and yield the answer in pieces, as they come."""


class EndpointAdapter(Protocol):
    """One service that can run endpoints."""

    cloud: str
    service: str
    longest_name: int
    takes_reservations: bool
    """Whether it deploys onto capacity that the user holds."""
    tunnel_programs: Mapping[str, str]
    """Programs on the user's computer that reach its endpoints, each with where to get it."""
    access_modes: Collection[Access]
    """What ``--access`` may be there."""

    def regions(self) -> list[str]:
        """Return the regions where endpoints may be."""

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
        """Return what serves a plan there, and its settings."""

    def checks(self, spec: DeploymentSpec, *, may_create_roles: bool) -> Sequence[Check]:
        """Return what to look at before a deploy; preflight runs them at once."""

    def find(self, name: str, region: str) -> Endpoint | None:
        """Return the endpoint of that name, or None."""

    def prepare(self, spec: DeploymentSpec, *, create_roles: bool) -> DeploymentSpec:
        """Return the specification with the identities it will run as, where they exist.

        Args:
            spec: What is planned.
            create_roles: Make those that are missing; without it they stay empty.
        """

    def steps(self, spec: DeploymentSpec, context: Context) -> list[Step]:
        """Return the steps that make the endpoint; the expiry comes before what costs money."""

    def update_steps(
        self, spec: DeploymentSpec, endpoint: Endpoint, context: Context
    ) -> list[Step]:
        """Return the steps that give an endpoint new settings, with the way back."""

    def wait(self, awaited: Awaited, context: Context) -> None:
        """Return when an endpoint that is being made is in service.

        Raises:
            PlannerError: It failed; translated.
        """

    def settle(self, before: Endpoint) -> None:
        """Remove what an update has replaced, once it stands."""

    def settings(self, endpoint: Endpoint) -> dict[str, str]:
        """Return the settings of an endpoint, to show what an update would change."""

    def endpoints(self, region: str) -> list[Endpoint]:
        """Return planner's endpoints in a region, with what is left of those that are gone."""

    def with_use(self, endpoint: Endpoint) -> Endpoint:
        """Return the endpoint with the time of its last request."""

    def guard(self, endpoint: Endpoint) -> GuardProof:
        """Return whether what ends the endpoint is there, and may do so: asked of the cloud."""

    def remove(self, endpoint: Endpoint, context: Context) -> None:
        """Remove all parts of an endpoint; what is gone already is no error."""

    def extend(self, endpoint: Endpoint, expires_at: datetime | None) -> None:
        """Move the expiry, in the cloud."""

    def logs(self, endpoint: Endpoint, since: datetime | None) -> list[LogLine]:
        """Return the container's log, oldest first."""

    def transport(self, endpoint: Endpoint, *, local_port: int | None = None) -> Transport:
        """Return the way to talk to the endpoint.

        Args:
            endpoint: As its cloud shows it.
            local_port: Where a tunnel ends on this computer; a free port by default.
        """

    def address(self, endpoint: Endpoint) -> Address:
        """Return where an application reaches the endpoint while planner does not run.

        Raises:
            UsageError: There is only the way through a tunnel.
        """

    def key(self, endpoint: Endpoint, lasts: timedelta | None) -> Secret:
        """Return a key for applications.

        Args:
            endpoint: As its cloud shows it.
            lasts: How long it shall be good for; None for what is usual there.

        Raises:
            UsageError: The endpoint takes none, or none that lasts so long.
        """

    def rotate_key(self, endpoint: Endpoint, overlap: timedelta) -> Secret:
        """Make a new key, and return it.

        Args:
            endpoint: As its cloud shows it.
            overlap: How long the one before stays good.

        Raises:
            UsageError: The endpoint takes none that is kept.
        """


def adapter(service: str) -> EndpointAdapter:
    """Return the adapter of a service.

    Raises:
        UnknownNameError: planner cannot deploy there.
    """
    if service not in SERVICES:
        raise UnknownNameError("service to deploy to", service, SERVICES)
    made: EndpointAdapter = import_module(SERVICES[service]).Adapter()
    return made
