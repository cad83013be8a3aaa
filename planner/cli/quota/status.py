"""``planner quota status``: how the requests stand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from planner.cli.output import console, emit, format_option, note
from planner.cli.quota import codes, telling
from planner.cli.quota import options as quota_options

if TYPE_CHECKING:
    from planner.errors import PlannerError
    from planner.ledger import Ledger, QuotaRequest


@click.command()
@click.option("--offline", is_flag=True, help="From the ledger alone; ask no cloud.")
@click.option("--open", "open_only", is_flag=True, help="Only requests that can still change.")
@click.option("--alternatives", is_flag=True, help="For denied ones: where else the model runs.")
@telling.notify_option
@quota_options.account_options
@format_option
def status(output_format: str, **options: Any) -> int:  # noqa: ANN401 - mirrors the options
    """Show every quota request, its state and what to do next.

    The clouds are asked about open requests, and for 90 days about refused ones; where they
    cannot be reached, the ledger's last word is shown with its age. A request is APPROVED only
    once the limit itself has risen. Exit codes: 0 all granted, 8 one is pending, 9 one was
    refused or granted in part, 5 one is not known; of each quota the newest request counts.
    """
    from planner.cli.quota import view
    from planner.ledger import Ledger as Open
    from planner.quotas import following

    quota_options.use_accounts(options)

    def failed(request: QuotaRequest, error: PlannerError) -> None:
        note(f"#{request.id} could not be asked about: {error}")

    with Open() as ledger:
        requests = ledger.requests(open_only=options["open_only"])
        if not options["offline"]:
            requests = following.refresh(ledger, requests, failed=failed)
            telling.tell(requests, options["notify"], ledger)
        records = with_history(requests, ledger)
    if not requests and output_format == "table":
        note("No quota request yet. Try: planner quota plan MODEL")
        return 0
    title = view.title("Quota requests") if output_format == "table" else ""
    fields = list(records[0]) if records else None
    emit(records, view.request_columns(), output_format, fields=fields, title=title)
    if output_format == "table":
        for request in requests:
            next_steps(request, alternatives=options["alternatives"])
    return codes.of_requests(requests)


def with_history(requests: list[QuotaRequest], ledger: Ledger) -> list[dict[str, Any]]:
    """Return a record per request, with what it was when."""
    from planner.cli.quota import view

    records = view.request_records(requests)
    for record in records:
        record["history"] = [
            {"at": at, "state": state, "native_state": native}
            for at, state, native in ledger.state_changes(record["id"])
        ]
    return records


def next_steps(request: QuotaRequest, *, alternatives: bool) -> None:
    """Print what the user can do about a request, and where else the model runs."""
    from planner.quotas import following
    from planner.quotas.outcome import State

    steps = following.next_steps(request)
    refused = request.state in {State.DENIED, State.PARTIAL}
    if steps:
        note(f"#{request.id} {request.state}, next:")
    for step in steps:
        note(f"  - {step}")
    if refused and alternatives and request.model:
        _alternatives(request)


def _alternatives(request: QuotaRequest) -> None:
    """Print the best other ways to serve the model: with their quota and their price."""
    from planner.cli.quota import view
    from planner.planning import Request, compare
    from planner.quotas import demands, ways

    plans = demands.of_plans(compare(Request(request.model, every_region=True)).plans)
    checks = quota_options.check(list(plans))
    found = ways.alternatives(ways.ways(checks, plans), request)
    records = view.way_records(found)
    if not records:
        console().print("  No other way is open in the regions compared.")
        return
    title = view.title(f"Other ways to run {request.model}")
    emit(records, view.way_columns(), "table", title=title)
