"""Every error a user can meet, in one tree.

::

    PlannerError                     exit 1   something failed
    ├── UsageError                   exit 2   the words of the command are off
    │   └── UnknownNameError         exit 2   a model, GPU, region, ... that planner does not know
    ├── NotFoundError                exit 3   nothing fits, or nothing matches
    ├── DataError                    exit 1   a data file cannot be used
    │   └── SnapshotRefusedError     exit 1   a snapshot broke an integrity gate
    ├── CloudError                   exit 1   a cloud refused or failed a call
    │   └── TransientError           exit 1   no answer, or the cloud's own trouble
    │       └── ThrottledError       exit 1   too many calls; the cloud says wait
    ├── QuotaShortError              exit 4   a cloud quota is too small
    ├── AccessError                  exit 5   no credentials, or no permission
    │   ├── NoCredentialsError       exit 5   nothing to sign in with
    │   ├── ExpiredCredentialsError  exit 5   signed in once, not any more
    │   ├── PermissionDeniedError    exit 5   carries the exact action to grant
    │   └── NotEnabledError          exit 5   a region, an API or a provider is switched off
    ├── CapacityError                exit 6   the cloud has no machine of that type now
    │   └── AsleepError              exit 6   an endpoint at zero machines; it is being woken
    ├── OutOfTouchError              exit 1   a cloud could not be asked for long; or its cause's
    └── InterruptedByUserError       exit 130 Ctrl-C or SIGTERM; what was done is rolled back

Codes without an error: 7 an alert is met, 8 a quota request is pending, 9 it was refused.

An error says three things: what happened (``str(error)``), why (``error.why``), and the
next command to type (``error.advice``). The command line prints the three and exits with
``error.exit_code``; it never shows a traceback unless ``--debug`` is given.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class PlannerError(Exception):
    """Base of all errors that planner raises on purpose.

    Args:
        what: What happened, one sentence without a final full stop.
        why: The cause, where it is known and not obvious.
        advice: The next thing to do; a command to type where there is one.
    """

    exit_code = 1

    def __init__(self, what: str, *, why: str = "", advice: str = "") -> None:
        super().__init__(what)
        self.why = why
        self.advice = advice


class UsageError(PlannerError):
    """The command or call was given something that makes no sense."""

    exit_code = 2


class UnknownNameError(UsageError):
    """A name planner does not know; carries the nearest ones it does.

    Args:
        kind: What the name should have been: ``model``, ``accelerator``, ``region``, ...
        name: What was given.
        known: All valid names.
        advice: How to list them all.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str], *, advice: str = "") -> None:
        self.kind = kind
        self.name = name
        self.nearest = nearest(name, known)
        why = f"nearest: {', '.join(self.nearest)}" if self.nearest else ""
        super().__init__(f"unknown {kind} {name!r}", why=why, advice=advice)


class NotFoundError(PlannerError):
    """The question was sound and the answer is: none."""

    exit_code = 3


class DataError(PlannerError):
    """A data file is missing, unreadable or not what it should be."""


class SnapshotRefusedError(DataError):
    """A snapshot broke an integrity gate and was refused whole.

    Args:
        what: Which snapshot.
        violations: One line per broken row, with the gate's name.
        advice: What to do with the rows.
    """

    def __init__(self, what: str, violations: Iterable[str], *, advice: str = "") -> None:
        self.violations = tuple(violations)
        shown = self.violations[:10]
        more = len(self.violations) - len(shown)
        why = "\n".join([*shown, *([f"... and {more} more"] if more else [])])
        super().__init__(what, why=why, advice=advice)


class QuotaShortError(PlannerError):
    """A quota that binds the plan is too small."""

    exit_code = 4


class AccessError(PlannerError):
    """Credentials are missing or expired, or lack a permission."""

    exit_code = 5


class CloudError(PlannerError):
    """A cloud refused or failed a call for a reason that has no error of its own.

    Args:
        what: What was tried.
        code: The cloud's own error code; empty where there was no answer at all.
        why: The cloud's words, without account numbers.
        advice: What to do.
    """

    def __init__(self, what: str, *, code: str = "", why: str = "", advice: str = "") -> None:
        self.code = code
        super().__init__(what, why=why, advice=advice)


class TransientError(CloudError):
    """The cloud did not answer, or had trouble of its own: the same call may work in a minute."""


class ThrottledError(TransientError):
    """The cloud asks for fewer calls; the SDK's own retries were not enough."""


class NoCredentialsError(AccessError):
    """There is nothing to sign in to the cloud with."""


class ExpiredCredentialsError(AccessError):
    """The credentials were good once; signing in again helps."""


class PermissionDeniedError(AccessError):
    """The identity may not do this.

    Args:
        what: What was tried.
        action: The exact permission to grant: ``servicequotas:GetServiceQuota``, ...
        why: The cloud's words, without account numbers.
        advice: How to grant it.
    """

    def __init__(self, what: str, *, action: str, why: str = "", advice: str = "") -> None:
        self.action = action
        super().__init__(what, why=why, advice=advice)


class NotEnabledError(AccessError):
    """A region, an API or a resource provider is switched off in the account."""


class CapacityError(PlannerError):
    """The cloud has no capacity for the instance type now."""

    exit_code = 6


class AsleepError(CapacityError):
    """The endpoint has scaled to zero machines; asking it has woken it."""


class OutOfTouchError(PlannerError):
    """A cloud could not be asked for so long that planner stopped watching; nothing was undone.

    Args:
        what: What could not be asked, and for how long.
        cause: What the last question met; its exit code holds.
        why: What goes on meanwhile, and what ends it.
        advice: How to take it up again.
    """

    def __init__(self, what: str, *, cause: PlannerError, why: str = "", advice: str = "") -> None:
        self.cause = cause
        self.exit_code = cause.exit_code
        super().__init__(what, why=why or cause.why, advice=advice or cause.advice)


class InterruptedByUserError(PlannerError):
    """The user stopped the command; what it had done is rolled back."""

    exit_code = 130


def nearest(name: str, known: Iterable[str], count: int = 3) -> tuple[str, ...]:
    """Return the known names closest to a mistyped one, best first.

    The name itself comes first, in whatever case; then names that contain what was typed, so that
    ``A100`` finds ``A100-80GB``.
    """
    folded = {candidate.casefold(): candidate for candidate in known}
    wanted = name.casefold()
    containing = [c for c in folded if c and wanted and (wanted in c or c in wanted)]
    close = difflib.get_close_matches(wanted, folded, n=count, cutoff=0.5)
    containing.sort(key=lambda c: (c != wanted, len(c)))
    ordered = dict.fromkeys([*containing, *close])
    return tuple(folded[c] for c in list(ordered)[:count])
