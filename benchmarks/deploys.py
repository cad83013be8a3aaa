"""What a deploy costs in API calls and in planner's own time, against the sandbox.

    python benchmarks/deploys.py

Prints the calls of one deploy by operation, and how long ``deploy --plan`` takes to its end in
a process of its own with warm caches (median of five).
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

from planner.clouds import settings
from planner.endpoints.deploying import deployment
from planner.endpoints.deploying.interruption import Interruption
from planner.endpoints.interface import adapter
from planner.ledger import Ledger
from planner.planning import Request, compare
from planner.sandbox import process, scenarios
from planner.sandbox.server import Sandbox

RUNS = 5
OPTIONS = deployment.Options(owner="benchmark", accept_license=True, create_roles=True)


def main() -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"PLANNER_STATE_DIR": folder, "HF_TOKEN": "hf_benchmark"}
        approved = replace(scenarios.get("approved"), endpoint_startup_s=0)
        with Sandbox(approved) as sandbox:
            settings.use(sandbox.endpoints.settings())
            process.write_state(sandbox.endpoints)
            print_calls(sandbox)
            print_time()


def print_calls(sandbox: Sandbox) -> None:
    """Deploy once (roles exist) and count."""
    deploy("first")
    sandbox.world.calls.clear()
    started = time.perf_counter()
    deploy("second")
    seconds = time.perf_counter() - started
    calls: Counter[str] = Counter({name: n for (_, name), n in sandbox.world.calls.items()})
    print(f"one deploy: {sum(calls.values())} API calls, {seconds:.2f} s of planner and sandbox")
    for name, count in calls.most_common():
        print(f"  {count:3}  {name}")


def deploy(name: str) -> None:
    """Deploy the cheapest plan under a name."""
    request = Request("llama-2-70b", services=("sagemaker",), max_instances=1, top=1)
    plan, options = compare(request).plans[0], replace(OPTIONS, name=name)
    made = adapter("sagemaker")
    with Ledger() as ledger, Interruption() as interruption:
        prepared = deployment.prepare(plan, options, made, ledger)
        deployment.deploy(prepared, made, ledger, interruption, options=options)


def print_time() -> None:
    """Time ``deploy --plan`` as a user meets it."""
    command = [
        str(Path(sys.executable).with_name("planner")),
        *("--sandbox", "deploy", "llama-2-70b", "--name", "third", "--plan", "--accept-license"),
    ]
    times = []
    for _ in range(RUNS):
        started = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        times.append(time.perf_counter() - started)
    print(f"deploy --plan: {statistics.median(times):.2f} s (median of {RUNS})")


if __name__ == "__main__":
    main()
