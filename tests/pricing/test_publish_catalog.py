"""The script that the daily workflow runs, on captures of price lists."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from planner.bundled import pricing_data

CAPTURES = Path(__file__).parent / "captures"
SCRIPT = pricing_data() / "publish_catalog.py"
WORKFLOW = pricing_data().parent / ".github" / "workflows" / "catalog.yml"


@pytest.mark.long
def test_a_day_is_refreshed_indexed_and_summed_up(tmp_path: Path) -> None:
    site, summary = tmp_path / "site", tmp_path / "summary.md"
    command = [sys.executable, SCRIPT, site, "--from", CAPTURES, "--cloud", "aws",
               "--summary", summary]  # fmt: skip
    first = subprocess.run(command, capture_output=True, text=True, check=False)
    told = summary.read_text()
    assert first.returncode == (0 if "| aws | published |" in told else 1), first.stderr
    index = site / "index.json"
    assert index.is_file()
    listed = json.loads(index.read_bytes())
    assert listed["format"] == 1
    for entry in listed["snapshots"]:
        assert (site / entry["path"]).stat().st_size == entry["bytes"]


def test_the_workflow_runs_the_script_and_signs_before_it_publishes() -> None:
    jobs = yaml.safe_load(WORKFLOW.read_text())["jobs"]
    steps = [step.get("run") or step["uses"] for step in jobs["publish"]["steps"]]
    text = "\n".join(steps)
    assert "pricing_data/publish_catalog.py site" in text
    assert text.index("sigstore sign") < text.index("upload-pages-artifact")
    assert text.index('--exclude "index.json*"') < text.index("cp site/index.json ")
