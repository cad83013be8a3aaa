"""The words of deploying: what is to be made, and what is there. Pure data."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from planner.endpoints.ingress import Ingress
from planner.endpoints.watching.guard import Guard, GuardProof

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

    from planner.plan import Plan

TAG_ENDPOINT = "planner:endpoint"
TAG_OWNER = "planner:owner"
TAG_EXPIRES = "planner:expires"
TAG_MODEL = "planner:model"
TAG_PRECISION = "planner:precision"
TAG_SETTINGS = "planner:settings"
TAG_HOURLY = "planner:hourly-usd"
TAG_GUARD = "planner:guard"
TAG_ACCESS = "planner:access"
_CONFIG = "endpoint_config:"
NEVER = "never"
"""Value of the expiry tag of an endpoint that the user keeps without one."""


class State(StrEnum):
    """Where an endpoint stands, in every cloud's terms at once."""

    CREATING = "creating"
    IN_SERVICE = "in service"
    UPDATING = "updating"
    FAILED = "failed"
    DELETING = "deleting"
    GONE = "gone"
    LEFTOVER = "leftover"
    """Parts that cost nothing remain of an endpoint that is gone."""


class Secret:
    """A token in memory. Its text shows only where it is asked for by name.

    >>> print(Secret("hf_abc"))
    ***
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return "***"

    def reveal(self) -> str:
        """Return the token itself, to be sent and never kept."""
        return self._text


@dataclass(frozen=True, slots=True)
class Weights:
    """Where the weights come from.

    Attributes:
        location: A Hugging Face id, or ``s3://bucket/prefix/``.
        quantization: What the engine is told; empty where the checkpoint says it itself or
            there is none.
        gated: Whether Hugging Face asks for a token of someone who accepted the licence.
        chat: Whether the model was trained to chat (its tokenizer has a chat template).
        size_gb: Bytes to download, in GB; None where not known.
    """

    location: str
    quantization: str = ""
    gated: bool = False
    chat: bool = True
    size_gb: float | None = None

    @property
    def in_s3(self) -> bool:
        """Tell whether they lie in a bucket of the user's."""
        return self.location.startswith("s3://")

    @property
    def needs_token(self) -> bool:
        """Tell whether the container must be given a token of Hugging Face."""
        return self.gated and not self.in_s3


@dataclass(frozen=True, slots=True)
class Container:
    """The image that serves the model, and what it is told.

    Attributes:
        engine: ``vllm``, ``lmi`` or ``tgi``.
        cuda: The CUDA version it was built with; empty where not known.
        machine_image: What the host must run for that CUDA version; empty for the default.
        environment: Without any secret.
        arguments: The user's own for vLLM, without dashes.
        told_by_environment: Whether the environment has them too.
        token_variable: The variable that carries the token, where one is needed.
    """

    engine: str
    version: str
    image: str
    cuda: str = ""
    machine_image: str = ""
    environment: dict[str, str] = field(default_factory=dict)
    arguments: dict[str, str] = field(default_factory=dict)
    told_by_environment: bool = False
    token_variable: str = "HF_TOKEN"  # noqa: S105 - the variable's name

    @property
    def words(self) -> str:
        """Return the arguments as people read them."""
        return " ".join(f"--{name} {text}".strip() for name, text in sorted(self.arguments.items()))


@dataclass(frozen=True, slots=True)
class Awaited:
    """What is known of an endpoint whose first answer is waited for, whoever made it.

    Attributes:
        run: Of the deploy that made it; empty where the service does not tell.
        startup_timeout_s: How long it may take from now on.
        to_zero: Whether its model is an inference component, which starts after the machine.
        access: The way in to a machine (:attr:`Ingress.tag`); empty: a tunnel.
    """

    name: str
    service: str
    region: str
    model: str
    run: str = ""
    startup_timeout_s: int = 3600
    to_zero: bool = False
    access: str = ""

    @property
    def component(self) -> str:
        """Return its SageMaker inference component; empty where it has none."""
        return f"{self.name}-{self.run}" if self.to_zero else ""


