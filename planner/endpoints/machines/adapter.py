"""The adapter of a service that rents machines: all that no vendor decides.

A vendor derives from :class:`MachineAdapter`, says in its class attributes what it is called,
and writes the abstract methods. The base class holds what is true of every machine: it cannot be
changed in place, nobody sees its requests, its console tells how far it is.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Protocol

from planner.clouds import settings as clouds
from planner.endpoints import api_keys
from planner.endpoints.ingress import Access, Ingress
from planner.endpoints.machines import (
    checks,
    console,
    found,
    removal,
    watch,
    way_in,
)
from planner.endpoints.model import Container, State
from planner.endpoints.watching.guard import GuardProof
from planner.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from datetime import datetime, timedelta

    from planner.endpoints.deploying.lifecycle import Step
    from planner.endpoints.deploying.preflight import Check
    from planner.endpoints.interface import Address, Context, LogLine
    from planner.endpoints.model import Awaited, DeploymentSpec, Endpoint, Secret, Weights
    from planner.endpoints.talking.http_transport import HttpTransport
    from planner.plan import Plan


class Handle(Protocol):
    """One machine that is there, or just being made."""

    def console(self) -> list[str]:
        """Return what it wrote so far; nothing where it has no console yet."""

    def stopped(self) -> str:
        """Return why it does not run any more; empty where it does.

        Raises:
            PlannerError: It is gone.
        """

    def transport(self, local_port: int | None = None) -> HttpTransport:
        """Return the way to its engine, through this port of the computer or a free one."""

    def host(self, access: Access) -> str:
        """Return where its way in is: an address, with a port where it is not HTTPS' own."""


