"""What the machine does to planner: full disks, folders of others, terminals of other alphabets."""

from __future__ import annotations

import codecs
import errno
import sys

from planner.errors import PlannerError

_PLAIN = {
    "\N{ALMOST EQUAL TO}": "~~",
    "\N{DAGGER}": "(old)",
    "\N{MULTIPLICATION SIGN}": "x",
    "\N{EN DASH}": "-",
    "\N{EM DASH}": "-",
    "\N{HORIZONTAL ELLIPSIS}": "...",
    "\N{MIDDLE DOT}": "-",
    "\N{BOX DRAWINGS LIGHT HORIZONTAL}": "-",
    "\N{BOX DRAWINGS HEAVY HORIZONTAL}": "-",
    "\N{BOX DRAWINGS LIGHT VERTICAL}": "|",
    "\N{BULLET}": "*",
    "\N{RIGHTWARDS ARROW}": "->",
    "\N{RIGHT SINGLE QUOTATION MARK}": "'",
}
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT}
_NOT_OURS = {errno.EACCES, errno.EPERM, errno.EROFS}
_ELSEWHERE = "PLANNER_STATE_DIR=/another/folder before the command"


class DeclinedError(PlannerError):
    """The user said no to a question; nothing was done."""

    def __init__(self) -> None:
        super().__init__("Nothing done.")


def speak_any_encoding() -> None:
    """Let stdout and stderr take every sign: plain ones stand for those that an encoding lacks."""
    codecs.register_error("planner-plain", _plain)
    for stream in (sys.stdout, sys.stderr):
        encoding = str(getattr(stream, "encoding", None) or "utf-8").casefold()
        reconfigure = getattr(stream, "reconfigure", None)
        if not encoding.startswith("utf") and reconfigure is not None:
            reconfigure(errors="planner-plain")


def _plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    signs = error.object[error.start : error.end]
    return "".join(_PLAIN.get(sign, "?") for sign in signs), error.end


def explain(error: Exception) -> PlannerError:
    """Return what an error that is not planner's own means to the user."""
    if isinstance(error, OSError) and error.errno in _NO_ROOM | _NOT_OURS:
        place = f"{error.filename}: " if error.filename else ""
        what = "the disk is full" if error.errno in _NO_ROOM else "a folder cannot be written"
        return PlannerError(
            what,
            why=f"{place}{error.strerror}",
            advice=f"make room or grant access; or name another folder: {_ELSEWHERE}",
        )
    is_database = type(error).__module__ == "sqlite3"
    if is_database and "readonly" in str(error):
        return PlannerError(
            "planner's state folder cannot be written",
            why=f"SQLite: {error}",
            advice=f"grant access; or name another folder: {_ELSEWHERE}",
        )
    if is_database:
        return PlannerError(
            "the ledger cannot be used",
            why=f"SQLite: {error}",
            advice="move ledger.db out of planner's state folder; planner status still asks the "
            f"clouds. Or name another folder: {_ELSEWHERE}",
        )
    return PlannerError(
        "planner failed unexpectedly",
        why=f"{type(error).__name__}: {error}",
        advice="run it again with --debug and report what it prints",
    )
