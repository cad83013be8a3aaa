"""A canary for the user's own account: a very small model goes all the way, and a record is kept.

It proves what no rehearsal can: that the image comes, the machine starts, its log can be read, it
answers, its guard really deletes it, and nothing is left.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from planner import state
from planner.clouds import settings
from planner.endpoints.deploying import deployment, preflight
from planner.endpoints.interface import Context, Pace
from planner.endpoints.model import State
from planner.errors import PlannerError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from planner.endpoints.deploying.choices import Options, Prepared
    from planner.endpoints.deploying.interruption import Interruption
    from planner.endpoints.interface import EndpointAdapter
    from planner.endpoints.model import Endpoint
    from planner.ledger import Ledger
    from planner.plan import Plan

MODEL = "qwen3-0.6b"
"""Open to all, and small enough to start on the smallest card."""
SHORTEST, LONGEST = timedelta(minutes=30), timedelta(hours=1)
_SOON = timedelta(minutes=5)
_GRACE = timedelta(minutes=30)  # a Logic App tries every quarter of an hour
_AWAY = {State.GONE, State.LEFTOVER, State.DELETING}


@dataclass(frozen=True, slots=True)
class Proof:
    """One thing that was tried.

    Attributes:
        detail: What was seen, or what went wrong.
        advice: What to do where it went wrong.
    """

    name: str
    passed: bool
    detail: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """What a canary came to.

    Attributes:
        at: When it ended, ISO 8601.
        most_usd: What it can have cost at most, at the planned price.
        simulated: Whether it was in the sandbox, which proves nothing of the cloud.
    """

    at: str
    service: str
    region: str
    instance_type: str
    most_usd: str
    simulated: bool
    proofs: tuple[Proof, ...] = field(default=())

    @property
    def passed(self) -> bool:
        """Tell whether all went well."""
        return all(proof.passed for proof in self.proofs)


def life_for(plan: Plan, spend: Decimal) -> timedelta:
    """Return how long the canary may live for so much money.

    Raises:
        UsageError: Too short to start.
    """
    hourly = plan.hourly_usd
    if not hourly:
        raise UsageError(f"no price of {plan.instance_type} is known", advice="planner refresh")
    life = min(LONGEST, timedelta(hours=float(spend / hourly)))
    if life < SHORTEST:
        least = hourly * Decimal(SHORTEST.total_seconds()) / 3600
        raise UsageError(
            f"${spend} is not enough for {plan.instance_type} at ${hourly:.2f} an hour",
            why=f"a start and a deletion take up to {SHORTEST.seconds // 60} minutes",
            advice=f"--spend {least.quantize(Decimal('0.01')) + Decimal('0.01')}",
        )
    return life


def verify(
    prepared: Prepared,
    adapter: EndpointAdapter,
    ledger: Ledger,
    interruption: Interruption,
    *,
    options: Options,
    tell: Callable[[Proof], None],
) -> Record:
    """Deploy the canary, watch its guard delete it, and return what was seen.

    Args:
        prepared: The canary, ready to start.
        adapter: Of its service.
        ledger: Where it is written down.
        interruption: The user's Ctrl-C, which takes it back.
        options: As for the preparation.
        tell: Called with each proof.
    """
    run = _Run(prepared, adapter, ledger, interruption, tell)
    if run.tried("checks before", run.check) and run.tried(
        "image, start and answer", lambda: run.deploy(options)
    ):
        run.tried("log", run.read_log)
        if run.tried("guard is set", run.look_at_guard):
            run.tried("guard deletes", run.wait_for_guard)
    run.tried("nothing is left", run.clean_up)
    return _record(prepared, options.life or LONGEST, tuple(run.proofs))


class _Run:
    """One canary, proof by proof."""

    def __init__(
        self,
        prepared: Prepared,
        adapter: EndpointAdapter,
        ledger: Ledger,
        interruption: Interruption,
        tell: Callable[[Proof], None],
    ) -> None:
        self.proofs: list[Proof] = []
        self._prepared = prepared
        self._spec = prepared.spec
        self._adapter = adapter
        self._ledger = ledger
        self._interruption = interruption
        self._tell = tell
        self._pace = Pace.current()

    def tried(self, name: str, prove: Callable[[], str]) -> bool:
        """Try one thing, note what came of it, and return whether it went well."""
        try:
            proof = Proof(name, passed=True, detail=prove())
        except PlannerError as error:
            why = error.why.splitlines()[0] if error.why else ""
            detail = f"{error} ({why})" if why else str(error)
            proof = Proof(name, passed=False, detail=detail, advice=error.advice)
        self.proofs.append(proof)
        self._tell(proof)
        return proof.passed

    def check(self) -> str:
        preflight.require(self._prepared.findings)
        return f"{len(self._prepared.findings)} checks, nothing was made"

    def deploy(self, options: Options) -> str:
        outcome = deployment.deploy(
            self._prepared, self._adapter, self._ledger, self._interruption, options=options
        )
        self._spec = outcome.spec
        return f"{outcome.spec.plan.instance_type} in {outcome.spec.region} answered"

    def read_log(self) -> str:
        lines = self._adapter.logs(self._there(), None)
        if not lines:
            raise PlannerError("the log is empty", advice=f"planner logs {self._spec.name}")
        return f"{len(lines)} lines"

    def look_at_guard(self) -> str:
        there = self._there()
        proof = self._adapter.guard(there)
        if there.expires_at is None or not there.guarded or not proof.holds:
            raise PlannerError(
                "nothing in the cloud deletes it when its time is up, or may not",
                why=proof.why,
                advice="planner doctor --permissions",
            )
        return f"until {there.expires_at:%H:%M} UTC"

    def wait_for_guard(self) -> str:
        ends = self._bring_forward()
        while settings.now() < ends + _GRACE:
            found = self._find()
            if found is None or found.state in _AWAY:
                return f"gone by {settings.now():%H:%M} UTC, without planner"
            self._interruption.pause(self._pace.poll_s)
        raise PlannerError(
            "it is still there after its time", advice=f"planner destroy {self._spec.name}"
        )

    def clean_up(self) -> str:
        """Take away what is left of it, and say so."""
        found = self._find()
        if found is not None and found.state not in {State.GONE, State.DELETING}:
            costs = found.billed
            context = Context(self._interruption, progress=lambda *_: None)
            self._adapter.remove(found, context)
            deployment.forget(self._ledger, found)
            if costs:
                raise PlannerError("a machine was left; planner has removed it")
        for item in self._ledger.resources(endpoint=self._spec.name):
            self._ledger.mark_removed(item.id)
        return "the cloud shows nothing of it"

    def _there(self) -> Endpoint:
        found = self._find()
        if found is None:
            raise PlannerError(f"{self._spec.name} is not to be found", advice="planner status")
        return found

    def _find(self) -> Endpoint | None:
        return self._adapter.find(self._spec.name, self._spec.region)

    def _bring_forward(self) -> Any:  # noqa: ANN401 - a time, which the specification has
        soon = settings.now().replace(microsecond=0) + _SOON
        try:
            self._adapter.extend(self._there(), soon)
        except UsageError:
            return self._spec.expires_at  # it cannot be moved there
        return soon


def _record(prepared: Prepared, life: timedelta, proofs: tuple[Proof, ...]) -> Record:
    spec = prepared.spec
    hourly = spec.plan.hourly_usd or Decimal(0)
    most = hourly * Decimal(str(life.total_seconds())) / 3600
    return Record(
        at=settings.now().isoformat(timespec="seconds"),
        service=spec.plan.service,
        region=spec.region,
        instance_type=spec.plan.instance_type,
        most_usd=str(most.quantize(Decimal("0.01"))),
        simulated=settings.current().simulated,
        proofs=proofs,
    )


def keep(record: Record) -> None:
    """Write a record down, for ``planner doctor``."""
    path = state.folder() / "verifications.jsonl"
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(record)) + "\n")


def kept() -> list[Record]:
    """Return the records of this user, oldest first."""
    path = state.folder() / "verifications.jsonl"
    if not path.exists():
        return []
    read = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]
    return [
        Record(**{**item, "proofs": tuple(Proof(**proof) for proof in item["proofs"])})
        for item in read
    ]