class MachineAdapter(ABC):
    """Machines of one service, each of which serves one model with vLLM.

    Args:
        provisioning: One of ``provisioning_models``.
    """

    cloud: ClassVar[str]
    service: ClassVar[str]
    title: ClassVar[str]
    """What people call it: ``Compute Engine``."""
    longest_name: ClassVar[int]
    takes_reservations: ClassVar[bool] = True
    access_modes: ClassVar[Collection[Access]]
    tunnel_programs: ClassVar[Mapping[str, str]]
    provisioning_models: ClassVar[tuple[str, ...]]
    ended_by: ClassVar[str]
    """Who keeps the order that ends an endpoint: ``a Logic App``."""
    console_title: ClassVar[str]
    """What the cloud calls the console: ``serial port 1``."""

    def __init__(self, provisioning: str = "STANDARD") -> None:
        if provisioning not in self.provisioning_models:
            raise UsageError(
                f"{self.title} has no machines of the kind {provisioning}",
                advice=" or ".join(self.provisioning_models),
            )
        self.provisioning = provisioning
        self._own: dict[tuple[str, str], Handle] = {}

    # What the vendor writes.

    @abstractmethod
    def regions(self) -> list[str]:
        """Return the regions where endpoints may be."""

    @abstractmethod
    def pinned(self) -> Mapping[str, str]:
        """Return what is pinned: ``image``, ``version``, ``cuda``, ``machine_image``."""

    @abstractmethod
    def checks(self, spec: DeploymentSpec, *, may_create_roles: bool) -> Sequence[Check]:
        """Return what to look at before a deploy."""

    @abstractmethod
    def look(self, region: str, name: str = "") -> list[found.Found]:
        """Return what the cloud has of planner's endpoints in a region, or of one of them."""

    @abstractmethod
    def prepare(self, spec: DeploymentSpec, *, create_roles: bool) -> DeploymentSpec:
        """Return the specification with the identities it will run as, where they exist."""

    @abstractmethod
    def steps(self, spec: DeploymentSpec, context: Context) -> list[Step]:
        """Return the steps that make the endpoint; the expiry comes before what costs money."""

    @abstractmethod
    def locate(self, name: str, region: str) -> Handle:
        """Return the machine of an endpoint, by the cloud's lists.

        Raises:
            NotFoundError: There is none.
        """

    @abstractmethod
    def removals(self, endpoint: Endpoint, context: Context) -> Iterable[Callable[[], None]]:
        """Yield what removes the parts of an endpoint, machines first.

        Each removes one part and does not mind if it is gone already.
        """

    @abstractmethod
    def settings(self, endpoint: Endpoint) -> dict[str, str]:
        """Return the settings of an endpoint in the words of ``DeploymentSpec.settings``."""

    @abstractmethod
    def extend(self, endpoint: Endpoint, expires_at: datetime | None) -> None:
        """Move the expiry, in the cloud."""

    @abstractmethod
    def stored_keys(self, endpoint: Endpoint) -> Secret:
        """Return what the cloud's store holds for the way in, as :mod:`api_keys` reads it."""

    @abstractmethod
    def store_keys(self, endpoint: Endpoint, keys: Secret) -> None:
        """Put another value there."""

    # What is the same on every machine.

    def keep(self, name: str, region: str, machine: Handle) -> None:
        """Remember a machine that this run makes: the cloud's lists do not show it at once."""
        self._own[name, region] = machine

    def machine(self, name: str, region: str) -> Handle:
        """Return the machine of an endpoint: of this run's own, or by the cloud's lists.

        Raises:
            NotFoundError: There is none.
        """
        return self._own.get((name, region)) or self.locate(name, region)

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
        """Return vLLM's own image and what pins it; how the machine is provisioned with it.

        Raises:
            UsageError: Another engine, or weights in S3.
        """
        del context
        if engine != "vllm":
            raise UsageError(f"{engine} is not set up on {self.title}", advice="--engine vllm")
        if weights.in_s3:
            raise UsageError(
                f"weights in S3 cannot be read from {self.title}",
                advice="a Hugging Face id as --weights",
            )
        pinned = self.pinned()
        bought = "SPOT" if plan.pricing_model == "spot" else self.provisioning
        return Container(
            engine="vllm",
            version=pinned["version"],
            image=pinned["image"],
            cuda=pinned["cuda"],
            machine_image=machine_image or pinned["machine_image"],
            environment={checks.PROVISIONING: bought},
            arguments=dict(arguments or {}),
        )

    def find(self, name: str, region: str) -> Endpoint | None:
        """Return the endpoint of that name, or what is left of it, or None."""
        seen = self.look(region, name)
        return found.endpoint(seen[0], self.cloud, self.service) if seen else None

    def endpoints(self, region: str) -> list[Endpoint]:
        """Return planner's endpoints in a region, leftovers last."""
        made = [found.endpoint(item, self.cloud, self.service) for item in self.look(region)]
        return sorted(made, key=lambda item: item.state is State.LEFTOVER)

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
            why="giving it up first could end with none: there may be no room for another",
            advice=f"another --name, or planner destroy {endpoint.name} first",
        )

    def wait(self, awaited: Awaited, context: Context) -> None:
        """Return when the endpoint is in service."""
        find = partial(self.machine, awaited.name, awaited.region)
        watch.follow(awaited, context, context.patience.ask(find))

    def settle(self, before: Endpoint) -> None:
        """Do nothing: nothing is updated in place."""
        del before

    def with_use(self, endpoint: Endpoint) -> Endpoint:
        """Return the endpoint as it is: the cloud does not see its requests."""
        return endpoint

    def guard(self, endpoint: Endpoint) -> GuardProof:
        """Return what the cloud shows of the endpoint's end: its lists tell whether it may act."""
        if endpoint.guarded:
            return GuardProof(self.ended_by, endpoint.expires_at)
        why = f"{self.ended_by} has no order, or may not remove it"
        return GuardProof(self.ended_by, endpoint.expires_at, may_act=False, why=why)

    def remove(self, endpoint: Endpoint, context: Context) -> None:
        """Remove all parts of an endpoint.

        Raises:
            PlannerError: Something could not be removed; the rest is.
        """
        removal.in_turn(self.removals(endpoint, context))

    def logs(self, endpoint: Endpoint, since: datetime | None) -> list[LogLine]:
        """Return the machine's console; of an endpoint without a machine, nothing."""
        del since  # the console carries no times
        try:
            machine = self.machine(endpoint.name, endpoint.region)
        except NotFoundError:
            return []
        return console.log(machine.console(), self.console_title)

    def transport(self, endpoint: Endpoint, *, local_port: int | None = None) -> HttpTransport:
        """Return the way to talk to the endpoint: a tunnel."""
        return self.machine(endpoint.name, endpoint.region).transport(local_port)

    def address(self, endpoint: Endpoint) -> Address:
        """Return where applications reach the machine, and whom to trust there.

        Raises:
            UsageError: It takes nothing from outside.
            CloudError: Its console does not show its certificate now.
        """
        ingress = self._ingress(endpoint, "has no address of its own")
        machine = self.machine(endpoint.name, endpoint.region)
        return way_in.address(endpoint.name, ingress, machine.host, machine.console)

    def key(self, endpoint: Endpoint, lasts: timedelta | None) -> Secret:
        """Return the key of the way in, from the cloud's store.

        Raises:
            UsageError: There is only the tunnel, or the key shall end by itself.
        """
        self._ingress(endpoint, "takes no key")
        if lasts is not None:
            raise UsageError(
                f"the key of {endpoint.name} is good until it is rotated",
                advice=f"leave --for out; planner key rotate {endpoint.name}",
            )
        return api_keys.current(self.stored_keys(endpoint))

    def rotate_key(self, endpoint: Endpoint, overlap: timedelta) -> Secret:
        """Make a new key for the way in, and return it; the machine knows it within a minute.

        Raises:
            UsageError: There is only the tunnel.
        """
        self._ingress(endpoint, "takes no key")
        made = api_keys.new()
        stored = self.stored_keys(endpoint)
        self.store_keys(endpoint, api_keys.rotated(stored, made, clouds.now(), overlap))
        return made

    @staticmethod
    def _ingress(endpoint: Endpoint, what_is_not: str) -> Ingress:
        ingress = Ingress.of_tag(endpoint.access)
        if not ingress.is_open:
            raise UsageError(
                f"{endpoint.name} {what_is_not}",
                why="its machine takes nothing from outside; a tunnel of yours reaches it",
                advice=f"planner connect {endpoint.name} (another deploy with --access public "
                "or private has an address)",
            )
        return ingress
