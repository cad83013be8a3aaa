"""What a cloud's failure reason and a container's last words mean, and what to do.

What is known stands in tables (:mod:`knowledge`); here is how it is decided. Lines that only look
like failures are left out. Of what is left, the surest counts, and among equally sure lines the
last: what came before it was survived. What the log says for certain beats what the cloud guesses
from outside ("did not answer the health check").
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.clouds.redact import redact
from planner.endpoints.watching import knowledge
from planner.endpoints.watching.knowledge import Certainty
from planner.errors import CapacityError, CloudError, PlannerError, QuotaShortError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from planner.endpoints.watching.knowledge import Pattern

LIMIT = re.compile(
    r"service limit '(?P<quota>[^']+)' is (?P<limit>\d+) Instances, with current utilization of "
    r"(?P<used>\d+) Instances and a request delta of (?P<delta>\d+)"
)
CAUSES = tuple(knowledge.causes().values())
_TELLING_LINES = 5
_LAST_LINES = 2000  # of what is looked at: what is fatal stands near the end
_LONGEST_LINE = 2000  # of what is looked at: dumps of a configuration have more
# What engines write in front of their messages: process, level, date, place in the source.
_PREFIX = re.compile(
    r"^(?:\([^)]*pid=\d+\)\s*)?"
    r"(?:(?P<level>INFO|DEBUG|WARNING|WARN|ERROR|CRITICAL)"
    r"(?::\s+|\s+\d[\d-]*\s+[\d:.,]+\s+(?:\[[^\]]*\]|\S+\])\s?))?"
)
_TGI_PREFIX = re.compile(r"^\S+Z\s+(?P<level>INFO|DEBUG|WARN|ERROR)\s+")
_TALK, _WARNINGS = {"INFO", "DEBUG"}, {"WARNING", "WARN"}


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What a failure means.

    Attributes:
        cause: The name of the cause; ``unknown`` where none fits.
        text: In planner's words.
        reason: In the cloud's words, without account numbers.
        lines: The telling lines of the container log.
        layer: Where it lies; empty where the cause is unknown.
        certain: Whether the words leave no other explanation.
    """

    cause: str
    text: str
    reason: str
    lines: tuple[str, ...]
    advice: str
    layer: str = ""
    certain: bool = False


@dataclass(frozen=True, slots=True)
class _Sign:
    """A line that tells a cause; ``place`` is -1 for the cloud's reason."""

    pattern: Pattern
    certainty: Certainty
    place: int
    line: str


def diagnose(
    reason: str,
    log: Sequence[str] = (),
    *,
    model: str = "MODEL",
    name: str = "NAME",
    service: str = "sagemaker",
) -> Diagnosis:
    """Return what a failure reason and the container log mean.

    Args:
        reason: The cloud's own words.
        log: The lines of the container, oldest first.
        model: To be named in the advice.
        name: Of the endpoint, likewise.
        service: Where it is; advice differs.
    """
    fill = {"model": model, "name": name, "service": service}
    signs = [*_in_reason(reason), *_in_log(log)]
    if not signs:
        return Diagnosis(
            "unknown",
            "the endpoint failed",
            redact(reason),
            _telling(log),
            f"planner logs {name}; planner deploy {model} --to {service} --plan",
        )
    found = max(signs, key=lambda sign: (sign.certainty, sign.place))
    cause = found.pattern.cause
    lines = [sign.line for sign in signs if sign.pattern.cause is cause and sign.place >= 0]
    certain = found.certainty is Certainty.CERTAIN
    text = f"{cause.text}: {found.pattern.detail}" if found.pattern.detail else cause.text
    return Diagnosis(
        cause.name,
        text if certain or found.certainty is Certainty.SYMPTOM else f"most likely, {text}",
        redact(reason),
        _telling(lines or log),
        knowledge.advice(cause.name, service).format_map(fill),
        layer=cause.layer,
        certain=certain,
    )


def _in_reason(reason: str) -> Iterator[_Sign]:
    sign = _sign((item for item in knowledge.patterns() if item.in_reason), reason)
    if sign is not None:
        yield _Sign(sign, sign.certainty, -1, reason)


def _in_log(log: Sequence[str]) -> Iterator[_Sign]:
    looked_for = [item for item in knowledge.patterns() if item.in_log]
    for place, line in enumerate(log[-_LAST_LINES:]):
        words, level = _words(line[:_LONGEST_LINE])
        sign = None if level in _TALK else _sign(looked_for, words)
        if sign is not None and not knowledge.harmless().search(words):
            remark = level in _WARNINGS
            yield _Sign(sign, Certainty.REMARK if remark else sign.certainty, place, line)


def _sign(patterns: Iterable[Pattern], text: str) -> Pattern | None:
    """Return the surest pattern that a text matches, the first of equally sure ones."""
    folded = text.lower()
    matching = (item for item in patterns if item.matches(text, folded))
    return max(matching, key=lambda item: item.certainty, default=None)


def _words(line: str) -> tuple[str, str]:
    """Return a line without what engines write in front of it, and its level."""
    found = _TGI_PREFIX.match(line) or _PREFIX.match(line)
    if found is None:
        return line, ""
    return line[found.end() :], found["level"] or ""


def _telling(lines: Sequence[str]) -> tuple[str, ...]:
    return tuple(redact(line) for line in lines[-_TELLING_LINES:])


def failure(diagnosis: Diagnosis, name: str) -> PlannerError:
    """Return the error of a failed endpoint."""
    what = f"{name} failed to start: {diagnosis.text}"
    why = "\n".join([diagnosis.reason, *(f"log: {line}" for line in diagnosis.lines)]).strip()
    if diagnosis.cause == "capacity":
        return CapacityError(what, why=why, advice=diagnosis.advice)
    if diagnosis.cause == "quota":
        return QuotaShortError(what, why=why, advice=diagnosis.advice)
    return CloudError(what, code=diagnosis.cause, why=why, advice=diagnosis.advice)


def limit_exceeded(message: str, *, model: str, instance_type: str, region: str) -> PlannerError:
    """Return the error of a quota that is too small, with its numbers."""
    found = LIMIT.search(message)
    text = (
        f"the quota {found['quota']!r} in {region} is {found['limit']}, {found['used']} in use, "
        f"{found['delta']} more wanted"
        if found
        else f"a quota of the account in {region} is too small"
    )
    return QuotaShortError(
        text,
        why=redact(message),
        advice=f"planner quota request {model} --instance-type {instance_type} --region {region}",
    )


_STAGES = (
    ("health checks", r"GET /ping|Application startup complete|Uvicorn running on|Started server"),
    ("warming up", r"[Cc]apturing (CUDA )?graph|torch\.compile|KV cache size|warm(ing)? ?up"),
    ("loading weights", r"Loading (safetensors|model weights|weights|pt) |Starting to load model"),
    ("downloading weights", r"[Dd]ownload(ing|ed)|[Ff]etching \d+ files|hf_hub|snapshot_download"),
    ("starting the container", r"."),
)


def stage_of(log: Sequence[str]) -> str:
    """Return how far a container has come, from its log; the furthest stage that it names."""
    for stage, pattern in _STAGES:
        if any(re.search(pattern, line) for line in log):
            return stage
    return "creating the machine"
