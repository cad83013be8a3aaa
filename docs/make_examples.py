"""Run the examples on the pages and write what they print: ``python docs/make_examples.py``.

An example is a ``console`` block: ``$ planner ...``, and below it the standard output of the
command on a terminal of 80 columns, without colour. A last line ``...`` stands for the rest.
The commands name a date (``--as-of``), so that the answer does not change with the calendar.

A ``console session`` block is a story: its commands share one state, so that ``planner sandbox
start`` serves those below it, and what they say on standard error is shown, too. There ``...``
stands for anything, within a line and over several, because times and speeds differ.
tests/test_docs.py fails while a page differs from what the commands print.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
from doctest import ELLIPSIS, OutputChecker
from pathlib import Path

HERE = Path(__file__).resolve().parent
PAGES = (HERE.parent / "README.md", HERE / "tour.md", HERE / "how-to.md")
_BLOCK = re.compile(
    r"^```console(?P<session> session)?\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL
)
_REST = "..."
# A story is told on another day each time it is run.
_MOMENT = re.compile(r"\b\d{4}-\d\d-\d\d \d\d:\d\d(?= UTC)")


def refreshed(text: str) -> str:
    """Return a page with the output of its examples as it is now."""
    return _BLOCK.sub(lambda match: _fence(match["body"], match["session"] or ""), text)


def _fence(body: str, session: str) -> str:
    examples = [part for part in re.split(r"^(?=\$ )", body, flags=re.MULTILINE) if part]
    with tempfile.TemporaryDirectory() as state:
        made = [_run(example, state if session else None) for example in examples]
        if session:
            _planner(["sandbox", "stop"], state)
    return f"```console{session}\n{''.join(made).rstrip()}\n```"


def _run(example: str, state: str | None) -> str:
    command, _, before = example.partition("\n")
    shown = before.splitlines()
    lines = [line.rstrip() for line in output(command.removeprefix("$ "), state).splitlines()]
    while lines and not lines[0]:
        del lines[0]
    while lines and not lines[-1]:
        del lines[-1]
    if state is not None:
        if _matches(before, lines):
            return example
        return "\n".join([command, *(_MOMENT.sub(_REST, line) for line in lines), "", ""])
    if shown and shown[-1] == _REST:
        lines = [*lines[: len(shown) - 1], _REST]
    return "\n".join([command, *lines, ""])


def _matches(shown: str, lines: list[str]) -> bool:
    said = "\n".join([*lines, ""])
    return OutputChecker().check_output(f"{shown.strip()}\n", said.lstrip("\n"), ELLIPSIS)


def output(command: str, state: str | None = None) -> str:
    """Return what a planner command prints, away from the user's own state and accounts.

    Args:
        command: ``planner ...``
        state: A folder that the commands of a session share; what they say on standard error
            is returned, too.
    """
    name, *arguments = shlex.split(command)
    if name != "planner":
        raise ValueError(f"an example that is no planner command: {command}")
    if state is not None:
        return _planner(arguments, state, stderr=subprocess.STDOUT).stdout
    with tempfile.TemporaryDirectory() as scratch:
        done = _planner(arguments, scratch)
    # What went wrong is the answer where a command fails.
    return done.stdout if done.returncode == 0 else done.stdout + done.stderr


def _planner(
    arguments: list[str], scratch: str, stderr: int = subprocess.PIPE
) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": scratch,
        "PLANNER_STATE_DIR": scratch,
        "HF_TOKEN": "hf_of_nobody",
        "COLUMNS": "80",
        "NO_COLOR": "1",
        "PYTHONUTF8": "1",
    }
    return subprocess.run(
        [Path(sys.executable).with_name("planner"), *arguments],
        env=environment,
        cwd=scratch,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        check=False,
    )


if __name__ == "__main__":
    for page in PAGES:
        old = page.read_text(encoding="utf-8")
        new = refreshed(old)
        if new != old:
            page.write_text(new, encoding="utf-8")
            print(page.relative_to(HERE.parent))
