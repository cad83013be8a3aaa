"""The GitHub Action that comments a decision: its script, run with a stand-in for ``gh``."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping

ACTION = Path(__file__).parents[1] / ".github" / "actions" / "decision"
# They write down how they are called; gh answers with the comment that is there already.
_PLANNER = """#!/bin/sh
printf '%s\\n' "$@" >"$LOG/planner"
while [ "$1" != -o ]; do shift; done
printf '# A fleet\\n\\n**Cheapest: \\\\$1,163 a month.**\\n' >"$2"
"""
_GH = """#!/bin/sh
printf '%s\\n' "$*" >>"$LOG/gh"
for word; do case $word in body=@*) cp "${word#body=@}" "$LOG/body" ;; esac; done
case "$*" in *--paginate*) printf '%s' "$THERE" ;; esac
"""

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="the action is a bash script")


def run(folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run the script with stand-ins for planner and gh that log into ``folder``."""
    for name, text in (("planner", _PLANNER), ("gh", _GH)):
        path = folder / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
    given: Mapping[str, str] = {
        "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
        "LOG": str(folder),
        "RUNNER_TEMP": str(folder),
        "THERE": "",
        "GITHUB_REPOSITORY": "owner/name",
        "GITHUB_STEP_SUMMARY": str(folder / "summary"),
        "GITHUB_OUTPUT": str(folder / "output"),
        **env,
    }
    script = [str(shutil.which("bash")), str(ACTION / "comment.sh")]
    return subprocess.run(script, env=dict(given), capture_output=True, text=True, check=False)


def test_a_first_run_posts_one_comment_with_the_page(tmp_path: Path) -> None:
    done = run(tmp_path, SIZE="fleet.json", PULL_REQUEST="7")
    assert done.returncode == 0, done.stderr
    calls = (tmp_path / "gh").read_text().splitlines()
    assert "--method POST repos/owner/name/issues/7/comments" in calls[-1]
    body = (tmp_path / "body").read_text()
    assert body.startswith("<!-- planner-decision ")
    assert "$1,163 a month" in body
    assert "$1,163 a month" in (tmp_path / "summary").read_text()
    assert (tmp_path / "output").read_text().startswith("page=")


def test_a_later_run_replaces_its_own_comment(tmp_path: Path) -> None:
    done = run(tmp_path, SIZE="fleet.json", PULL_REQUEST="7", THERE="41\n42\n")
    assert done.returncode == 0, done.stderr
    calls = (tmp_path / "gh").read_text().splitlines()
    assert "--method PATCH repos/owner/name/issues/comments/41" in calls[-1]
    assert not any("--method POST" in call for call in calls)


def test_every_input_reaches_planner_as_one_word(tmp_path: Path) -> None:
    name = "my fleets/$(touch hacked); a.json"
    done = run(tmp_path, SIZE=name, AGAINST="b c.json", SINCE="2026-06-30", PULL_REQUEST="7")
    assert done.returncode == 0, done.stderr
    words = (tmp_path / "planner").read_text().splitlines()
    assert words[words.index("--size") + 1] == name
    assert words[words.index("--against") + 1] == "b c.json"
    assert words[words.index("--since") + 1] == "2026-06-30"
    assert not list(tmp_path.rglob("hacked"))


def test_without_a_pull_request_the_page_is_in_the_summary_alone(tmp_path: Path) -> None:
    done = run(tmp_path, SIZE="fleet.json", PULL_REQUEST="")
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "gh").exists()
    assert "A fleet" in (tmp_path / "summary").read_text()


def test_without_a_question_nothing_is_done(tmp_path: Path) -> None:
    done = run(tmp_path, SIZE="", PULL_REQUEST="7")
    assert done.returncode != 0
    assert "planner size --save" in done.stderr
    assert not (tmp_path / "gh").exists()


def test_no_input_is_written_into_a_script() -> None:
    action: dict[str, Any] = yaml.safe_load((ACTION / "action.yml").read_text())
    steps = action["runs"]["steps"]
    assert action["runs"]["using"] == "composite"
    assert all("${{" not in step.get("run", "") for step in steps)
    assert all(step.get("shell") == "bash" for step in steps if "run" in step)
    passed = str([step.get("env", {}) for step in steps])
    assert all(f"inputs.{name} " in passed for name in action["inputs"])
