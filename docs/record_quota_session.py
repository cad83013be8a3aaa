"""Record the terminal session of ``docs/quotas.md`` by really running it in the sandbox.

Run: python docs/record_quota_session.py. It replaces the text between the two markers.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

PAGE = Path(__file__).with_name("quotas.md")
BEGIN, END = "<!-- session: begin -->\n", "<!-- session: end -->\n"
WHERE = {
    "AWS": "--instance-type p4d.24xlarge --region us-east-1 --instances 4",
    "Azure": "--instance-type Standard_NC48ads_A100_v4 --region eastus --instances 4",
    "Google Cloud": "--instance-type a2-ultragpu-2g --region us-central1 --instances 4",
}
STORY = (
    "planner quota check {where}",
    "planner quota plan llama-2-70b {where}",
    "planner quota request llama-2-70b {where} --traffic '12 requests a second' --yes",
    "planner quota watch --once",
    "planner sandbox advance 2d",
    "planner quota watch --once",
    "planner quota check {where}",
)


def main() -> None:
    """Run the story on each cloud and write it into the page."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": folder,
            "COLUMNS": "80",
            "PLANNER_STATE_DIR": folder,
            "PLANNER_SANDBOX": "1",
            "PLANNER_CONTACT_EMAIL": "you@example.com",
        }
        _run("planner sandbox start", environment)
        try:
            text = "".join(_chapter(cloud, where, environment) for cloud, where in WHERE.items())
        finally:
            _run("planner sandbox stop", environment)
    page = PAGE.read_text(encoding="utf-8")
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    PAGE.write_text(f"{before}{BEGIN}{text}{END}{after}", encoding="utf-8")


def _chapter(cloud: str, where: str, environment: dict[str, str]) -> str:
    lines = []
    for command in STORY:
        typed = command.format(where=where)
        lines += [f"$ {typed}", *_run(typed, environment), ""]
    shown = "\n".join(lines).rstrip()
    return f"\n### {cloud}\n\n```console\n{shown}\n```\n"


def _run(command: str, environment: dict[str, str]) -> list[str]:
    done = subprocess.run(
        shlex.split(command),
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode not in {0, 4, 8}:
        sys.exit(done.stdout)
    kept = [line.rstrip() for line in done.stdout.splitlines()]
    shown = [line for line in kept if line and not line.startswith(("[SIMULATED]", "is real."))]
    return [*shown, *([f"(exit code {done.returncode})"] if done.returncode else [])]


if __name__ == "__main__":
    main()
