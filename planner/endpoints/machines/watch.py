"""Follow a machine to its first answer, by its console, whichever cloud rents it out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from planner.clouds import clock
from planner.endpoints.machines import console
from planner.endpoints.watching import failures
from planner.endpoints.watching.waiting import Absence
from planner.errors import CloudError, NotFoundError, PlannerError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.endpoints.interface import Context
    from planner.endpoints.machines.adapter import Handle
    from planner.endpoints.model import Awaited

PROVISION_S = 900
"""How long a machine may take until it starts vLLM, beside the time that vLLM may take."""


def follow(awaited: Awaited, context: Context, machine: Handle) -> None:
    """Return when the machine serves the model.

    Args:
        awaited: The endpoint.
        context: How to wait, and whom to tell.
        machine: What to look at.

    Raises:
        CloudError: It failed, is gone, or takes too long; with the telling lines.
    """
    deadline = clock.monotonic() + awaited.startup_timeout_s + PROVISION_S
    absence, seen = Absence(context.pace.settle_s), list[str]()
    while True:
        ended, lines = context.patience.ask(lambda: _look(machine, absence))
        now = console.stage(lines)
        context.progress(now, console.new_lines(seen, lines))
        seen = lines
        if now == console.READY:
            return
        if now.startswith(console.FAILED):
            raise _failure(awaited, now, lines)
        if ended:
            raise _failure(awaited, ended, lines)
        if clock.monotonic() > deadline:
            raise _failure(awaited, f"not ready in time: still {now}", lines)
        context.interruption.pause(context.pace.poll_s)


def _look(machine: Handle, absence: Absence) -> tuple[str, list[str]]:
    """Return why a machine does not run any more, empty where it does or may, and its console.

    Raises:
        CloudError: It is gone.
    """
    try:
        why = machine.stopped()
    except NotFoundError as error:
        if absence.believed(missing=True):
            raise CloudError(str(error), why=error.why, advice=error.advice) from error
        return "", []
    absence.believed(missing=False)
    return why, machine.console()


def gone(name: str, cloud: str) -> NotFoundError:
    """Return the error of a machine that is not there any more.

    Args:
        name: Of the endpoint.
        cloud: Who may have taken it back: ``Azure``.
    """
    return NotFoundError(
        f"{name} is gone",
        why=f"its time was up, {cloud} took it back (spot), or someone deleted it",
        advice="planner status",
    )


def _failure(awaited: Awaited, why: str, lines: Sequence[str]) -> PlannerError:
    found = failures.diagnose(
        why, lines, model=awaited.model, name=awaited.name, service=awaited.service
    )
    if found.cause == "unknown":
        found = replace(found, text=why)
    return failures.failure(found, awaited.name)
