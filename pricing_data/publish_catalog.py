"""Refresh a catalogue and make it ready to publish: ``python pricing_data/publish_catalog.py``.

The folder it leaves is a static site (docs/catalog.md): put it on GitHub Pages, S3, GCS or any
web server. ``.github/workflows/catalog.yml`` runs this daily. Exits with 1 only where no cloud
could be refreshed; what was withheld is in the summary and beside the snapshots.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from planner.pricing import publishing, refresh, withheld
from planner.pricing.published import Site
from planner.pricing.refresh import Refresh, Status
from planner.pricing.sources.aws import AwsSource
from planner.pricing.sources.azure import AzureSource
from planner.pricing.sources.connection import Connection, Manners
from planner.pricing.sources.download import Downloads
from planner.pricing.sources.gcp import GcpSource
from planner.pricing.sources.saved import SavedFiles
from planner.pricing.store import LocalStore
from planner.serving import accelerators

if TYPE_CHECKING:
    from planner.pricing.refresh import Outcome
    from planner.pricing.sources.interface import Files, Source

_SOURCES: dict[str, type[AwsSource | AzureSource | GcpSource]] = {
    "aws": AwsSource,
    "azure": AzureSource,
    "gcp": GcpSource,
}
_MOST_SHOWN = 20


def main(arguments: list[str] | None = None) -> int:
    """Restore, refresh, write the index and a summary; return the exit code."""
    asked = _parser().parse_args(arguments)
    root: Path = asked.site
    root.mkdir(parents=True, exist_ok=True)
    if asked.previous:
        connection = Connection(Manners(requests_per_second=20))
        with closing(connection.http):
            count = publishing.restore(Site(asked.previous, connection), root)
        print(f"{count} files of {asked.previous}", file=sys.stderr)
    sources: list[Source] = [_SOURCES[cloud]() for cloud in asked.cloud or _SOURCES]
    run = Refresh(
        sources=sources,
        files=lambda cloud: _files(cloud, asked.from_folder, asked.cache),
        target=LocalStore(root),
        accelerator_memory_gib={
            a.accelerator: a.memory_gib for a in accelerators.all_accelerators()
        },
        accepted=refresh.standing_exceptions(),
        keep=asked.keep,
        optional=frozenset({"gcp"}),
    )
    outcomes = run.run()
    index = publishing.write_index(root)
    summary = "\n".join(_summary(outcomes)) + "\n"
    if asked.summary:
        with asked.summary.open("a", encoding="utf-8") as file:
            file.write(summary)
    print(f"{summary}\n{index}")
    return int(not any(outcome.status is Status.PUBLISHED for outcome in outcomes))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("site", type=Path, help="the folder to publish")
    parser.add_argument("--previous", help="URL of the catalogue as published before")
    parser.add_argument("--cloud", action="append", choices=list(_SOURCES))
    parser.add_argument("--from", dest="from_folder", type=Path, help="price files fetched before")
    parser.add_argument("--cache", type=Path, default=Path(".catalog-cache"))
    parser.add_argument("--keep", type=int, default=refresh.KEEP, help="snapshots of each cloud")
    parser.add_argument("--summary", type=Path, help="append what happened, as Markdown")
    return parser


def _files(cloud: str, folder: Path | None, cache: Path) -> Files:
    if folder is not None:
        return SavedFiles(folder, cloud, lambda *_: None)
    return Downloads(cache, lambda *_: None)


def _summary(outcomes: list[Outcome]) -> list[str]:
    """Return what happened, as Markdown."""
    lines = ["| cloud | prices | as of | offers | withheld |", "|---|---|---|---|---|"]
    for o in outcomes:
        day = o.as_of or ""
        count = len(o.machines_withheld)
        lines.append(f"| {o.cloud} | {o.status} | {day} | {o.offers} | {count} |")
    for o in outcomes:
        lines += ["", f"**{o.cloud}**: {o.error}", o.error.why] if o.error else []
        lines += [f"- {o.cloud}: {note}" for note in o.notes]
        lines += [f"- withheld: {violation}" for violation in o.withheld[:_MOST_SHOWN]]
        for service, why in o.kept.items():
            lines.append(f"- {service} keeps its prices of before: {why[0]}")
            lines.append(f"  - {withheld.advice(o.cloud, why)}")
    return lines


if __name__ == "__main__":
    sys.exit(main())
