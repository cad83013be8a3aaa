"""A sizing on the screen: the answer in a few lines, then the table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from planner.cli.output import console, emit, note
from planner.cli.tables import Column

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from planner.planning.sizing import Sizing

_MONTHS_A_YEAR = 12


def show(found: Sizing, output_format: str, *, top: int) -> None:
    """Print the answer and the first rows; machine formats get the rows alone."""
    document = found.to_dict()
    if output_format != "table":
        rows = document["fleets"][:top]
        emit(rows, _COLUMNS, output_format, fields=list(rows[0]))
        for line in answer(document):
            note(line)
        return
    out = console()
    for line in answer(document):
        out.print(line, markup=False)
    out.print()
    every = one_a_machine(document["fleets"])
    rows = every[:top]
    more = len(every) - len(rows)
    emit(rows, _COLUMNS, "table")
    for line in footnotes(document, more):
        out.print(line, style="dim", markup=False)


def one_a_machine(fleets: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the cheapest fleet of each machine and place; of equals the first precision tried."""
    best: dict[tuple[str, ...], Mapping[str, Any]] = {}
    for row in fleets:
        also = tuple(part["instance_type"] for part in row["also"])
        best.setdefault((row["service"], row["instance_type"], row["region"], *also), row)
    return list(best.values())


def answer(document: Mapping[str, Any]) -> Iterator[str]:
    """Yield the answer in whole sentences, the most important first."""
    fleets, named = document["fleets"], document["answer"]
    yield _question(document)
    best = fleets[named["cheapest"]]
    yield f"Cheapest: {_fleet(best)}."
    yield f"  {_bought(best)}"
    yield f"  {_carries(best)}"
    token = fleets[named["cheapest_token"]]
    if token is not best:
        yield f"Cheapest a token when full: {_fleet(token)}."
    deployable = named["cheapest_deployable"]
    if deployable is None:
        yield "planner deploy has no way to any of these machines yet."
    elif fleets[deployable] is not best:
        yield f"Cheapest that planner can deploy: {_fleet(fleets[deployable])}."
    for other in document["other_precisions"][:2]:
        if other["monthly_usd"] < best["monthly_usd"]:
            yield f"At {other['precision']}: {_fleet(other)}."
    yield from _rent(document, best)


def _question(document: Mapping[str, Any]) -> str:
    load, targets = document["load"], document["targets"]
    rates = f"{load['mean_requests_per_second']:.3g} requests/s"
    if load["peak_requests_per_second"] > load["mean_requests_per_second"] * 1.01:
        rates += f" on average, {load['peak_requests_per_second']:.3g} in the busiest hour"
    ttft, tpot = targets["ttft_p95_s"], targets["tpot_p95_s"]
    limits = [
        *([f"{ttft:g} s to the first token"] if ttft else []),
        *([f"{tpot * 1000:g} ms a token"] if tpot else []),
    ]
    within = f" within {' and '.join(limits)} (p95)" if limits else ""
    return (
        f"{document['model']}: {rates}, {load['input_tokens']:,.0f} tokens in and "
        f"{load['output_tokens']:,.0f} out{within}, for {load['horizon_months']} months."
    )


def _fleet(row: Mapping[str, Any]) -> str:
    return (
        f"{_machines(row)} in {row['region']}, {row['precision']}, "
        f"${row['monthly_usd']:,.0f} a month"
    )


def _machines(row: Mapping[str, Any]) -> str:
    count = _count(row["machines_min"], row["machines_peak"])
    also = "".join(
        f" and {_count(part['machines_min'], part['machines_peak'])} x {part['instance_type']}"
        for part in row["also"]
    )
    if row["also"]:
        also_peak = sum(part["machines_peak"] for part in row["also"])
        also_least = sum(part["machines_min"] for part in row["also"])
        count = _count(row["machines_min"] - also_least, row["machines_peak"] - also_peak)
    return f"{count} x {row['instance_type']}{also}"


def _count(least: int, most: int) -> str:
    return f"{most}" if least == most else f"{least} to {most}"


