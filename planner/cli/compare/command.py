"""``planner compare``: rank the places that can serve a model, by cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from planner.cli.compare.against_api import against_api_of, in_short
from planner.cli.compare.measured_here import finder, words
from planner.cli.next_command import remember_question
from planner.cli.output import console, emit, emit_json, format_option, grouped_warnings, note
from planner.cli.quota.column import annotated, beside, with_quota_option
from planner.cli.request_options import request_of, request_options
from planner.cli.tables import Column

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import date

    from planner.planning import Comparison, Request
    from planner.pricing.catalog import Catalog

# Standard_ND96isr_MI300X_v5; the few longer ones fold on narrow terminals.
_LONGEST_COMMON_NAME = 26
_ROWS, _REMARKS = 10, 2
_COMMITMENTS = {
    "reserved_instance": "RI",
    "convertible_reserved_instance": "convertible RI",
    "savings_plan": "savings plan",
    "ec2_instance_savings_plan": "EC2 savings plan",
    "committed_use_discount": "CUD",
}
_ASKED_COLUMNS = ("spot_hourly_usd", "capacity_block_hourly_usd", "flex_start_hourly_usd")
_MONEY_COLUMNS = (
    "on_demand_monthly_usd",
    "committed_1y_monthly_usd",
    "usd_per_million_tokens",
)


@click.command()
@request_options
@with_quota_option
@click.option("--against-api", is_flag=True, help="Add what per-token APIs ask for such tokens.")
@click.option("--all", "all_rows", is_flag=True, help="Every row of the table, not the first ten.")
@click.option("--notes", is_flag=True, help="Every remark below the table, not the first two.")
@format_option
def compare(
    output_format: str,
    with_quota: bool,
    against_api: bool,
    all_rows: bool,
    notes: bool,
    **options: Any,  # noqa: ANN401 - mirrors the options
) -> None:
    """Rank the places that can serve MODEL, by cost.

    The answer comes first: the cheapest, what it serves, when it is paid, and what is cheaper
    for a reason. Then one row per instance type, at its cheapest region.

    \b
    planner compare llama-2-70b
    planner compare llama-2-70b --precision int4 --sort committed
    planner compare codellama-34b --geo eu --cloud azure --cloud gcp
    planner compare llama-2-70b --as-of 2023-10-31
    planner compare llama-2-70b --against-api
    planner compare llama-2-70b --with-quota
    planner compare llama-2-7b --include-local RTX-3080-10GB --purchase-usd 700 --usd-per-kwh 0.15
    """  # noqa: D301 - click reads the backspace as "keep these lines"
    remember_question(click.get_current_context())
    from planner.planning import compare as run
    from planner.pricing.catalog import Catalog

    request, catalog = request_of(options), Catalog()
    result = run(request, catalog)
    against = against_api_of(result, request) if against_api else None
    plans = result.plans
    if output_format == "table" and request.top is None and not all_rows:
        plans = plans[:_ROWS]
    records = annotated(plans) if with_quota else [p.to_dict() for p in plans]
    own = _measured_here(records)
    if output_format == "json":
        records = [r | {"measured_here": rows} for r, rows in zip(records, own, strict=True)]
        whole = result.to_dict() | _choices(result, request, catalog) | {"plans": records}
        emit_json(whole | ({"rent_or_buy": against.figures} if against else {}))
        return
    if output_format == "table":
        _show_answer(result, request, catalog)
    columns = _columns(_best(result), result.as_of, records)
    columns = beside(columns) if with_quota else columns
    emit(records, columns, output_format, fields=list(records[0]))
    if output_format == "table" and len(plans) < len(result.plans):
        console().print(
            f"{len(result.plans) - len(plans)} more rows: --all", markup=False, style="dim"
        )
    _show_remarks(list(_own_notes(records, own)), output_format, whole=True)
    _show_remarks(list(_footnotes(result, records)), output_format, whole=notes)
    if against:
        against.show(output_format)


def _choices(result: Comparison, request: Request, catalog: Catalog) -> dict[str, Any]:
    """Return what the first lines say, for programs; nothing for other ways to buy."""
    from planner.planning.answer import answer, at_another_precision

    if request.pricing_model != "on_demand":
        return {}
    found = answer(result.every)
    other = at_another_precision(request, result, found.pick, catalog) if found.pick else None
    less_precise = other.to_dict() if other else None
    return {"choices": found.to_dict() | {"less_precise": less_precise}}


def _show_answer(result: Comparison, request: Request, catalog: Catalog) -> None:
    from planner.cli.compare import first_lines
    from planner.planning.answer import answer, at_another_precision

    out = console()
    out.print(_title(result), style="bold", markup=False)
    if request.pricing_model != "on_demand":
        parts = [("Cheapest", first_lines.by_the_hour(result, request.pricing_model))]
    else:
        found = answer(result.every)
        pick = found.pick
        other = at_another_precision(request, result, pick, catalog) if pick else None
        bought = in_short(result, request)
        parts = list(first_lines.lines(result, found, other, bought))
    for label, sentence in parts:
        out.print(first_lines.text(label, sentence, out.width), markup=False)


def _show_remarks(remarks: list[str], output_format: str, *, whole: bool) -> None:
    if output_format != "table":
        for line in remarks:
            note(line)
        return
    shown = remarks if whole else remarks[:_REMARKS]
    if len(shown) < len(remarks):
        shown = [*shown, f"{len(remarks) - len(shown)} more remarks: --notes"]
    for line in shown:
        console().print(line, style="dim", markup=False, soft_wrap=False)


def _best(result: Comparison) -> dict[str, object]:
    """Return the lowest figure of each column, of everything that matches."""
    keys = (*_MONEY_COLUMNS, *_ASKED_COLUMNS)
    return {
        key: min(
            (value for plan in result.every if (value := getattr(plan, key)) is not None),
            default=None,
        )
        for key in keys
    }


def _columns(
    best: Mapping[str, object], as_of: date, records: list[dict[str, Any]]
) -> list[Column]:
    tokens = "usd_per_million_tokens"

    def money(key: str, digits: int) -> Any:  # noqa: ANN401 - a small formatter
        def show(record: Mapping[str, Any]) -> str:
            value = record[key]
            if value is None:
                slow = key == tokens and record["within_targets"] is False
                return "too slow" if slow else "not known"
            # Every mark stands before the figure: digits stay under digits.
            star = "*" if value == best[key] else ""
            return f"{star}{_mark(record, key, as_of)}{value:,.{digits}f}"

        return show

    def bold(key: str) -> Any:  # noqa: ANN401 - a small formatter
        return lambda record: (
            "bold green"
            if record[key] is not None and record[key] == best[key]
            else ("dim" if record[key] is None else "")
        )

    def monthly(key: str, title: str) -> Column:
        return Column(key, title, "right", money(key, 0), style=bold(key))

    several = any(record["instances"] > 1 for record in records)
    mixed = len({record["precision"] for record in records}) > 1
    return [
        Column("service", "Service", drop_below=104),
        Column("instance_type", "Instance type", min_width=_LONGEST_COMMON_NAME),
        Column("region", "Region", drop_below=95),
        Column("accelerator", "GPUs", show=_gpus),
        *([Column("instances", "Machines", "right")] if several else []),
        Column("precision", "Prec.", show=_precision, drop_below=0 if mixed else 150),
        *_asked(records, money, bold),
        monthly("on_demand_monthly_usd", "On demand\n$/month"),
        monthly("committed_1y_monthly_usd", "1 year\n$/month"),
        *(
            [Column("committed_1y_due_now_usd", "due now\n$", "right", _due_now)]
            if any(record["committed_1y_due_now_usd"] for record in records)
            else []
        ),
        Column("committed_1y_kind", "1-year kind", show=_kind, drop_below=170),
        Column("saving_percent", "Saves", "right", _saving, drop_below=112),
        Column(
            "break_even_hours_per_month",
            "Pays from\nh/month",
            "right",
            lambda r: _whole(r["break_even_hours_per_month"]),
            drop_below=128,
        ),
        Column("replicas", "Layout", show=_layout, drop_below=118),
        Column("capacity_requests_per_second", "Requests/s", "right", _rate, drop_below=135),
        Column("tokens_per_second", "Tokens/s", "right", _speed, drop_below=150),
        Column(tokens, "$/million\ntokens", "right", money(tokens, 2), style=bold(tokens)),
        Column("throughput_basis", "Speed is", drop_below=155),
        Column("as_of", "Price of", drop_below=180),
    ]


def _asked(records: list[dict[str, Any]], money: Any, bold: Any) -> list[Column]:  # noqa: ANN401 - small formatters
    """Return the column of the way of paying that was asked for, where it is not on demand."""
    (asked,) = {record["pricing_model"] for record in records} or {"on_demand"}
    if asked == "on_demand":
        return []
    key = f"{asked}_hourly_usd"
    title = f"{asked.replace('_', ' ').capitalize()}\n$/hour"
    return [Column(key, title, "right", money(key, 2), style=bold(key))]


def _mark(record: Mapping[str, Any], key: str, as_of: date) -> str:
    """Return the signs of a figure that is less than a fresh, published, trusted one."""
    from planner.reports import wording

    if key == "usd_per_million_tokens":
        return "≈" if record["throughput_basis"] == "unvalidated" else ""
    if key == "committed_1y_monthly_usd":
        basis, confidence = record["committed_1y_basis"], record["committed_1y_confidence"]
        return wording.price_marks(basis, confidence, record["committed_1y_as_of"], as_of)
    if key in _ASKED_COLUMNS:
        day = record[key.replace("hourly_usd", "as_of")]
        return wording.price_marks("", None, day, as_of)
    return wording.price_marks("", record["on_demand_confidence"], record["as_of"], as_of)


def _precision(record: Mapping[str, Any]) -> str:
    """Return the precision, with a sign where no weights of it are known (see the notes)."""
    return f"{record['precision']}{'' if record['weights_known'] else ' (!)'}"


def _gpus(record: Mapping[str, Any]) -> str:
    return f"{record['accelerator_count']:g}x {record['accelerator']}"


def _kind(record: Mapping[str, Any]) -> str:
    kind, option = record["committed_1y_kind"], record["committed_1y_payment_option"]
    return f"{_COMMITMENTS[kind]}, {option.replace('_', ' ')}" if kind else ""


def _due_now(record: Mapping[str, Any]) -> str:
    if record["committed_1y_monthly_usd"] is None:
        return ""
    due = record["committed_1y_due_now_usd"]
    return "not known" if due is None else f"{due:,.0f}"


def _saving(record: Mapping[str, Any]) -> str:
    return "" if record["saving_percent"] is None else f"{record['saving_percent']:.0f} %"


def _whole(value: Any) -> str:  # noqa: ANN401 - Decimal or None
    return "" if value is None else f"{value:,.0f}"


def _layout(record: Mapping[str, Any]) -> str:
    """Return ``2 x TP 4``: copies on a machine, and the GPUs that share each layer."""
    split = f"TP {record['tensor_parallel']}"
    if record["pipeline_parallel"] > 1:
        split += f" PP {record['pipeline_parallel']}"
    if record["spans_machines"]:
        return f"{split} over {record['instances']}"
    return f"{record['replicas']} x {split}"


def _rate(record: Mapping[str, Any]) -> str:
    rate = record["capacity_requests_per_second"]
    if rate is None:
        return "not known"
    return f"{rate:,.2f}" if rate else "too slow"


def _speed(record: Mapping[str, Any]) -> str:
    if record["tokens_per_second"] is None:
        return _rate(record)
    low, high = record["tokens_per_second_low"], record["tokens_per_second_high"]
    return f"{record['tokens_per_second']:,.0f} ({low:,.0f}-{high:,.0f})"


def _title(result: Comparison) -> str:
    a = result.assumptions
    precision = "any precision" if result.precision == "any" else result.precision
    where = ", ".join(a["regions"]) or f"geo {a['geo']}"
    return (
        f"{result.model.name} at {precision}: {a['concurrency']} requests of "
        f"{a['context']:,} tokens at once, {where}, prices as of {result.as_of}"
    )


def _footnotes(result: Comparison, records: list[dict[str, Any]]) -> Iterator[str]:
    from planner.reports import wording

    cells = [(record, key) for record in records for key in _MONEY_COLUMNS]
    marks = {_mark(r, key, result.as_of) for r, key in cells if r[key] is not None}
    used = set("".join(marks))
    legend = ["* cheapest of the column"]
    legend += [f"{sign} {meaning}" for sign, meaning in wording.LEGEND.items() if sign in used]
    if not all(record["weights_known"] for record in records):
        legend.append("(!) no weights of that precision are known")
    yield "; ".join(legend) + "."
    a = result.assumptions
    yield (
        f"On demand: {float(a['hours_per_month']):g} h a month. Tokens: output tokens at the "
        f"on-demand price, {a['input_tokens']} in and {a['output_tokens']} out, "
        f"{wording.targets(a)}, {wording.use(a)}."
    )
    yield from _software(records)
    yield from _ages(result, records)
    yield from result.notes
    yield from grouped_warnings(records)


def _software(records: list[dict[str, Any]]) -> Iterator[str]:
    """Say which generation of the engine the speeds are of, where it differs."""
    about: dict[str, list[str]] = {}
    for record in records:
        if record["throughput_software"]:
            cards = about.setdefault(record["throughput_software"], [])
            if record["accelerator"] not in cards:
                cards.append(record["accelerator"])
    if len(about) > 1:
        parts = "; ".join(f"{name} on {', '.join(cards)}" for name, cards in about.items())
        yield f"Speeds are of different software, newer is faster: {parts}."


def _measured_here(records: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Return the user's own measurements of each plan's set-up."""
    find = finder()
    return [
        find(
            model=record["model"],
            accelerator=record["accelerator"],
            count=record["accelerator_count"] * record["instances"],
            precision=record["precision"],
        )
        for record in records
    ]


