"""``planner actuals``: what endpoints really cost, what they really served, what to change."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from planner.cli.output import emit_json, note
from planner.cli.quota.options import account_options, use_accounts
from planner.cli.quota.telling import notify_option
from planner.cli.words import Choice

if TYPE_CHECKING:
    from planner.actuals.answer import Actuals

_ALERT = 7
_FORMATS = ("table", "json", "markdown", "focus", "prometheus")


def _rates(
    _context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]
) -> dict[str, Decimal]:
    """Return currency -> dollars of ``EUR=1.08`` (a click callback)."""
    found = {}
    for value in values:
        code, _, rate = value.partition("=")
        try:
            found[code.strip().upper()] = Decimal(rate)
        except InvalidOperation:
            raise click.BadParameter(f"{value!r}: say EUR=1.08") from None
        if not found[code.strip().upper()] > 0:
            raise click.BadParameter(f"{value!r}: a rate is more than 0")
    return found


def _money(
    _context: click.Context, _parameter: click.Parameter, value: str | None
) -> Decimal | None:
    """Return an amount in dollars (a click callback)."""
    try:
        return None if value is None else Decimal(value.replace(",", "").lstrip("$"))
    except InvalidOperation:
        raise click.BadParameter(f"{value!r} is no amount; say 5000") from None


@click.command()
@click.option(
    "--focus",
    multiple=True,
    metavar="PATH|URL",
    help="A FOCUS export: Parquet or CSV, a file or a folder, also s3://, gs://, az:// "
    "(repeatable).",
)
@click.option(
    "--from-cloud",
    "clouds",
    multiple=True,
    type=Choice(["aws", "azure", "gcp"]),
    help="Without an export: ask the cloud's own cost interface (repeatable).",
)
@click.option(
    "--bigquery",
    default="",
    metavar="TABLE",
    help="Google's billing export: PROJECT.DATASET.TABLE.",
)
@click.option("--month", metavar="MONTH", help="2026-11, this or last.")
@click.option("--since", metavar="DAY", help="2026-11-01, yesterday, 7d.  [default: this month]")
@click.option("--until", metavar="DAY", help="The day after the last.  [default: tomorrow]")
@click.option(
    "--rate",
    "rates",
    multiple=True,
    callback=_rates,
    metavar="EUR=1.08",
    help="US dollars for one of another currency (repeatable).",
)
@click.option("--prometheus", metavar="URL", help="A Prometheus that reads the engines' metrics.")
@click.option(
    "--match",
    default='job="{endpoint}"',
    show_default=True,
    metavar="SELECTOR",
    help="What selects an endpoint's series there.",
)
@click.option("--no-metrics", is_flag=True, help="Do not look at the endpoints' own metrics.")
@click.option(
    "--budget", callback=_money, metavar="USD", help="A month.  [default: planner config]"
)
@click.option("--alert-spend", callback=_money, metavar="USD", help="Exit with 7 above this cost.")
@click.option(
    "--alert-waste", callback=_money, metavar="USD", help="Exit with 7 above this idle cost."
)
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="A file.")
@click.option("--yes", is_flag=True, help="Do not ask before a question that costs.")
@notify_option
@account_options
@click.option(
    "--format",
    "output_format",
    type=Choice(_FORMATS),
    default="table",
    show_default=True,
    help="How to print; focus is CSV in FOCUS's columns.",
)
def actuals(output_format: str, output: Path | None, **options: Any) -> int:  # noqa: ANN401 - mirrors the options
    """Show what endpoints really cost and served, beside what was predicted, and what to change.

    \b
    planner actuals --focus exports/
    planner actuals --focus s3://billing/focus/ --month last
    planner actuals --from-cloud aws --since 7d
    planner actuals --since yesterday --format json      (for cron)
    """  # noqa: D301 - click reads the backspace as "keep these lines"
    use_accounts(options)
    from planner.cli.actuals import asking, files, view

    if output is not None:
        files.check(output)
    question = asking.Question(**{name: options[name] for name in asking.FIELDS})
    found, advised = asking.answer(question)
    if output is not None:
        files.write(found, advised, output)
    elif output_format in {"table", "markdown"}:
        view.show(found, advised, output_format)
    elif output_format == "json":
        from planner.actuals.records import record

        emit_json(record(found, advised))
    else:
        click.echo(files.text(found, advised, f".{output_format}"), nl=False)
    return _alerts(found, options)


def _alerts(found: Actuals, options: dict[str, Any]) -> int:
    """Say and tell what is above its threshold, dollars against dollars; return the exit code."""
    if found.currency != "USD" and (options["alert_spend"] or options["alert_waste"]):
        note(f"Thresholds are dollars and the bill is in {found.currency}: --rate converts it.")
        return 1
    dollars = (item.idle_cost or Decimal(0) for item in found.endpoints if item.currency == "USD")
    idle = sum(dollars, Decimal(0))
    cost = found.total_effective if found.has_bill else found.total_predicted
    limits = (
        ("cost", cost, options["alert_spend"]),
        ("idle hours cost", idle, options["alert_waste"]),
    )
    texts = [
        f"planner: {word} of ${amount:,.2f} in {found.period} is above ${limit:,.2f}"
        for word, amount, limit in limits
        if limit is not None and amount > limit
    ]
    for text in texts:
        note(text)
    if texts:
        from planner import preferences
        from planner.quotas import notify

        target = options["notify"] or preferences.get("notify")
        if target:
            notify.notify(target, {"text": "; ".join(texts), "state": "ALERT"})
    return _ALERT if texts else 0
