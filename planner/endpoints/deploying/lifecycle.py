"""Steps with undo, for any cloud.

Each step is written to the ledger before it is done. When one fails, or the user interrupts,
what was begun is undone in reverse: the failed step too, because a call that seems to have
failed may have had its effect. A step's ``undo`` therefore removes only what its own run made
and does not mind if there is nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from planner.clouds import settings
from planner.endpoints.deploying.interruption import AbandonedError
from planner.errors import InterruptedByUserError, PlannerError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from planner.endpoints.deploying.interruption import Interruption
    from planner.ledger import Ledger, Resource


class NotMadeError(PlannerError):
    """The cloud refused to make the thing, for certain; there is nothing of ours to undo.

    An adapter raises it where undoing would remove what someone else made: the name is taken.
    """


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do, and how to take it back.

    Attributes:
        title: For people, in the infinitive: "create the model".
        do: Does it and returns the cloud's id of what was made (empty: nothing was).
        undo: Takes it back; None where there is nothing to take back.
        record: The ledger entry, written before; None where nothing is made.
    """

    title: str
    do: Callable[[], str]
    undo: Callable[[], None] | None = None
    record: Resource | None = None


class Phase(StrEnum):
    """What an observer is told about a step."""

    STARTED = "started"
    DONE = "done"
    FAILED = "failed"
    UNDOING = "undoing"
    UNDONE = "undone"
    NOT_UNDONE = "not undone"


@dataclass(frozen=True, slots=True)
class Leftover:
    """A step that could not be undone."""

    step: Step
    error: PlannerError


class RollbackIncompleteError(PlannerError):
    """The deploy failed, and not all of it could be taken back.

    Args:
        cause: Why the deploy failed; its exit code holds.
        leftovers: What could not be taken back.
        cleanup: The command that removes it.
    """

    def __init__(self, cause: PlannerError, leftovers: Sequence[Leftover], cleanup: str) -> None:
        self.cause = cause
        self.leftovers = tuple(leftovers)
        self.exit_code = cause.exit_code
        left = "\n".join(f"not undone: {item.step.title}: {item.error}" for item in leftovers)
        super().__init__(
            f"{cause}; the rollback is not complete",
            why=f"{cause.why}\n{left}".strip(),
            advice=cleanup,
        )


def run(
    steps: Sequence[Step],
    *,
    ledger: Ledger,
    interruption: Interruption,
    observe: Callable[[Phase, str, str], None],
) -> None:
    """Do the steps in order; undo them in reverse if one fails or the user interrupts.

    Raises:
        PlannerError: What failed, after a complete rollback.
        RollbackIncompleteError: What failed, where something could not be undone.
        AbandonedError: The user would not wait for the rollback.
    """
    begun: list[Step] = []
    try:
        for step in steps:
            interruption.check()
            _do(step, begun, ledger, observe)
        interruption.check()
    except AbandonedError:
        raise
    except BaseException as error:
        cause = _as_planner_error(error)
        leftovers = undo(begun, ledger=ledger, interruption=interruption, observe=observe)
        if leftovers:
            raise RollbackIncompleteError(cause, leftovers, interruption.cleanup) from error
        if cause is error:
            raise
        raise cause from error


def undo(
    steps: Sequence[Step],
    *,
    ledger: Ledger,
    interruption: Interruption,
    observe: Callable[[Phase, str, str], None],
) -> list[Leftover]:
    """Undo steps in reverse and return those that could not be undone."""
    with interruption.rolling_back():
        left = [_undo(step, ledger, observe) for step in reversed(steps)]
    return [item for item in left if item is not None]


def _undo(
    step: Step, ledger: Ledger, observe: Callable[[Phase, str, str], None]
) -> Leftover | None:
    if step.undo is not None:
        observe(Phase.UNDOING, step.title, "")
        try:
            step.undo()
        except AbandonedError:
            raise
        except PlannerError as error:
            observe(Phase.NOT_UNDONE, step.title, str(error))
            return Leftover(step, error)
        observe(Phase.UNDONE, step.title, "")
    if step.record is not None:
        ledger.mark_removed(step.record.id)
    return None


def _do(
    step: Step,
    begun: list[Step],
    ledger: Ledger,
    observe: Callable[[Phase, str, str], None],
) -> None:
    observe(Phase.STARTED, step.title, "")
    if step.record is not None:
        ledger.record_resource(replace(step.record, recorded_at=settings.now()))
    begun.append(step)
    try:
        native_id = step.do()
    except NotMadeError as error:
        begun.remove(step)
        if step.record is not None:
            ledger.mark_removed(step.record.id)
        observe(Phase.FAILED, step.title, str(error))
        raise
    except BaseException as error:
        observe(Phase.FAILED, step.title, str(error))
        raise
    if step.record is not None:
        ledger.mark_created(step.record.id, native_id)
    observe(Phase.DONE, step.title, "")


def _as_planner_error(error: BaseException) -> PlannerError:
    """Return an error that can be shown; unexpected ones keep their type and text."""
    if isinstance(error, PlannerError):
        return error
    if isinstance(error, KeyboardInterrupt):
        return InterruptedByUserError("interrupted")
    return PlannerError("the deploy failed unexpectedly", why=f"{type(error).__name__}: {error}")