def _own_notes(records: list[dict[str, Any]], own: list[list[dict[str, Any]]]) -> Iterator[str]:
    """Say the best speed that the user measured on each set-up shown; each set-up once."""
    best = {
        f"{record['accelerator_count'] * record['instances']:g}x {record['accelerator']} at "
        f"{record['precision']}": max(rows, key=lambda row: row["tokens_per_second"])
        for record, rows in zip(records, own, strict=True)
        if rows
    }
    for setup, row in best.items():
        yield f"Measured here on {setup}, {row['as_of']}: {words(row)}."


def _ages(result: Comparison, records: list[dict[str, Any]]) -> Iterator[str]:
    """Say per service how old the prices shown are and where they come from."""
    found: dict[str, set[tuple[Any, str]]] = {}
    for record in records:
        for prefix in ("", "committed_1y_"):
            if record[f"{prefix}as_of"] is not None:
                source = record[f"{prefix}source"]
                name = "estimate" if source.startswith("estimate") else _short(source)
                found.setdefault(record["service"], set()).add((record[f"{prefix}as_of"], name))
    for service, dated in found.items():
        days = sorted({(result.as_of - day).days for day, _ in dated})
        age = f"{days[0]}-{days[-1]}" if len(days) > 1 else f"{days[0]}"
        names = sorted({name for _, name in dated if name != "estimate"})
        newest = max(day for day, _ in dated)
        yield f"{service} prices: {newest} and before, {age} days old, from {', '.join(names)}."
    undated = {
        record["service"]
        for record in records
        for prefix in ("", "committed_1y_")
        if record[f"{prefix}source"] and record[f"{prefix}as_of"] is None
    }
    if undated:
        yield f"{', '.join(sorted(undated))}: a price has no date, and its age is not known."


def _short(source: str) -> str:
    return source.split("@", maxsplit=1)[0].split(" (", maxsplit=1)[0]
