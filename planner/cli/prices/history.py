"""``planner history``: how prices moved, what changed since a day, alerts."""

from __future__ import annotations

from datetime import datetime, time
from typing import TYPE_CHECKING, Any

import click

from planner.cli.options import as_of_option, filter_options, geo_option
from planner.cli.output import emit, format_option, note
from planner.cli.tables import Column
from planner.cli.words import Choice

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import date

    from planner.planning.alerting import Verdict
    from planner.pricing.catalog import Catalog
    from planner.pricing.changes import Change
    from planner.pricing.history import Series
    from planner.pricing.offer import Offer

_MET = 7
_LINES = 6
_TERMS = ("service", "region", "instance_type", "pricing_model", "commitment", "term_years",
          "payment_option")  # fmt: skip
_POINT_FIELDS = ("cloud", *_TERMS, "day", "effective_hourly_usd", "as_of", "source")
_CHANGE_FIELDS = ("change", "cloud", *_TERMS, "before_usd", "after_usd", "percent", "before_as_of",
                  "after_as_of")  # fmt: skip
_ALERT_FIELDS = ("rule", "met", "price_usd", "unit", "cloud", *_TERMS, "as_of", "source")


@click.command()
@filter_options
@geo_option
@as_of_option
@click.option(
    "--pricing-model",
    "pricing_models",
    multiple=True,
    type=Choice(["on_demand", "spot", "committed", "capacity_block", "flex_start"]),
    help="Only this way of paying (repeatable).  [default: on_demand]",
)
@click.option("--term-years", multiple=True, type=Choice(["1", "3"]), help="Only this term.")
@click.option(
    "--since",
    type=click.DateTime(formats=["%Y-%m-%d"]),
    metavar="DATE",
    help="List what rose, fell, appeared and vanished since that day.",
)
@click.option(
    "--alert",
    "rules",
    multiple=True,
    metavar="RULE",
    help="Exit with 7 when met: 'h100<2.5/gpu-hour', 'p5.48xlarge<50/hour' (repeatable).",
)
@format_option
@click.pass_context
def history(
    context: click.Context,
    /,
    *,
    output_format: str,
    since: datetime | None,
    rules: tuple[str, ...],
    as_of: date | None,
    pricing_models: tuple[str, ...],
    **filters: Any,  # noqa: ANN401 - the options of filter_options
) -> None:
    """Show how prices moved.

    The line follows the cheapest region that matches. With --alert, compares the cheapest
    price with a bound instead; exit code 7: a rule is met.

    \b
    planner history --instance-type p4d.24xlarge --region us-east-1
    planner history --accelerator H100 --since 2025-06-01
    planner history --alert 'h100<2.5/gpu-hour' --geo us
    """  # noqa: D301 - click reads the backspace as "keep these lines"
    from planner.planning.listing import to_query
    from planner.pricing import history as moves
    from planner.pricing.catalog import Catalog

    catalog = Catalog()
    filters |= {"as_of": as_of, "pricing_models": pricing_models or ("on_demand",)}
    if rules:
        context.exit(_alert(catalog, rules, filters, output_format))
    query = to_query(catalog, **filters)
    if since is not None:
        _show_changes(moves.since(catalog, query, since.date()), since.date(), output_format)
    else:
        _show_series(moves.follow(catalog, query), output_format)


def _alert(
    catalog: Catalog, texts: Sequence[str], filters: Mapping[str, Any], output_format: str
) -> int:
    """Print what came of the rules, and return the exit code."""
    from planner.planning import alerting
    from planner.pricing import alerts

    verdicts = alerting.judge(catalog, [alerts.parse(text) for text in texts], **filters)
    emit([_verdict(v) for v in verdicts], _alert_columns(), output_format, fields=_ALERT_FIELDS)
    met = [v.rule.text for v in verdicts if v.met]
    note(f"Alert met: {', '.join(met)}." if met else "No alert is met.")
    return _MET if met else 0


def _show_changes(changes: Sequence[Change], day: date, output_format: str) -> None:
    emit([_change(c) for c in changes], _change_columns(), output_format, fields=_CHANGE_FIELDS)
    kinds = [str(c.kind) for c in changes]
    counted = [f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds)]
    note(f"Since {day}: {', '.join(counted) if counted else 'nothing changed'}.")