def _bought(row: Mapping[str, Any]) -> str:
    parts = []
    for item in row["commitments"]:
        when = f" from month {item['start_month'] + 1}" if item["start_month"] else ""
        parts.append(f"{item['machines']} committed for {item['name']}{when}")
    if row["on_demand_machines_mean"] > 0:
        parts.append(f"{row['on_demand_machines_mean']:.2g} on demand on average")
    if row["spot_machines_mean"] > 0:
        parts.append(f"{row['spot_machines_mean']:.2g} spot on average")
    due = row["due_now_usd"]
    now = "due now: not known" if due is None else f"${due:,.0f} due now"
    after = row["after_horizon_usd"]
    rest = f", ${after:,.0f} of it after the horizon" if after else ""
    only = row["on_demand_monthly_usd"]
    else_ = "" if only is None else f"; all on demand ${only:,.0f} a month"
    return f"Bought: {'; '.join(parts) or 'held already'}; {now}{rest}{else_}."


def _carries(row: Mapping[str, Any]) -> str:
    return (
        f"Each machine: {row['replicas_per_machine']} x tensor parallel "
        f"{row['tensor_parallel']}, {row['requests_per_second_per_machine']:.3g} requests/s; "
        f"{row['utilisation'] * 100:.0f} % used, {row['headroom'] * 100:.0f} % spare at the "
        f"busiest hour; {row['breaks_first']} ends first; "
        f"${row['usd_per_million_served_tokens']:,.2f} a million output tokens."
    )


def _rent(document: Mapping[str, Any], best: Mapping[str, Any]) -> Iterator[str]:
    alive = [item for item in document["rent"] if item["status"] == "serving"]
    if not alive:
        yield "No per-token API is known to have served this model within the year."
        return
    cheapest = min(alive, key=lambda item: item["monthly_usd"])
    verdict = "rent" if cheapest["monthly_usd"] < best["monthly_usd"] else "own machines"
    yield (
        f"Per token: {cheapest['provider']} asks ${cheapest['monthly_usd']:,.0f} a month for the "
        f"same load ({cheapest['api_model']}); cheaper: {verdict}."
    )


def footnotes(document: Mapping[str, Any], more: int) -> Iterator[str]:
    """Yield what the figures rest on."""
    if more > 0:
        yield f"{more} more machines: --top {more + 8}; every precision: --format json."
    if document["sensitivity_monthly_usd"]:
        yield "Cheapest machine if: " + "; ".join(
            f"{name.replace('_', ' ').replace(' percent', ' %')} ${value:,.0f}"
            for name, value in document["sensitivity_monthly_usd"].items()
        )
    assumptions = document["assumptions"]
    yield (
        f"Planned with the low end of the predicted speed; {assumptions['hours_per_month']} hours "
        f"a month; a machine takes {assumptions['start_hours'] * 60:.0f} minutes to start; "
        "lengths are log-normal between mean and p95."
    )
    yield from document["load"]["warnings"]
    yield from document["notes"]


def _money(key: str) -> Any:  # noqa: ANN401 - a small formatter
    return lambda row: "not known" if row[key] is None else f"{row[key]:,.0f}"


_COLUMNS = (
    Column("service", "Service", drop_below=100),
    Column("instance_type", "Machine", min_width=24),
    Column("region", "Region", drop_below=90),
    Column(
        "machines_peak",
        "Machines",
        "right",
        lambda row: _count(row["machines_min"], row["machines_peak"]),
    ),
    Column("precision", "Prec."),
    Column("committed_machines", "Com-\nmitted", "right", drop_below=110),
    Column("monthly_usd", "$/month", "right", _money("monthly_usd")),
    Column(
        "on_demand_monthly_usd", "On demand\n$/month", "right", _money("on_demand_monthly_usd"), 76
    ),
    Column("due_now_usd", "Due now\n$", "right", _money("due_now_usd"), drop_below=120),
    Column(
        "usd_per_million_served_tokens",
        "$/million\nserved",
        "right",
        lambda row: f"{row['usd_per_million_served_tokens']:,.2f}",
    ),
    Column("utilisation", "Used", "right", lambda row: f"{row['utilisation'] * 100:.0f} %", 130),
    Column("deploy_to", "Deploy to", show=lambda row: row["deploy_to"] or "-", drop_below=140),
)
