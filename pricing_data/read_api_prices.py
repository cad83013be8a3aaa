"""Write api_prices.csv anew from the installed ``genai-prices``.

Run ``.venv/bin/python pricing_data/read_api_prices.py`` after upgrading the package.
"""

from __future__ import annotations

import csv
from importlib.metadata import version
from pathlib import Path

from planner.pricing.api_prices import read_package

TARGET = Path(__file__).with_name("api_prices.csv")
FIELDS = (
    "provider",
    "provider_name",
    "api_model",
    "start",
    "input_usd_per_million",
    "output_usd_per_million",
    "deprecated",
    "source",
)


def write() -> None:
    """Write the table; every row names the package and its version."""
    source = f"genai-prices {version('genai-prices')}"
    entries = sorted(read_package(), key=lambda e: (e.provider, e.api_model, str(e.start or "")))
    with TARGET.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(FIELDS)
        for entry in entries:
            ended = "yes" if entry.deprecated else ""
            writer.writerow(
                [entry.provider, entry.provider_name, entry.api_model, entry.start or "",
                 entry.input_usd, entry.output_usd, ended, source]
            )  # fmt: skip


if __name__ == "__main__":
    write()
    print(TARGET)
