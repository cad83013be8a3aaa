"""What a deploy is given, what is found out before it, and what it comes to. Pure data."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from planner.endpoints.ingress import Ingress
from planner.endpoints.model import State
from planner.endpoints.watching.guard import Guard

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from decimal import Decimal

    from planner.endpoints.deploying.lifecycle import Phase
    from planner.endpoints.deploying.preflight import Finding
    from planner.endpoints.model import DeploymentSpec, Endpoint
    from planner.endpoints.talking.client import Reply
    from planner.errors import PlannerError
    from planner.plan import Plan

DEFAULT_LIFE = timedelta(hours=8)


@dataclass(frozen=True, slots=True)
class Options:
    """What the user chose beside the plan.

    Attributes:
        life: Until the expiry; None for none.
        weights: A Hugging Face id or S3 prefix; empty for the usual weights of the model.
        wait: Stay until it has answered.
        reservation: Capacity that the user holds, to deploy onto.
        ingress: The way in for applications.
        engine_arguments: The user's own for vLLM, adapters among them, without dashes.
    """

    name: str = ""
    owner: str = ""
    engine: str = "vllm"
    context: int | None = None
    instances: int = 1
    life: timedelta | None = DEFAULT_LIFE
    weights: str = ""
    role: str = ""
    token_secret: str = ""
    machine_image: str = ""
    accept_license: bool = False
    create_roles: bool = False
    max_hourly: Decimal | None = None
    wait: bool = True
    guard: Guard = field(default_factory=Guard)
    reservation: str = ""
    ingress: Ingress = field(default_factory=Ingress)
    engine_arguments: dict[str, str] = field(default_factory=dict)


class Result(StrEnum):
    """What became of a place that was looked at."""

    NO_ROOM = "no room"
    PASSED_OVER = "passed over"
    OVERTAKEN = "overtaken"
    NOT_TAKEN_BACK = "not taken back"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One place where the endpoint is not.

    Attributes:
        result: No room; passed over before anything was made (quota, access, ...); another
            place was first; or that, and it could not be taken back.
        seconds: How long it took until it was known and all was taken back.
    """

    plan: Plan
    error: PlannerError
    result: Result = Result.NO_ROOM
    seconds: float = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a deploy came to.

    Attributes:
        changed: False where the endpoint was there already with the same settings.
        reply: Its first answer; None where nobody waited for it.
        attempts: The places before it, in the order in which they were given up.
    """

    spec: DeploymentSpec
    changed: bool = True
    reply: Reply | None = None
    attempts: tuple[Attempt, ...] = ()


@dataclass(frozen=True, slots=True)
class Prepared:
    """A deployment that is ready to start, with all that was found out about it.

    Attributes:
        existing: planner's endpoint of that name, where there is one.
        differences: Settings that an update would change: (what, now, then).
        typical_s: How long it took before, from this machine; None where it never did.
        may_create_roles: Whether roles may be made, and given the policies that they lack.
    """

    spec: DeploymentSpec
    findings: tuple[Finding, ...]
    existing: Endpoint | None = None
    differences: tuple[tuple[str, str, str], ...] = ()
    typical_s: float | None = None
    may_create_roles: bool = False

    @property
    def is_same(self) -> bool:
        """Tell whether the endpoint is there already, as asked for."""
        return (
            self.existing is not None
            and self.existing.state in {State.IN_SERVICE, State.CREATING, State.UPDATING}
            and self.existing.settings_hash == self.spec.settings_hash
        )

    @property
    def is_update(self) -> bool:
        """Tell whether an endpoint would be changed in place."""
        return (
            self.existing is not None
            and self.existing.state is State.IN_SERVICE
            and not self.is_same
        )


@dataclass(frozen=True, slots=True)
class Observers:
    """Who is told what happens.

    Attributes:
        step: A step began, ended or is undone.
        stage: The stage of an endpoint that starts, with new lines of its log.
        attempt: A place was given up.
        waiting: All places were given up; in so many seconds it starts again.
    """

    step: Callable[[Phase, str, str], None] = field(default=lambda *_: None)
    stage: Callable[[str, Sequence[str]], None] = field(default=lambda *_: None)
    attempt: Callable[[Attempt], None] = field(default=lambda _: None)
    waiting: Callable[[float], None] = field(default=lambda _: None)
