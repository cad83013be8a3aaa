"""How fast a bill of ten million rows is summed up, and in how much memory.

Writes FOCUS rows as Parquet to a temporary folder, with tags as a JSON text (Azure) and as a map
(AWS), and reads each in a process of its own. The goal is 5 s and 500 MB on two cores.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

import duckdb

from planner.actuals.bills import focus
from planner.actuals.model import Period

ROWS = 10_000_000
SECONDS, MEGABYTES = 5.0, 500
TAGS = {
    "text": """'{"team":"a' || (i % 50) || '","planner:endpoint":"ep' || (i % 7) || '"}'""",
    "map": "map {'planner:endpoint': 'ep' || (i % 7), 'team': 'a' || (i % 50)}",
}
MAKE = """
COPY (
    SELECT
        TIMESTAMP '2026-10-01' + INTERVAL (i % 744) HOUR AS ChargePeriodStart,
        TIMESTAMP '2026-10-01' + INTERVAL (i % 744 + 1) HOUR AS ChargePeriodEnd,
        TIMESTAMP '2026-10-01' AS BillingPeriodStart,
        'Usage' AS ChargeCategory, NULL::VARCHAR AS ChargeClass, 'USD' AS BillingCurrency,
        (i % 1000) / 1000.0 AS BilledCost, (i % 1000) / 1100.0 AS EffectiveCost,
        (i % 1000) / 900.0 AS ListCost, 1.0 AS PricingQuantity, 'Hours' AS PricingUnit,
        'AWS' AS ProviderName, 'Compute' AS ServiceCategory,
        'Amazon Elastic Compute Cloud' AS ServiceName, 'SKU' || (i % 20) AS SkuId,
        'Linux g5.48xlarge Instance Hour' AS ChargeDescription,
        'arn:aws:ec2:us-east-1:123456789012:instance/i-' || (i % 5000) AS ResourceId,
        {tags} AS Tags
    FROM range({rows}) AS t(i)
) TO '{path}' (FORMAT parquet)
"""


def main() -> None:
    """Write the files, time the reading of each, print a table."""
    with tempfile.TemporaryDirectory() as scratch:
        for name, tags in TAGS.items():
            path = Path(scratch) / f"{name}.parquet"
            duckdb.execute(MAKE.format(tags=tags, rows=ROWS, path=path))
            command = [sys.executable, __file__, str(path)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            seconds, megabytes = json.loads(done.stdout)
            said = "" if seconds <= SECONDS and megabytes <= MEGABYTES else "  above the goal"
            print(f"tags as {name:5} {seconds:5.2f} s  {megabytes:4.0f} MB{said}")


def read(path: Path) -> None:
    """Read one file and print seconds and megabytes."""
    started = time.perf_counter()
    bill = focus.read([path], Period(date(2026, 10, 1), date(2026, 11, 1)))
    if bill.rows != ROWS:
        raise SystemExit(f"{bill.rows} rows of {ROWS} were read")
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps([time.perf_counter() - started, used]))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        read(Path(sys.argv[1]))
    else:
        main()
