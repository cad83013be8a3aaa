"""``planner quota plan``: the shortest way to a running endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from planner.cli.output import emit, format_option, note
from planner.cli.quota import again
from planner.cli.quota import options as quota_options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.quotas.ways import Way


@click.command()
@quota_options.demand_options
@click.option(
    "--top", type=click.IntRange(min=1), default=5, show_default=True, help="How many ways."
)
@format_option
def plan(model: str | None, output_format: str, top: int, **options: Any) -> None:  # noqa: ANN401 - mirrors the options
    """Find the shortest way to a running endpoint for MODEL, across clouds.

    What has room already comes first, cheapest first. Else the single request with the best
    chance: fewest requests, smallest step of the limit, lowest price; where prices are equal,
    more zones and regions with the machine. No cloud publishes odds; it is a rule of thumb.
    """
    from planner.cli.quota import view

    ways = best_ways(model, options)
    shown = ways[:top]
    title = view.title(f"Ways to run {model or 'the instance types'}, best first")
    records = view.way_records(shown)
    emit(
        records,
        view.way_columns(),
        output_format,
        fields=list(records[0]),
        title=title if output_format == "table" else "",
    )
    _say_next(model, shown[0])


def best_ways(model: str | None, options: dict[str, Any]) -> Sequence[Way]:
    """Return the ways, best first; one per instance type, in its best region."""
    from planner.quotas import ways

    return ways.best_places(all_ways(model, options))


def all_ways(model: str | None, options: dict[str, Any]) -> Sequence[Way]:
    """Return the ways of every place that was asked about, best first."""
    from planner.quotas import ways

    quota_options.use_accounts(options)
    asked = quota_options.demands(model, options)
    together = quota_options.is_together(options)
    checks = quota_options.check(list(asked), together=together)
    plans = {demand: plan for demand, plan in asked.items() if plan is not None}
    return ways.ways(checks, plans)


def _say_next(model: str | None, way: Way) -> None:
    from planner.quotas.ways import Ready

    demand = way.check.demand
    if way.ready is Ready.NOW:
        note(f"There is room now: {again.command('deploy', demand, model or 'MODEL')}")
    elif way.ready is Ready.REQUEST and way.check.is_asked_for:
        note("What is missing is asked for already. Next: planner quota watch")
    elif way.ready is Ready.REQUEST:
        note(f"Next: {again.command('quota request', demand, model)}")
    else:
        note(f"No way is open here: {way.check.reason}")
        note(f"Try: --geo all, or {again.command('quota capacity', demand, model)}")
