"""Run the examples on the pages and write what they print: ``python docs/make_examples.py``.

An example is a ``console`` block: ``$ planner ...``, and below it the standard output of the
command on a terminal of 80 columns, without colour. A last line ``...`` stands for the rest.
The commands name a date (``--as-of``), so that the answer does not change with the calendar.
tests/test_docs.py fails while a page differs from what the commands print.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
PAGES = (HERE.parent / "README.md", HERE / "tour.md", HERE / "how-to.md")
_BLOCK = re.compile(r"^```console\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
_REST = "..."


def refreshed(text: str) -> str:
    """Return a page with the output of its examples as it is now."""
    return _BLOCK.sub(lambda match: f"```console\n{_run_block(match['body'])}```", text)


def _run_block(body: str) -> str:
    parts = re.split(r"^(?=\$ )", body, flags=re.MULTILINE)
    return "".join(_run(part) for part in parts if part)


def _run(example: str) -> str:
    command, _, before = example.partition("\n")
    shown = before.splitlines()
    lines = [line.rstrip() for line in output(command.removeprefix("$ ")).splitlines()]
    while lines and not lines[0]:
        del lines[0]
    while lines and not lines[-1]:
        del lines[-1]
    if shown and shown[-1] == _REST:
        lines = [*lines[: len(shown) - 1], _REST]
    return "\n".join([command, *lines, ""])


def output(command: str) -> str:
    """Return what a planner command prints, away from the user's own state and accounts."""
    name, *arguments = shlex.split(command)
    if name != "planner":
        raise ValueError(f"an example that is no planner command: {command}")
    with tempfile.TemporaryDirectory() as scratch:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": scratch,
            "PLANNER_STATE_DIR": scratch,
            "COLUMNS": "80",
            "NO_COLOR": "1",
            "PYTHONUTF8": "1",
        }
        done = subprocess.run(
            [Path(sys.executable).with_name("planner"), *arguments],
            env=environment,
            cwd=scratch,
            capture_output=True,
            text=True,
            check=False,
        )
    # What went wrong is the answer where a command fails.
    return done.stdout if done.returncode == 0 else done.stdout + done.stderr


if __name__ == "__main__":
    for page in PAGES:
        old = page.read_text(encoding="utf-8")
        new = refreshed(old)
        if new != old:
            page.write_text(new, encoding="utf-8")
            print(page.relative_to(HERE.parent))