@dataclass(frozen=True, slots=True)
class DeploymentSpec:
    """All that one deploy will make.

    Attributes:
        name: The endpoint's name, unique in the account and region.
        owner: Who answers for the bill; a tag.
        context: Tokens of one request, prompt and answer.
        execution_role: What the container runs as; the cloud's id of it.
        expiry_role: What the expiry acts as; the cloud's id of it.
        expires_at: None where the user wants none.
        token: For gated weights.
        startup_timeout_s: How long the container may take until it answers health checks.
        volume_gb: Disk to order; None where the machine brings its own.
        run: Marks what one run of planner made, so that it removes nothing else.
        reservation: Of capacity that the user holds; the cloud's id of it.
        ingress: The way in for applications.
        api_key: What they show there; None where the way in is a tunnel.
    """

    name: str
    plan: Plan
    weights: Weights
    container: Container
    owner: str
    context: int
    run: str
    execution_role: str = ""
    expiry_role: str = ""
    expires_at: datetime | None = None
    token: Secret | None = None
    startup_timeout_s: int = 3600
    volume_gb: int | None = None
    reservation: str = ""
    guard: Guard = field(default_factory=Guard)
    ingress: Ingress = field(default_factory=Ingress)
    api_key: Secret | None = None

    @property
    def region(self) -> str:
        """Return where it will be."""
        return self.plan.region

    @property
    def has_secrets(self) -> bool:
        """Tell whether its machine reads anything from the cloud's secret store."""
        return self.token is not None or self.api_key is not None

    @property
    def awaited(self) -> Awaited:
        """Return what is needed to wait for it."""
        return Awaited(
            name=self.name,
            service=self.plan.service,
            region=self.region,
            model=self.plan.model,
            run=self.run,
            startup_timeout_s=self.startup_timeout_s,
            to_zero=self.guard.to_zero,
            access=self.ingress.tag,
        )

    @property
    def settings(self) -> dict[str, str]:
        """Return what makes two deployments different, in words; no secret, no expiry."""
        plan, container = self.plan, self.container
        own = "" if container.told_by_environment else container.words
        return {
            "model": plan.model,
            "weights": self.weights.location,
            "precision": plan.precision,
            "instance type": plan.instance_type,
            "instances": str(plan.instances),
            "image": self.container.image,
            "machine image": self.container.machine_image,
            "context": str(self.context),
            **({"engine arguments": own} if own else {}),
            **({"reservation": self.reservation} if self.reservation else {}),
            **({"scales to zero": "yes"} if self.guard.to_zero else {}),
            **({"access": self.ingress.words} if self.ingress.is_open else {}),
            **{f"${name}": value for name, value in sorted(self.container.environment.items())},
        }

    @property
    def settings_hash(self) -> str:
        """Return a short hash of the settings, for a tag."""
        text = json.dumps(self.settings, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def tags(self) -> dict[str, str]:
        """Return the tags of every resource of the deployment."""
        expires = self.expires_at.strftime("%Y-%m-%dT%H:%M:%SZ") if self.expires_at else NEVER
        price = self.plan.hourly_usd
        return {
            TAG_ENDPOINT: self.name,
            TAG_OWNER: self.owner,
            TAG_EXPIRES: expires,
            TAG_MODEL: self.plan.model,
            TAG_PRECISION: self.plan.precision,
            TAG_SETTINGS: self.settings_hash,
            **({TAG_GUARD: " ".join(self.guard.kinds)} if self.guard.kinds else {}),
            **({TAG_ACCESS: self.ingress.tag} if self.ingress.is_open else {}),
            **({TAG_HOURLY: f"{price.normalize():f}"} if price is not None else {}),
        }


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An endpoint as its cloud shows it.

    Attributes:
        native_state: The cloud's own word.
        hourly_usd: As planned when it was made; None where its tag is missing.
        created_at: Of leftovers, when the youngest part was made; None where that is not known.
        expires_at: When the cloud will remove it; None: never, or not known.
        guarded: Whether the cloud really has an order to remove it.
        guard: What was found out about that order; None where nobody asked.
        last_request_at: None where there was none lately, or it is not known.
        use_known: Whether the service tells when it was last asked; machines do not.
        parts: Ids of what belongs to it.
        scales_to_zero: Whether all its machines go when it is unused, and come when it is asked.
        occupied: Whether machines run although it has failed.
        problem: Why it failed, or what is odd about it.
        access: The way in to a machine (:attr:`Ingress.tag`); empty: a tunnel, or the cloud's own.
    """

    name: str
    cloud: str
    service: str
    region: str
    state: State
    native_state: str = ""
    model: str = ""
    precision: str = ""
    owner: str = ""
    instance_type: str = ""
    instances: int = 1
    hourly_usd: Decimal | None = None
    created_at: datetime | None = None
    expires_at: datetime | None = None
    guarded: bool = False
    guard: GuardProof | None = None
    last_request_at: datetime | None = None
    use_known: bool = False
    settings_hash: str = ""
    parts: tuple[str, ...] = ()
    scales_to_zero: bool = False
    occupied: bool = False
    problem: str = ""
    access: str = ""

    @property
    def awaited(self) -> Awaited:
        """Return what is needed to wait for it, without the deploy that made it."""
        configs = (part.rpartition("-")[2] for part in self.parts if part.startswith(_CONFIG))
        return Awaited(
            name=self.name,
            service=self.service,
            region=self.region,
            model=self.model,
            run=next(configs, ""),
            to_zero=self.scales_to_zero,
            access=self.access,
        )

    @property
    def billed(self) -> bool:
        """Tell whether it may cost money now."""
        return self.occupied or self.state not in {State.GONE, State.LEFTOVER, State.FAILED}

    @property
    def asleep(self) -> bool:
        """Tell whether it is in service with no machine: the next request wakes it."""
        return self.scales_to_zero and self.instances == 0 and self.state is State.IN_SERVICE

    def spend_usd(self, now: datetime) -> Decimal | None:
        """Return what it has cost so far at its planned price; None where not known.

        One that scales to zero has cost so much at most.
        """
        from decimal import Decimal as Money

        if self.hourly_usd is None or self.created_at is None:
            return None
        # A simulated cloud's clock may be ahead of this one.
        hours = Money(str(max(0.0, (now - self.created_at).total_seconds()))) / 3600
        return (self.hourly_usd * hours).quantize(Money("0.01"))
