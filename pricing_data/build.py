"""Build the bundled snapshots from the tabular input: ``python pricing_data/build.py``.

docs/add-prices.md tells how to add a date. Refuses the whole snapshot when a row breaks an
integrity gate; ``--check`` builds into a scratch folder and compares with what is bundled.
"""

from __future__ import annotations

import sys
import tempfile
from datetime import date
from pathlib import Path

from planner.errors import PlannerError
from planner.pricing import ingest, snapshots
from planner.serving import accelerators

HERE = Path(__file__).resolve().parent
# The day the undated sources were found: their rows cannot be older knowledge than that.
FOUND_ON = date(2026, 11, 23)


def build(root: Path) -> list[Path]:
    """Build every snapshot below ``root``."""
    rows = [
        row for path in sorted((HERE / "input").glob("*.csv*")) for row in ingest.read_rows(path)
    ]
    found = ingest.convert(rows, ingest.read_sources(HERE / "sources.csv"), found_on=FOUND_ON)
    return ingest.build(
        found,
        root,
        accelerator_memory_gib={
            a.accelerator: a.memory_gib for a in accelerators.all_accelerators()
        },
        accepted=ingest.read_accepted(HERE / "accepted.csv"),
    )


def main() -> int:
    """Build, or with ``--check`` compare with what is bundled; return the exit code."""
    try:
        with tempfile.TemporaryDirectory() as scratch:
            root = Path(scratch)
            built = {path.relative_to(root): path for path in build(root)}
            bundled = {path.relative_to(HERE) for _, _, path in snapshots.find(HERE)}
            if "--check" in sys.argv:
                print(
                    "equal" if set(built) == bundled else f"differ: {sorted(set(built) ^ bundled)}"
                )
                return int(set(built) != bundled)
            for name in sorted(bundled - set(built)):
                (HERE / name).unlink()
            for name, path in sorted(built.items()):
                (HERE / name).parent.mkdir(parents=True, exist_ok=True)
                (HERE / name).write_bytes(path.read_bytes())
                print(f"pricing_data/{name}")
    except PlannerError as error:
        print(f"Error: {error}\n{error.why}\nTry: {error.advice}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
