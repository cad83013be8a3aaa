"""``planner quota check``: is there room?"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from planner.cli.output import emit, format_option, note
from planner.cli.quota import options as quota_options

if TYPE_CHECKING:
    from collections.abc import Sequence, Sized

    from planner.quotas.model import DemandCheck

_SHORT = 4
_FIRST = 10


@click.command()
@quota_options.demand_options
@click.option("--all", "show_all", is_flag=True, help="Every place, not the best ten only.")
@format_option
def check(model: str | None, output_format: str, show_all: bool, **options: Any) -> int:  # noqa: ANN401 - mirrors the options
    """Check every quota that binds MODEL's plans, or instance types.

    All regions of the geo are read at once. A plan has room when every quota that binds it
    has; what cannot be read is unknown, never zero. Exit code 4: short everywhere.

    \b
    planner quota check llama-2-70b --cloud aws
    planner quota check --instance-type p5.48xlarge --region us-east-1 --region us-west-2
    planner quota check --instance-type Standard_NC24ads_A100_v4 --geo eu --spot
    """  # noqa: D301 - click reads the backspace as "keep these lines"
    from planner.cli.quota import view
    from planner.quotas import ways

    quota_options.use_accounts(options)
    asked = quota_options.demands(model, options)
    checks = quota_options.check(list(asked))
    plans = {demand: plan for demand, plan in asked.items() if plan is not None}
    found = ways.ways(checks, plans)
    if output_format == "table" and not show_all:
        found = (ways.best_places(found) if model else found)[:_FIRST]
    shown = [way.check for way in found]
    title = view.title(f"Quotas for {model or 'the instance types'}")
    records = view.check_records(shown)
    emit(
        records,
        view.check_columns(),
        output_format,
        fields=[name for name in records[0] if name != "repeated"],
        title=title if output_format == "table" else "",
    )
    _summarise(checks, shown, model)
    return _exit_code(checks)


def _summarise(
    checks: Sequence[DemandCheck], shown: Sequence[DemandCheck], model: str | None
) -> None:
    from planner.cli.quota import view

    regions = {(check.demand.cloud, check.demand.region) for check in checks}
    counts = Counter("closed" if check.closed else check.verdict.value for check in checks)
    words = ", ".join(
        f"{counts[word]} {word}"
        for word in ("enough", "short", "unknown", "closed")
        if counts[word]
    )
    more = f" ({len(shown)} shown; --all)" if len(shown) < len(checks) else ""
    note(f"{_count(checks, 'place')} in {_count(regions, 'region')}: {words}{more}.")
    for reason in view.reasons(checks):
        note(reason)
    for advice in dict.fromkeys(check.advice for check in checks if check.advice):
        note(f"Try: {advice}")
    if counts["short"] and not counts["enough"]:
        best = shown[0].demand
        where = f"--instance-type {best.instance_type} --region {best.region}"
        note(f"Next: planner quota {f'plan {model}' if model else f'request {where}'}")


def _count(things: Sized, word: str) -> str:
    return f"{len(things)} {word}{'' if len(things) == 1 else 's'}"


def _exit_code(checks: Sequence[DemandCheck]) -> int:
    """Return 4 where nothing has room and something is known to be short."""
    from planner.quotas.model import Verdict

    if any(check.deployable for check in checks):
        return 0
    short = any(check.verdict is Verdict.SHORT or check.closed for check in checks)
    return _SHORT if short else 0
