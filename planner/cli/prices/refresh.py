"""``planner refresh``: today's prices from the clouds' own price interfaces."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from planner.cli.output import console, emit, format_option, note
from planner.cli.prices import refresh_view as view
from planner.cli.words import Choice
from planner.errors import InterruptedByUserError, UnknownNameError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from planner.pricing.refresh import Outcome
    from planner.pricing.sources.interface import Files, Progress, Source
    from planner.pricing.store import Store

CLOUDS = ("aws", "azure", "gcp")
# What there is to count: AWS comes as files, the others as pages.
_UNITS = {"aws": "bytes", "azure": "pages", "gcp": "pages"}
_FAILED, _NEWER = 1, 7


@click.command()
@click.option(
    "--cloud",
    "clouds",
    multiple=True,
    type=Choice(CLOUDS),
    help="Only this cloud (repeatable).  [default: all]",
)
@click.option(
    "--region", "regions", multiple=True, metavar="NAME", help="Only this region (repeatable)."
)
@click.option("--check", is_flag=True, help="Tell whether newer prices exist; publish nothing.")
@click.option(
    "--from",
    "folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Read files fetched elsewhere with --save.",
)
@click.option(
    "--save",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep every file here, to carry to a machine without internet.",
)
@click.option(
    "--accept",
    "accepted",
    multiple=True,
    metavar="GATE=GLOB",
    help="Publish although a price jumped or a card vanished, where the row matches (repeatable).",
)
@click.option(
    "--keep",
    type=click.IntRange(min=1),
    default=60,
    show_default=True,
    metavar="N",
    help="Snapshots to keep of each cloud.",
)
@click.option(
    "--explain",
    "explained",
    metavar="INSTANCE_TYPE",
    help="Print the raw rows about one machine and what became of each; publish nothing.",
)
@click.option(
    "--direct",
    is_flag=True,
    help="Read the clouds' own interfaces, although a published catalogue is set.",
)
@format_option
@click.pass_context
def refresh(
    context: click.Context,
    *,
    output_format: str,
    clouds: tuple[str, ...],
    regions: tuple[str, ...],
    check: bool,
    folder: Path | None,
    save: Path | None,
    accepted: tuple[str, ...],
    keep: int,
    explained: str | None,
    direct: bool,
) -> None:
    """Bring today's prices from AWS, Azure and Google Cloud.

    AWS and Azure need no account; Google needs an API key in PLANNER_GCP_API_KEY. Prices are
    checked before they are published. A machine, a service or a cloud whose prices are in
    doubt keeps those of before, and is named.
    With PLANNER_CATALOG_URL (or planner config set catalog-url=...) they come from a catalogue
    that someone publishes, in seconds; options that read the clouds themselves still do.
    Exit code 1: a cloud failed. Exit code 7 with --check: newer prices exist.

    \b
    planner refresh
    planner refresh --cloud aws --region us-east-1
    planner refresh --check
    planner refresh --cloud azure --region westeurope --explain Standard_NCC40ads_H100_v5
    """  # noqa: D301 - click reads the backspace as "keep these lines"
    from planner.pricing.refresh import Refresh, standing_exceptions
    from planner.pricing.store import open_store

    wanted = _by_cloud(regions, [cloud for cloud in CLOUDS if cloud in (clouds or CLOUDS)])
    # Naming a region of one cloud is no wish for all regions of the others.
    chosen = [cloud for cloud, names in wanted.items() if names or not regions]
    store = open_store()
    url = _catalog_url()
    if url and not (direct or regions or folder or save or accepted or explained):
        with _ended_by_ctrl_c():
            _end(context, _take(url, chosen, store, keep, check=check), str(store), output_format)
        return
    with _ended_by_ctrl_c(), _progress(chosen) as progress:
        run = Refresh(
            sources=[_source(cloud) for cloud in chosen],
            files=_opener(store.root, progress, folder, save),
            target=store,
            accelerator_memory_gib=_memory(),
            regions=wanted,
            accepted=[*standing_exceptions(), *map(_accepted, accepted)],
            keep=keep,
            optional=frozenset() if clouds else frozenset({"gcp"}),
        )
        if explained:
            traces = run.explain(explained)
        else:
            outcomes = run.check() if check else run.run()
    if explained:
        view.show_traces(explained, traces, output_format)
        return
    _end(context, outcomes, str(store), output_format)


def _end(
    context: click.Context, outcomes: Sequence[Outcome], store: str, output_format: str
) -> None:
    """Show how it ended, and leave with the code that says so."""
    from planner.pricing.refresh import Status

    emit([view.record(o) for o in outcomes], view.columns(), output_format, fields=view.FIELDS)
    view.tell(outcomes, store)
    if any(o.status is Status.FAILED for o in outcomes):
        context.exit(_FAILED)
    if any(o.status is Status.NEWER for o in outcomes):
        context.exit(_NEWER)


def _catalog_url() -> str:
    """Return where the published catalogue is; empty where none is set.

    The sandbox's clouds have no catalogue: there, their own interfaces are read.
    """
    from planner import preferences
    from planner.clouds import settings

    if settings.current().simulated:
        return ""
    return os.environ.get("PLANNER_CATALOG_URL") or preferences.get("catalog-url")


def _take(
    url: str, clouds: Sequence[str], store: Store, keep: int, *, check: bool
) -> list[Outcome]:
    """Take what is new of a published catalogue."""
    from functools import partial

    from planner import preferences
    from planner.pricing import signature
    from planner.pricing.published import Site, Take
    from planner.pricing.sources.connection import Connection, Manners

    identity = os.environ.get("PLANNER_CATALOG_IDENTITY") or preferences.get("catalog-identity")
    connection = Connection(Manners(requests_per_second=20))
    take = Take(
        site=Site(url, connection),
        target=store,
        accelerator_memory_gib=_memory(),
        clouds=clouds,
        verify=partial(signature.check, identity=identity),
        keep=keep,
    )
    try:
        return take.run(check=check)
    finally:
        connection.http.close()


def _memory() -> dict[str, float]:
    from planner.serving import accelerators

    return {a.accelerator: a.memory_gib for a in accelerators.all_accelerators()}


@contextmanager
def _ended_by_ctrl_c() -> Iterator[None]:
    """End the process at once on Ctrl-C, although threads wait for answers.

    A refresh may be ended at any moment: what is published is whole, and downloads resume.
    """
    try:
        yield
    except KeyboardInterrupt:
        note("Interrupted. Prices of before stay; the next refresh resumes.")
        os._exit(InterruptedByUserError.exit_code)


def _source(cloud: str) -> Source:
    from planner.pricing.sources.aws import AwsSource
    from planner.pricing.sources.azure import AzureSource
    from planner.pricing.sources.gcp import GcpSource

    sources: dict[str, Callable[[], Source]] = {
        "aws": AwsSource,
        "azure": AzureSource,
        "gcp": GcpSource,
    }
    return sources[cloud]()


def _opener(
    root: Path, progress: Callable[[str], Progress], folder: Path | None, save: Path | None
) -> Callable[[str], Files]:
    from planner.pricing.sources.download import Downloads
    from planner.pricing.sources.saved import SavedFiles

    if folder is not None and save is not None:
        raise UsageError("--from and --save exclude each other")
    if folder is not None:
        return lambda cloud: SavedFiles(folder, cloud, progress(cloud))
    return lambda cloud: Downloads(root / "downloads", progress(cloud), save=save)


def _by_cloud(names: Sequence[str], clouds: Sequence[str]) -> dict[str, list[str]]:
    """Sort regions by the cloud they belong to.

    Raises:
        UnknownNameError: No chosen cloud has a region of that name.
    """
    from planner.pricing import regions

    found = {cloud: [n for n in names if n in regions.of_cloud(cloud)] for cloud in clouds}
    for name in names:
        if not any(name in mine for mine in found.values()):
            known = [n for cloud in clouds for n in regions.of_cloud(cloud)]
            raise UnknownNameError("region", name, known)
    return found


def _accepted(text: str) -> tuple[str, str]:
    from planner.pricing.gates import ACCEPTABLE, GATES

    gate, separator, subject = text.partition("=")
    known = [function.__name__ for function in GATES]
    if not separator or not subject:
        raise UsageError(
            f"--accept {text!r} is not GATE=GLOB",
            advice="--accept 'price_did_not_jump=ec2 us-east-1 p5.48xlarge*'",
        )
    if gate not in known:
        raise UnknownNameError("gate", gate, known)
    if gate not in ACCEPTABLE:
        raise UsageError(
            f"{gate} cannot be accepted",
            why="two prices for one thing, a price of 0 or a row without a source is no price",
            advice=f"one of: {', '.join(sorted(ACCEPTABLE))}",
        )
    return gate, subject


@contextmanager
def _progress(clouds: Sequence[str]) -> Iterator[Callable[[str], Progress]]:
    """Show a bar for each cloud on stderr, where someone looks at it."""
    from rich import progress as rich_progress

    bars = rich_progress.Progress(
        rich_progress.TextColumn("{task.description:5}"),
        rich_progress.BarColumn(bar_width=24),
        rich_progress.TextColumn("{task.fields[shown]}"),
        rich_progress.TimeRemainingColumn(compact=True),
        console=console(stderr=True),
        transient=True,
    )
    with bars:
        tasks = {cloud: bars.add_task(cloud, total=None, shown="") for cloud in clouds}

        def of(cloud: str) -> Progress:
            task = tasks[cloud]
            totals = [0]

            def tell(done: int, total: int | None) -> None:
                totals[0] += total or 0
                bars.update(task, advance=done, total=totals[0] or None)
                bars.update(task, shown=_shown(cloud, bars.tasks[task]))

            return tell

        yield of


def _shown(cloud: str, task: Any) -> str:  # noqa: ANN401 - Rich's task
    """Return what a bar says: bytes and their rate, or pages and theirs."""
    from rich.filesize import decimal

    done, rate = int(task.completed), task.speed or 0
    if _UNITS[cloud] == "bytes":
        return f"{decimal(done)}, {decimal(int(rate))}/s"
    return f"{done} pages, {rate:.1f}/s"