def _show_series(found: Sequence[Series], output_format: str) -> None:
    if output_format == "table":
        shown = sorted(found, key=_moved, reverse=True)[:_LINES]
        if len(found) > _LINES:
            note(f"The {_LINES} of {len(found)} that moved most; narrow with --instance-type.")
        for series in shown:
            _chart(series)
        found = shown
    records = [
        _offer(p.offer or s.first) | _price(p.offer) | {"day": p.day}
        for s in found
        for p in s.points
    ]
    emit(records, _point_columns(), output_format, fields=_POINT_FIELDS)


def _moved(series: Series) -> float:
    return abs(float(series.percent or 0))


def _chart(series: Series) -> None:
    """Draw the price over time: a point for each list, and a line between the points."""
    days: list[datetime] = []
    prices: list[float] = []
    for point in series.points:
        if point.offer is None:
            break
        days.append(datetime.combine(point.day, time()))
        prices.append(float(point.offer.effective_hourly_usd))
    if len(set(prices)) == 1:
        return
    percent = series.percent
    moved = "no longer sold" if percent is None else f"{percent:+.1f} %"
    click.echo(
        f"{series.instance_type} ({series.service}, {_terms(_offer(series.first))}): {moved}"
    )
    click.echo(f"{_drawn(days, prices)}\n")


def _drawn(days: list[datetime], prices: list[float]) -> str:
    import plotille

    figure = plotille.Figure()
    figure.width, figure.height = 56, 6
    figure.with_colors = False
    figure.x_label, figure.y_label = "month", "$/hour"
    figure.set_y_limits(0, max(prices) * 1.05)
    figure.y_ticks_fkt = lambda value, _: f"{value:9.2f}"
    figure.x_ticks_fkt = lambda day, _: f"{day:%Y-%m}"
    figure.plot(days, prices)
    return str(figure.show())


def _offer(offer: Offer) -> dict[str, Any]:
    record = {name: getattr(offer, name) for name in ("cloud", *_TERMS)}
    return record | {"as_of": offer.as_of, "source": offer.source}


def _price(offer: Offer | None) -> dict[str, Any]:
    return {"effective_hourly_usd": None if offer is None else offer.effective_hourly_usd}


def _change(change: Change) -> dict[str, Any]:
    before, after = change.before, change.after
    return _offer(change.offer) | {
        "change": str(change.kind),
        "before_usd": before.effective_hourly_usd if before else None,
        "after_usd": after.effective_hourly_usd if after else None,
        "percent": change.percent,
        "before_as_of": before.as_of if before else None,
        "after_as_of": after.as_of if after else None,
    }


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return _offer(verdict.offer) | {
        "rule": verdict.rule.text,
        "met": verdict.met,
        "price_usd": verdict.price_usd,
        "unit": verdict.unit,
    }


def _point_columns() -> list[Column]:
    return [
        Column("day", "Day"),
        Column("instance_type", "Instance type"),
        Column("region", "Cheapest in"),
        Column("pricing_model", "Price", show=_terms, drop_below=100),
        Column("effective_hourly_usd", "$/hour", "right", _cell("effective_hourly_usd")),
        Column("as_of", "Seen on", drop_below=90),
        Column("source", "Source", drop_below=160),
    ]


def _change_columns() -> list[Column]:
    return [
        Column("change", "What"),
        Column("instance_type", "Instance type"),
        Column("region", "Region"),
        Column("pricing_model", "Price", show=_terms, drop_below=110),
        Column("before_usd", "$/h before", "right", _cell("before_usd")),
        Column("after_usd", "now", "right", _cell("after_usd")),
        Column("percent", "%", "right", _percent),
    ]


def _alert_columns() -> list[Column]:
    return [
        Column("rule", "Rule"),
        Column("met", "Met", show=lambda r: "yes" if r["met"] else "no"),
        Column("price_usd", "Cheapest $", "right", lambda r: f"{r['price_usd']:,.4f}/{r['unit']}"),
        Column("instance_type", "Instance type"),
        Column("region", "Region"),
        Column("as_of", "As of", drop_below=100),
    ]


def _cell(key: str) -> Callable[[Mapping[str, Any]], str]:
    return lambda record: "-" if record[key] is None else f"{record[key]:,.4f}"


def _percent(record: Mapping[str, Any]) -> str:
    return "" if record["percent"] is None else f"{record['percent']:+.1f}"


def _terms(record: Mapping[str, Any]) -> str:
    if record["commitment"] is None:
        return str(record["pricing_model"]).replace("_", " ")
    text = f"{record['term_years']}y {record['commitment']} {record['payment_option']}"
    return text.replace("_", " ")
