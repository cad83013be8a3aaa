"""What the quota commands ask in common: which machines, whose accounts."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

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
        click.option("--spot", is_flag=True, help="Spot capacity, which has its own quotas."),
        click.option(
            "--instances",
            type=click.IntRange(min=1),
            metavar="N",
            help="Machines of each instance type.  [default: as many as the model needs]",
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

    if model is not None:
        if options["azure_ml"]:
            raise click.UsageError("--azure-ml goes with --instance-type, not with a MODEL")
        plans = _plans(model, options)
        return dict(make.of_plans(plans, spot=options["spot"], instances=options["instances"]))
    if not options["instance_types"]:
        raise click.UsageError("name a MODEL, or --instance-type")
    found = make.of_instance_types(
        options["instance_types"],
        geo=options["geo"],
        wanted_regions=options["regions"],
        instances=options["instances"] or 1,
        spot=options["spot"],
        managed=options["azure_ml"],
    )
    return dict.fromkeys(found)


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


def check(asked: Sequence[Demand]) -> list[DemandCheck]:
    """Check the demands behind a progress bar, and count the calls with --debug."""
    from planner.quotas import checking

    with progress({(demand.cloud, demand.region) for demand in asked}) as done:
        found = checking.check(asked, progress=done)
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
