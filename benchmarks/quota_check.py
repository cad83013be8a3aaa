"""How long a check of 52 regions takes, and how many API calls it makes.

17 AWS, 20 Azure and 15 Google Cloud regions in the sandbox, with 100 ms added to each call.
The sandbox is a process of its own, so that its work is not counted as planner's; the time is
the whole command's, from typing it to the answer. Run: python benchmarks/quota_check.py
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PLANNER = Path(sys.executable).with_name("planner")
LATENCY_S = 0.1
RUNS = 3
LIMIT_S = 3.0
REGIONS = {
    "aws": """
        us-east-1 us-east-2 us-west-1 us-west-2 ca-central-1 sa-east-1 eu-west-1
        eu-west-2 eu-west-3 eu-central-1 eu-north-1 ap-south-1 ap-northeast-1
        ap-northeast-2 ap-northeast-3 ap-southeast-1 ap-southeast-2
    """,
    "azure": """
        eastus eastus2 westus westus2 westus3 centralus northcentralus southcentralus
        canadacentral brazilsouth northeurope westeurope uksouth francecentral
        germanywestcentral swedencentral japaneast koreacentral southeastasia
        australiaeast
    """,
    "gcp": """
        us-central1 us-east1 us-east4 us-east5 us-west1 us-west4 europe-west1
        europe-west2 europe-west3 europe-west4 asia-east1 asia-northeast1
        asia-northeast3 asia-south1 asia-southeast1
    """,
}
TYPES = ("p4d.24xlarge", "g6.48xlarge", "Standard_NC96ads_A100_v4", "a2-ultragpu-2g")


def main() -> None:
    """Run the check, print the figures, fail above the limit."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "PLANNER_STATE_DIR": folder}
        _planner(environment, "sandbox", "start", f"--set=latency_s={LATENCY_S}")
        try:
            runs = [_check(environment) for _ in range(RUNS)]
        finally:
            _planner(environment, "sandbox", "stop")
    seconds = [run["seconds"] for run in runs]
    result = {
        "regions": {cloud: len(names.split()) for cloud, names in REGIONS.items()},
        "instance_types": len(TYPES),
        "latency_s": LATENCY_S,
        "seconds": [round(s, 2) for s in seconds],
        "seconds_best": round(min(seconds), 2),
        "api_calls": runs[0]["calls"],
        "api_calls_total": sum(runs[0]["calls"].values()),
        "limit_s": LIMIT_S,
    }
    print(json.dumps(result, indent=2))
    if min(seconds) > LIMIT_S:
        sys.exit(f"slower than {LIMIT_S} s")


def _check(environment: dict[str, str]) -> dict[str, object]:
    regions = [f"--region={name}" for names in REGIONS.values() for name in names.split()]
    types = [f"--instance-type={name}" for name in TYPES]
    arguments = ("--debug", "--sandbox", "quota", "check", *types, *regions, "--format=json")
    start = time.perf_counter()
    done = _planner(environment, *arguments)
    seconds = time.perf_counter() - start
    found = {(row["cloud"], row["quota_region"]) for row in json.loads(done.stdout)}
    expected = sum(len(names.split()) for names in REGIONS.values())
    regional = {pair for pair in found if pair[1]}
    if len(regional) != expected:
        sys.exit(f"{len(regional)} regions answered, not {expected}")
    calls = {
        f"{cloud} {name}": int(count)
        for count, cloud, name in re.findall(r"^ +(\d+) (\w+) (\S+)$", done.stderr, re.MULTILINE)
    }
    return {"seconds": seconds, "calls": calls}


def _planner(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    # Exit code 4 says that quota is short, which it is in a new account.
    done = subprocess.run(
        [PLANNER, *arguments], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode not in {0, 4}:
        sys.exit(done.stderr)
    return done


if __name__ == "__main__":
    main()
