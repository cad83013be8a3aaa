"""Processes that need not import planner first: forks of one server that has all in memory.

A start of the installed command costs more than a second, nearly all of it imports. The tests
start hundreds. Each worker of the tests keeps one server (of Python's own ``forkserver``), which
imports what commands import and does nothing else; every command is a fork of it, as new as a
process that was just started. The installed script itself is started by the tests of
tests/cli/test_app.py and tests/cli/test_imports.py, by the wheel's, and wherever a test reads a
command's pipe or sends it a signal.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from multiprocessing import forkserver
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from multiprocessing.context import ForkServerProcess

HERE = Path(__file__).parent
LONGEST_S = 300  # a command that hangs must not hang the tests
CONTEXT = multiprocessing.get_context("forkserver")
"""Makes processes that need not import planner first."""


def start_server(*more: str) -> None:
    """Start the server of this worker; once is enough.

    Args:
        more: Modules to import besides, where it does not run yet.
    """
    CONTEXT.set_forkserver_preload(["forked_imports", *more])
    kept = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = str(HERE)
    try:
        forkserver.ensure_running()
    finally:
        if kept is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = kept


def process(target: Callable[..., object], *args: object) -> ForkServerProcess:
    """Return a process, not yet started, that has this process's environment."""
    return CONTEXT.Process(target=_here, args=(dict(os.environ), target, args))


def command(
    *arguments: str, environment: Mapping[str, str], stdin: str = os.devnull
) -> subprocess.CompletedProcess[str]:
    """Run ``planner`` in a process of its own and return what it left.

    Args:
        arguments: Of the command.
        environment: The whole of it.
        stdin: A file, or the name of a terminal.
    """
    with _files() as (out, err):
        files = (stdin, str(out), str(err))
        child = CONTEXT.Process(
            target=_here,
            args=(dict(environment), _planner, (arguments, str(Path.cwd()), files)),
        )
        child.start()
        child.join(LONGEST_S)
        if child.exitcode is None:
            child.kill()
            child.join()
        code = child.exitcode
        child.close()
        return subprocess.CompletedProcess(
            ["planner", *arguments], code or 0, out.read_text(), err.read_text()
        )


@contextmanager
def _files() -> Iterator[tuple[Path, Path]]:
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        out.touch()
        err.touch()
        yield out, err


def _here(
    environment: dict[str, str], target: Callable[..., object], args: Iterable[object]
) -> None:
    os.environ.clear()
    os.environ.update(environment)
    target(*args)


def _planner(arguments: Sequence[str], folder: str, files: Sequence[str]) -> None:
    """Be the command: its streams, its folder."""
    for number, path in enumerate(files):
        opened = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOCTTY)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 - descriptors, for as long as it lives
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115 - as above
    sys.stderr = open(2, "w", closefd=False, errors="backslashreplace", buffering=1)  # noqa: SIM115 - as above
    os.chdir(folder)
    sys.argv = [str(Path(sys.executable).with_name("planner")), *arguments]
    from planner.cli import main

    try:
        main()
    except Exception:  # noqa: BLE001 - as the interpreter ends a program, without multiprocessing's own line
        sys.excepthook(*sys.exc_info())
        sys.exit(1)
