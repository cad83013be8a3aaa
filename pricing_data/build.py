"""Build the bundled snapshots from the tabular input: ``python pricing_data/build.py``.

docs/add-prices.md tells how to add a date. Refuses the whole snapshot when a row breaks an
integrity gate; ``--check`` builds into a scratch folder and compares with what is bundled.
"""

from __future__ import annotations

import sys
import tempfile
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from planner.errors import PlannerError
from planner.pricing import ingest, snapshots
from planner.pricing.catalog import Catalog, Query
from planner.serving import accelerators

if TYPE_CHECKING:
    from planner.pricing.snapshots import Coverage

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
            if "--check" in sys.argv:
                return _compare(root)
            bundled = {path.relative_to(HERE) for _, _, path in snapshots.find(HERE)}
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


def _compare(root: Path) -> int:
    """Compare what was built with what is bundled; return the exit code.

    By rows and coverage, not by bytes: another DuckDB may write the same rows otherwise.
    """
    built, bundled = Catalog(root), Catalog(HERE)
    ever = Query(as_of=date.max)
    differences = {
        *(f"{o.cloud} {o.as_of}" for o in {*built.history(ever)} ^ {*bundled.history(ever)}),
        *(f"{cloud} {day}" for cloud, day, _ in _coverage(built) ^ _coverage(bundled)),
    }
    print(f"differ: {', '.join(sorted(differences))}" if differences else "equal")
    return int(bool(differences))


def _coverage(catalog: Catalog) -> set[tuple[str, date, Coverage]]:
    return {(s.cloud, s.as_of, entry) for s in catalog.snapshots for entry in s.coverage}


if __name__ == "__main__":
    sys.exit(main())
