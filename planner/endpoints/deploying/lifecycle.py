"""Steps with undo, for any cloud.

Each step is written to the ledger before it is done. When one fails, or the user interrupts,
what was begun is undone in reverse: the failed step too, because a call that seems to have
failed may have had its effect. A step's ``undo`` therefore removes only what its own run made
and does not mind if there is nothing.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from planner.clouds import settings
from planner.endpoints.deploying.interruption import AbandonedError
from planner.errors import DataError, InterruptedByUserError, OutOfTouchError, PlannerError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from planner.endpoints.deploying.interruption import Interruption
    from planner.endpoints.watching.patience import Patience
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
        left = "\n".join(map(_words, leftovers))
        super().__init__(
            f"{cause}; the rollback is not complete",
            why=f"{cause.why}\n{left}".strip(),
            advice=cleanup,
        )


def _words(left: Leftover) -> str:
    """Say what is left of a step, and what it costs."""
    record = left.step.record
    price = record.hourly_usd if record is not None else None
    cost = f" (it may cost ${price:,.2f} an hour)" if price else ""
    why = f" ({left.error.why.splitlines()[0]})" if left.error.why else ""
    return f"not undone: {left.step.title}{cost}: {left.error}{why}"


def run(
    steps: Sequence[Step],
    *,
    ledger: Ledger,
    interruption: Interruption,
    observe: Callable[[Phase, str, str], None],
    patience: Patience | None = None,
) -> None:
    """Do the steps in order; undo them in reverse if one fails or the user interrupts.

    Args:
        steps: What to do.
        ledger: Where each is written down before it is done.
        interruption: The user's Ctrl-C.
        observe: Told of each phase of a step.
        patience: Undoes a step again while the cloud cannot be reached.

    Raises:
        PlannerError: What failed, after a complete rollback.
        OutOfTouchError: The cloud could not be asked for too long; nothing was undone.
        RollbackIncompleteError: What failed, where something could not be undone.
        AbandonedError: The user would not wait for the rollback.
    """
    begun: list[Step] = []
    try:
        for step in steps:
            interruption.check()
            _do(step, begun, ledger, observe)
        interruption.check()
    except (AbandonedError, OutOfTouchError):
        raise
    except BaseException as error:
        cause = _as_planner_error(error)
        leftovers = undo(
            begun, ledger=ledger, interruption=interruption, observe=observe, patience=patience
        )
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
    patience: Patience | None = None,
) -> list[Leftover]:
    """Undo steps in reverse and return those that could not be undone."""
    with interruption.rolling_back():
        left = [_undo(step, ledger, observe, patience) for step in reversed(steps)]
    return [item for item in left if item is not None]


def _undo(
    step: Step,
    ledger: Ledger,
    observe: Callable[[Phase, str, str], None],
    patience: Patience | None,
) -> Leftover | None:
    if step.undo is not None:
        observe(Phase.UNDOING, step.title, "")
        try:
            patience.ask(step.undo) if patience is not None else step.undo()
        except AbandonedError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the other steps are undone
            shown = _as_planner_error(error, "taking it back failed unexpectedly")
            observe(Phase.NOT_UNDONE, step.title, str(shown))
            return Leftover(step, shown)
        observe(Phase.UNDONE, step.title, "")
    if step.record is not None:
        # The ledger is a copy: a full disk must not keep what costs money. A sweep sets it right.
        with suppress(DataError):
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
            with suppress(DataError):
                ledger.mark_removed(step.record.id)
        observe(Phase.FAILED, step.title, str(error))
        raise
    except BaseException as error:
        observe(Phase.FAILED, step.title, str(error))
        raise
    if step.record is not None:
        ledger.mark_created(step.record.id, native_id)
    observe(Phase.DONE, step.title, "")


def _as_planner_error(
    error: BaseException, what: str = "the deploy failed unexpectedly"
) -> PlannerError:
    """Return an error that can be shown; unexpected ones keep their type and text."""
    if isinstance(error, PlannerError):
        return error
    if isinstance(error, KeyboardInterrupt):
        return InterruptedByUserError("interrupted")
    return PlannerError(what, why=f"{type(error).__name__}: {error}")
