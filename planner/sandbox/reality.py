"""How badly the simulated services behave: the knobs that make them as bad as the real ones.

Each knob says what happens, where that is documented or was reported, and its value in three
worlds: ``calm`` (nothing of it), ``mild`` (what every deploy meets; the default) and ``bad`` (a
bad day). All times are the sandbox's: a pause of planner moves its clock and takes no time.
A service reads the knobs from ``world.scenario``; what it can, and its module says so, it shows.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

from planner.errors import UnknownNameError

WORLDS = ("calm", "mild", "bad")
_FIVE_MINUTES_S = 300
_HOUR_S = 3600


@dataclass(frozen=True, slots=True)
class About:
    """What there is to say about one knob.

    Attributes:
        what: What happens, in a sentence.
        source: Where that is documented, or who reported it.
        calm: The value at which nothing of it happens.
        mild: The value that a scenario has by default.
        bad: The value of a bad day.
    """

    what: str
    source: str
    calm: Any
    mild: Any
    bad: Any


def _knob(what: str, source: str, *, calm: Any, mild: Any, bad: Any) -> Any:  # noqa: ANN401 - a number, a truth, names
    return field(default=mild, metadata={"about": About(what, source, calm, mild, bad)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Reality:
    """The knobs; the meaning of each stands beside it."""

    read_lag_s: float = _knob(
        "A thing just made is not found, and one just deleted is still described, for so long.",
        "botocore, sagemaker CreateEndpoint: reads are eventually consistent, repeat them; "
        "boto3#2105; Google and Azure say the same of their own",
        calm=0,
        mild=2,
        bad=30,
    )
    list_lag_s: float = _knob(
        "Lists show what was so long ago.",
        "Compute Engine aggregatedList, Resource Manager's lists by tag, the Resource Groups "
        "Tagging API: all eventually consistent by their documents",
        calm=0,
        mild=5,
        bad=60,
    )
    identity_lag_s: float = _knob(
        "New roles, service accounts and role assignments, and their rights, take so long to be "
        "known.",
        "IAM user guide, 'Changes that I make are not always immediately visible'; "
        "vault-plugin-secrets-gcp#246: 60 seconds or more; Azure: PrincipalNotFound",
        calm=0,
        mild=8,
        bad=60,
    )
    roles_judged: bool = _knob(
        "What a role may not do does not happen: no log, no expiry, no deletion on idle.",
        "IAM user guide, 'Policy evaluation logic'; EventBridge Scheduler: a denied target is "
        "retried and then dropped, without a word to anyone",
        calm=False,
        mild=True,
        bad=True,
    )
    identity: tuple[str, ...] = _knob(
        "The identity may do only what these printed policies allow (deploy, deploy-guard, ...); "
        "none named: everything.",
        "planner doctor --permissions prints them",
        calm=(),
        mild=(),
        bad=(),
    )
    disks: bool = _knob(
        "Containers and machines have disks of their documented sizes, and downloads fill them.",
        "djl-serving#569, sagemaker-inference-toolkit#124, graphstorm#949: a SageMaker host has "
        "120 GB on / and its NVMe disks on /tmp",
        calm=False,
        mild=True,
        bad=True,
    )
    console_kib: int = _knob(
        "A machine's console keeps so much of its end (0: all).",
        "Compute Engine getSerialPortOutput: the last 1 MB; Azure boot diagnostics: likewise",
        calm=0,
        mild=1024,
        bad=64,
    )
    lose_every: int = _knob(
        "Every so-manyth change has its effect, and the connection breaks before the answer.",
        "any network; the reason for idempotency tokens (EC2 ClientToken, Google requestId)",
        calm=0,
        mild=0,
        bad=13,
    )
    reset_every: int = _knob(
        "Every so-manyth call breaks before it has any effect.",
        "any network; urllib3's 'Connection aborted', 'Connection reset by peer'",
        calm=0,
        mild=0,
        bad=11,
    )
    outage_after_s: float = _knob(
        "The network is gone from so long after the first change on ...",
        "a laptop that changes from one network to another; a VPN that reconnects",
        calm=0,
        mild=0,
        bad=120,
    )
    outage_s: float = _knob(
        "... for so long (0: never).",
        "as above: 12 s is a change of network, five minutes are a broken line",
        calm=0,
        mild=0,
        bad=_FIVE_MINUTES_S,
    )
    sign_in_s: float = _knob(
        "A sign-in is good for so long; then planner sandbox sign-in is needed (0: for ever).",
        "AWS STS: one hour for chained roles; Azure and Google access tokens: about one hour",
        calm=0,
        mild=0,
        bad=_HOUR_S,
    )
    signs_in_after_s: float = _knob(
        "Somebody runs planner sandbox sign-in so long after a sign-in has ended (0: nobody).",
        "the user who is told to sign in again, and does",
        calm=0,
        mild=0,
        bad=_FIVE_MINUTES_S,
    )
    clock_skew_s: float = _knob(
        "The clouds' clocks are so far ahead of this machine's.",
        "AWS general reference: requests are refused at five minutes and more",
        calm=0,
        mild=0,
        bad=100,
    )


def about() -> dict[str, About]:
    """Return what there is to say about each knob, by its name."""
    return {item.name: item.metadata["about"] for item in fields(Reality)}


def of(world: str) -> dict[str, Any]:
    """Return the values of all knobs in a world: ``calm``, ``mild`` or ``bad``.

    Raises:
        UnknownNameError: There is no such world.
    """
    if world not in WORLDS:
        raise UnknownNameError("world", world, WORLDS, advice="planner sandbox knobs")
    return {name: getattr(item, world) for name, item in about().items()}
