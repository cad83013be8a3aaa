"""``planner quota check``: is there room?"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import click

from planner.cli.output import emit, format_option, note
from planner.cli.quota import again, codes
from planner.cli.quota import options as quota_options
from planner.cli.quota.percent import to_share

if TYPE_CHECKING:
    from collections.abc import Sequence, Sized

    from planner.quotas.model import DemandCheck
    from planner.quotas.ways import Way

_ALERT = 7
_FIRST = 10


@click.command()
@quota_options.demand_options
@click.option("--all", "show_all", is_flag=True, help="Every place, not the best ten only.")
@click.option("--alarm", callback=to_share, metavar="80%", help="Exit code 7 from that use on.")
@format_option
def check(model: str | None, output_format: str, show_all: bool, **options: Any) -> int:  # noqa: ANN401 - mirrors the options
    """Check every quota that binds MODEL's plans, or instance types.

    All regions of the geo are read at once. A plan has room when every quota that binds it
    has, for as many machines as it may grow to; what cannot be read is unknown, never zero.
    Exit codes: 0 a place has room (all, with --together), 4 short everywhere, 5 not known,
    7 the alarm.

    \b
    planner quota check llama-2-70b --cloud aws
    planner quota check --instance-type p5.48xlarge --region us-east-1 --region us-west-2
    planner quota check --instance-type Standard_NC24ads_A100_v4 --geo eu --spot
    """  # noqa: D301 - click reads the backspace as "keep these lines"
    from planner.cli.quota import view
    from planner.quotas import ways

    quota_options.use_accounts(options)
    asked = quota_options.demands(model, options)
    together = quota_options.is_together(options)
    checks = quota_options.check(list(asked), together=together)
    plans = {demand: plan for demand, plan in asked.items() if plan is not None}
    found = ways.ways(checks, plans)
    shown = found
    if output_format == "table" and not show_all:
        shown = (ways.best_places(found) if model and not together else found)[:_FIRST]
    title = view.title(f"Quotas for {model or 'the instance types'}")
    records = view.check_records([way.check for way in shown])
    emit(
        records,
        view.check_columns(),
        output_format,
        fields=[name for name in records[0] if name != "repeated"],
        title=title if output_format == "table" else "",
    )
    _summarise(checks, len(shown))
    _say_next(found, model)
    if options["alarm"] is not None and _alarm(checks, options["alarm"]):
        return _ALERT
    return codes.of_checks(checks, together=together)


def _summarise(checks: Sequence[DemandCheck], shown: int) -> None:
    from planner.cli.quota import view

    regions = {(check.demand.cloud, check.demand.region) for check in checks}
    counts = Counter("closed" if check.closed else check.verdict.value for check in checks)
    words = ", ".join(
        f"{counts[word]} {word}"
        for word in ("enough", "short", "unknown", "closed")
        if counts[word]
    )
    more = f" ({shown} shown; --all)" if shown < len(checks) else ""
    note(f"{_count(checks, 'place')} in {_count(regions, 'region')}: {words}{more}.")
    for reason in view.reasons(checks):
        note(reason)
    for remark in view.updates(checks):
        note(remark)
    for advice in dict.fromkeys(check.advice for check in checks if check.advice):
        note(f"Try: {advice}")


def _say_next(found: Sequence[Way], model: str | None) -> None:
    """Say what to type next, where nothing has room."""
    from planner.quotas.ways import Ready

    if any(way.ready is Ready.NOW for way in found):
        return
    asking = [way for way in found if way.ready is Ready.REQUEST]
    if asking and asking[0].check.is_asked_for:
        note("What is missing is asked for already. Next: planner quota watch")
    elif asking:
        demand = asking[0].check.demand
        words = again.command("quota plan", model=model) if model else ""
        note(f"Next: {words or again.command('quota request', demand)}")
    closed = next((way.check for way in found if way.ready is Ready.CLOSED), None)
    if closed is not None and not asking:
        if closed.may_be_opened:
            note(f"To ask for access: {again.command('quota request', closed.demand)} --access")
        note(f"Without more quota: {again.command('quota capacity', closed.demand, model)}")


def _alarm(checks: Sequence[DemandCheck], share: float) -> bool:
    from planner.quotas import history

    full = history.fullest(checks, share)
    for filling in full:
        quota = filling.check.quota
        where = quota.region or "all regions"
        note(
            f"ALARM: {quota.title} in {where} is {filling.share:.0%} in use "
            f"({filling.check.usage:g} of {filling.check.limit:g} {quota.unit})."
        )
    return bool(full)


def _count(things: Sized, word: str) -> str:
    return f"{len(things)} {word}{'' if len(things) == 1 else 's'}"
