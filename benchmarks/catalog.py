"""How fast a large catalog answers: ``catalog.py [OFFERS]`` (300,000 by default).

Writes snapshots of eight dates on three clouds, as weekly refreshes of all regions leave them,
to a temporary folder, and times a filtered and sorted question in process and on the command
line.
"""

from __future__ import annotations

import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import date, timedelta
from decimal import Decimal
from itertools import islice, product
from pathlib import Path
from typing import TYPE_CHECKING

from planner.pricing import instance_types, regions, snapshots
from planner.pricing.catalog import Catalog, Query
from planner.pricing.offer import Commitment, Offer, PaymentOption, PricingModel

if TYPE_CHECKING:
    from collections.abc import Iterator

DATES = 8
FIRST = date(2026, 9, 1)
ROUNDS = 15
CLOUDS = ("aws", "azure", "gcp")
TERMS = [
    (PricingModel.ON_DEMAND, None, None, None),
    (PricingModel.SPOT, None, None, None),
    *(
        (PricingModel.COMMITTED, *rest)
        for rest in product(
            (Commitment.RESERVED_INSTANCE, Commitment.SAVINGS_PLAN), (1, 3), PaymentOption
        )
    ),
]
QUERY = Query(instance_types=("p4d.24xlarge", "a2-ultragpu-2g"), pricing_models=("on_demand",))


def main() -> None:
    """Build the catalog, time it, print a table."""
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 300_000
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        total = build(root, wanted)
        size = sum(path.stat().st_size for _, _, path in snapshots.find(root)) / 1e6
        print(f"{total:,} offers in {DATES * len(CLOUDS)} snapshots, {size:.1f} MB")
        environment = os.environ | {"PLANNER_DATA_DIR": str(root)}
        done = subprocess.run(
            [sys.executable, __file__, "ask", str(root)], check=True, capture_output=True, text=True
        )
        for name, text in json.loads(done.stdout).items():
            print(f"{name:40} {text}")
        for command in ("prices --instance-type p4d.24xlarge --geo all", "compare llama-2-70b"):
            start = time.perf_counter()
            subprocess.run(
                [sys.executable, "-m", "planner", *command.split(), "--format", "json"],
                check=True, capture_output=True, env=environment,
            )  # fmt: skip
            print(f"planner {command:32} {1000 * (time.perf_counter() - start):6.0f} ms")


def ask(root: Path) -> None:
    """Time questions in this process."""
    start = time.perf_counter()
    catalog = Catalog(root)
    first = len(catalog.offers(QUERY))
    cold = 1000 * (time.perf_counter() - start)
    answers = {
        "first question, opening included": f"{cold:6.0f} ms, {first} offers",
        "one region, on demand, sorted": _timed(
            catalog, Query(regions=("us-east-1",), pricing_models=("on_demand",))
        ),
        "two instance types, on demand, sorted": _timed(catalog, QUERY),
        "one cloud, 1 year committed, cheapest 100": _timed(
            catalog, Query(clouds=("aws",), term_years=(1,), limit=100)
        ),
    }
    peak = peak_memory()
    answers["peak memory"] = f"{peak:6.0f} MB"
    print(json.dumps(answers))


def build(root: Path, wanted: int) -> int:
    """Write the snapshots; return how many offers they hold."""
    each = wanted // (DATES * len(CLOUDS))
    total = 0
    for cloud, week in product(CLOUDS, range(DATES)):
        day = FIRST + timedelta(weeks=week)
        found = list(islice(offers(cloud, day, week), each))
        snapshots.write(root, found, snapshots.coverage_of(found))
        total += len(found)
    return total


def offers(cloud: str, day: date, week: int) -> Iterator[Offer]:
    """Yield invented offers of real instance types in real regions, the same every week."""
    types = [t for t in instance_types.bundled() if t.cloud == cloud]
    sold = list(product(regions.of_cloud(cloud), types, TERMS))
    random.Random(cloud).shuffle(sold)  # noqa: S311 - not a secret
    for number, (region, item, terms) in enumerate(sold):
        price = Decimal(1000 + number % 997 + week) / 100
        yield Offer(
            cloud, item.service, region, item.instance_type, *terms, price, Decimal(0), price,
            "USD", day, "benchmark",
        )  # fmt: skip


def _timed(catalog: Catalog, query: Query) -> str:
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        found = catalog.offers(query)
        times.append(1000 * (time.perf_counter() - start))
    return f"{statistics.median(times):6.1f} ms (best {min(times):.1f}), {len(found)} offers"


def peak_memory() -> float:
    """Return this process's peak memory in MB; getrusage would count its parent's too (Linux)."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) / 1024 if found else 0.0


if __name__ == "__main__":
    if sys.argv[1:2] == ["ask"]:
        ask(Path(sys.argv[2]))
    else:
        main()
