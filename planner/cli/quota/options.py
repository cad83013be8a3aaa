"""What the quota commands ask in common: which machines, whose accounts."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from planner.cli.next_command import remember_accounts
from planner.cli.options import (
    filter_options,
    geo_option,
    model_argument_of,
    placement_options,
)
from planner.cli.output import console, note

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from planner.plan import Plan
    from planner.quotas.interface import QuotaAdapter
    from planner.quotas.model import Demand, DemandCheck


def account_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add --profile, --subscription and --project: whose account in each cloud."""
    for option in (
        click.option("--project", metavar="ID", help="Google Cloud project."),
        click.option("--subscription", metavar="ID", help="Azure subscription."),
        click.option("--profile", metavar="NAME", help="AWS profile."),
    ):
        function = option(function)
    return function


def demand_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add MODEL, filters, and how the machines are bought."""
    for option in (
        account_options,
        click.option("--azure-ml", is_flag=True, help="Azure ML's own counters, not VMs'."),
        click.option(
            "--flex-start", is_flag=True, help="Google: flex-start, on preemptible quota."
        ),
        click.option("--capacity-block", is_flag=True, help="AWS: Capacity Blocks' own quotas."),
        click.option("--spot", is_flag=True, help="Spot capacity, which has its own quotas."),
        click.option(
            "--size",
            "fleet",
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            metavar="FILE",
            help="The first fleet of a planner size --format json, at its largest.",
        ),
        click.option(
            "--together",
            is_flag=True,
            help="All that is named is to run at once: limits need room for the sum.",
        ),
        click.option(
            "--instances",
            type=click.IntRange(min=1),
            metavar="N",
            help="Machines of each, at their most.  [default: as many as the model needs]",
        ),
        geo_option,
        filter_options,
        placement_options,
        model_argument_of(required=False),
    ):
        function = option(function)
    return function


def use_accounts(options: dict[str, Any]) -> None:
    """Put --profile, --subscription and --project in force, and take them out of the options."""
    from planner.clouds import settings

    remember_accounts(options)
    settings.override(
        aws_profile=options.pop("profile"),
        azure_subscription=options.pop("subscription"),
        gcp_project=options.pop("project"),
    )


def demands(model: str | None, options: dict[str, Any]) -> dict[Demand, Plan | None]:
    """Return what the command is about, with the plan where a model was named.

    Raises:
        click.UsageError: Neither a model nor an instance type was named.
    """
    from planner.quotas import demands as make
    from planner.quotas import fleet

    purchase = _purchase(options)
    if options["fleet"] is not None:
        return dict.fromkeys(fleet.demands(options["fleet"], model or ""))
    if model is not None:
        if options["azure_ml"]:
            raise click.UsageError("--azure-ml goes with --instance-type, not with a MODEL")
        plans = _plans(model, options)
        return dict(
            make.of_plans(
                plans, spot=options["spot"], instances=options["instances"], purchase=purchase
            )
        )
    if not options["instance_types"]:
        raise click.UsageError("name a MODEL, or --instance-type")
    found = make.of_instance_types(
        options["instance_types"],
        geo=options["geo"],
        wanted_regions=options["regions"],
        instances=options["instances"] or 1,
        spot=options["spot"],
        managed=options["azure_ml"],
        purchase=purchase,
    )
    return dict.fromkeys(found)


def is_together(options: dict[str, Any]) -> bool:
    """Tell whether all that is asked about is to run at once."""
    return bool(options["together"] or options["fleet"] is not None)


def _purchase(options: dict[str, Any]) -> str:
    named = [name for name in ("capacity_block", "flex_start") if options[name]]
    if len(named) + options["spot"] > 1:
        raise click.UsageError("one of --spot, --capacity-block and --flex-start")
    return named[0] if named else ""


@contextmanager
def progress(regions: Collection[tuple[str, str]]) -> Iterator[Callable[[str, str], None]]:
    """Show how many (cloud, region) are done, on a terminal; yield what to call for each."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (
        TextColumn("Reading quotas"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("regions"),
    )
    screen = console(stderr=True)
    with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as bar:
        task = bar.add_task("regions", total=len(regions))
        yield lambda _cloud, _region: bar.advance(task)


def check(asked: Sequence[Demand], *, together: bool = False) -> list[DemandCheck]:
    """Check the demands behind a progress bar, and count the calls with --debug.

    What planner's own open requests ask for is in the checks, and what is in use goes into
    the ledger.
    """
    from planner.ledger import Ledger
    from planner.quotas import booked, checking, graph, history

    adapters: dict[str, QuotaAdapter] = {}
    with progress({(demand.cloud, demand.region) for demand in asked}) as done:
        found = checking.check(asked, progress=done, adapters=adapters)
    with Ledger() as ledger:
        wanted = {demand.cloud for demand in asked}
        requests = [row for row in ledger.requests(open_only=True) if row.cloud in wanted]
        found = booked.with_requests(found, requests, lambda cloud: adapters[cloud].account())
        history.remember(found, ledger)
    if together:
        found = graph.together(found)
    if click.get_current_context().find_root().obj.get("debug"):
        from planner.clouds import pacing

        counts = sorted(pacing.calls().items())
        note(f"{sum(n for _, n in counts)} API calls:")
        for (cloud, operation), n in counts:
            note(f"  {n:4} {cloud} {operation}")
    return found


def _plans(model: str, options: dict[str, Any]) -> Sequence[Plan]:
    from planner.planning import Request, compare

    names = ("precision", "context", "concurrency", "include_neuron", "geo", "clouds", "regions")
    more = ("accelerators", "instance_types")
    given = {name: options[name] for name in (*names, *more)}
    most = options["max_instances"]
    return compare(Request(model, every_region=True, max_instances=most, **given)).plans
