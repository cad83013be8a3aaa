"""``python -m planner.endpoints.local.supervisor FOLDER``: run an engine until its time is up.

It leaves the terminal, starts the engine, writes its log with a time before each line, and
ends it at the expiry, which is read again every second (``planner extend`` moves it). The
clock on the wall decides, so a laptop that slept past the expiry ends the endpoint when it
wakes. At the expiry the endpoint's folder goes too: nothing is left.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING

import psutil

from planner.endpoints.local import record

if TYPE_CHECKING:
    from types import FrameType

_LOOK_EVERY_S = 1.0
_PATIENCE_S = 10
_SET_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of prctl(2)


class _ToldToStopError(Exception):
    """SIGTERM came."""


def main() -> None:
    """Detach, and watch over the engine of a folder."""
    path = Path(sys.argv[1])
    child = os.fork()
    if child:
        record.set_process(path, record.ProcessId(child, psutil.Process(child).create_time()))
        return
    os.setsid()
    os.chdir("/")
    _close_streams()
    signal.signal(signal.SIGTERM, _told_to_stop)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    watch(path)


def watch(path: Path) -> None:
    """Run the engine of a folder until it ends, SIGTERM comes or its time is up."""
    described = record.read(path.name)
    if described is None:
        return
    try:
        engine = subprocess.Popen(  # noqa: S603 - the command planner wrote
            described.command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            process_group=0,
            preexec_fn=_die_with_parent,  # noqa: PLW1509 - there is one thread so far
        )
    except OSError as error:
        record.set_ended(path, f"it cannot be started: {error}")
        return
    if engine.stdout is None:
        return
    writer = threading.Thread(target=_write_log, args=(engine.stdout, path / record.LOG))
    writer.start()
    try:
        expired = _until_over(engine, path)
    except _ToldToStopError:
        _end(engine)
        return
    writer.join(timeout=_PATIENCE_S)
    if expired:
        shutil.rmtree(path, ignore_errors=True)
    else:
        record.set_ended(path, f"the engine ended with code {engine.returncode}")


def _until_over(engine: subprocess.Popen[bytes], path: Path) -> bool:
    """Return when the engine has ended, and whether its time was up."""
    while engine.poll() is None:
        expires_at = record.expiry(path)
        if expires_at is not None and datetime.now(UTC) >= expires_at:
            _end(engine)
            return True
        time.sleep(_LOOK_EVERY_S)
    return False


def _end(engine: subprocess.Popen[bytes]) -> None:
    """End the engine and what it started."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(engine.pid, number)
        except ProcessLookupError:
            return
        try:
            engine.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            continue


def _write_log(lines: IO[bytes], path: Path) -> None:
    with lines, path.open("ab", buffering=0) as log:
        for line in lines:
            moment = datetime.now(UTC).isoformat(timespec="milliseconds")
            log.write(moment.encode() + b" " + line)


def _die_with_parent() -> None:
    """Let the kernel end the engine if this process is killed: no engine without expiry."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_DEATH_SIGNAL, signal.SIGKILL)


def _close_streams() -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(nothing, number)


def _told_to_stop(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise _ToldToStopError


if __name__ == "__main__":
    main()
