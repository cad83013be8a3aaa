"""What planner knows of failures: the tables of ``deploy_templates/failures``.

* ``causes.csv``: each cause, the layer that it lies in, and what it means;
* ``patterns.csv``: what a line or a reason contains that tells it. ``certain`` is the cause in
  the engine's or the cloud's own words, ``likely`` has other explanations, a ``symptom`` follows
  from causes of many kinds;
* ``advice.csv``: what to do, for any service (``*``) and for those where it differs;
* ``harmless.csv``: lines that look like failures and are none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum
from functools import cache

from planner.bundled import deploy_templates
from planner.serving import table

ANY_SERVICE = "*"
# The parts of a pattern: an escape, a set, a group (two deep at most), a repetition, a character.
_PIECES = re.compile(
    r"\\.|\[(?:\\.|[^\]])*\]|\((?:\\.|\[(?:\\.|[^\]])*\]|\((?:\\.|[^()])*\)|[^()])*\)|\{[^}]*\}|."
)
_ESCAPED = re.compile(r"\\[^\w]")


class Certainty(IntEnum):
    """How much a pattern tells; the higher, the more."""

    REMARK = 0
    """What a line says that is a warning by its own level."""
    SYMPTOM = 1
    LIKELY = 2
    CERTAIN = 3


@dataclass(frozen=True, slots=True)
class Cause:
    """One known way to fail.

    Attributes:
        name: Short, for tests and JSON.
        layer: Where it lies: ``driver``, ``GPU``, ``memory``, ``hub``, ``files``, ``options``,
            ``network``, ``image``, ``permission``, ``cloud``, ``health``.
        text: What it means.
    """

    name: str
    layer: str
    text: str


@dataclass(frozen=True, slots=True)
class Pattern:
    """What tells a cause.

    Attributes:
        expression: What is looked for, whatever its case.
        literal: What any match contains, in small letters: one look tells most lines apart.
        in_log: Whether it is looked for in lines of a log.
        in_reason: Whether it is looked for in the cloud's reason.
        detail: What it tells beyond the cause; empty for nothing.
    """

    cause: Cause
    expression: re.Pattern[str]
    literal: str
    certainty: Certainty
    in_log: bool
    in_reason: bool
    detail: str = ""

    def matches(self, text: str, folded: str) -> bool:
        """Tell whether a text has it; ``folded`` is the text in small letters."""
        return self.literal in folded and self.expression.search(text) is not None


@cache
def causes() -> dict[str, Cause]:
    """Return the causes by their names."""
    return {row["cause"]: Cause(row["cause"], row["layer"], row["text"]) for row in _rows("causes")}


@cache
def patterns() -> tuple[Pattern, ...]:
    """Return what tells a cause; of two equally certain ones the first counts."""
    return tuple(
        Pattern(
            cause=causes()[row["cause"]],
            expression=_compiled(row["pattern"]),
            literal=literal(row["pattern"]),
            certainty=Certainty[row["certainty"].upper()],
            in_log=row["where"] in {"log", "both"},
            in_reason=row["where"] in {"reason", "both"},
            detail=row["detail"],
        )
        for row in _rows("patterns")
    )


@cache
def harmless() -> re.Pattern[str]:
    """Return what lines match that look like failures and are none."""
    return _compiled("|".join(f"(?:{row['pattern']})" for row in _rows("harmless")))


def advice(cause: str, service: str) -> str:
    """Return what to do about a cause; ``{model}``, ``{name}``, ``{service}`` are to be filled."""
    return _advice().get((cause, service)) or _advice()[cause, ANY_SERVICE]


@cache
def _advice() -> dict[tuple[str, str], str]:
    return {(row["cause"], row["service"]): row["advice"] for row in _rows("advice")}


def literal(pattern: str) -> str:
    r"""Return the longest text that every match of a pattern contains, in small letters.

    >>> literal(r"driver version \S* ?(is )?(older than|too old)")
    'driver version '
    """
    runs, run = [], ""
    for piece in _PIECES.findall(pattern):
        if (len(piece) == 1 and piece not in ".^$?*+|") or _ESCAPED.fullmatch(piece):
            run += piece[-1]
            continue
        # What may be left out is no part of the run.
        runs.append(run[:-1] if piece[0] in "?*{" else run)
        run = ""
    return max([*runs, run], key=len).lower()


def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


def _rows(name: str) -> list[dict[str, str]]:
    return table.read(deploy_templates() / "failures" / f"{name}.csv")
