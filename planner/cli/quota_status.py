"""``planner quota status``: how the requests stand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from planner.cli import quota_options
from planner.cli.output import console, emit, format_option, note

if TYPE_CHECKING:
    from planner.errors import PlannerError
    from planner.ledger import QuotaRequest


@click.command()
@click.option("--offline", is_flag=True, help="From the ledger alone; ask no cloud.")
@click.option("--open", "open_only", is_flag=True, help="Only requests that can still change.")
@click.option("--alternatives", is_flag=True, help="For denied ones: where else the model runs.")
@quota_options.account_options
@format_option
def status(output_format: str, **options: Any) -> None:  # noqa: ANN401 - mirrors the options
    """Show every quota request, its state and what to do next.

    The clouds are asked about open requests; where they cannot be reached, the ledger's last
    word is shown with its age. A request is APPROVED only once the limit itself has risen.
    """
    from planner.cli import quota_view  # noqa: PLC0415 - with the rest of the work
    from planner.ledger import Ledger  # noqa: PLC0415 - with the rest of the work
    from planner.quotas import tracker  # noqa: PLC0415 - with the rest of the work

    quota_options.use_accounts(options)

    def failed(request: QuotaRequest, error: PlannerError) -> None:
        note(f"#{request.id} could not be asked about: {error}")

    with Ledger() as ledger:
        requests = ledger.requests(open_only=options["open_only"])
        if not options["offline"]:
            requests = tracker.refresh(ledger, requests, failed=failed)
        records = quota_view.request_records(requests)
        for record in records:
            record["history"] = [
                {"at": at, "state": state, "native_state": native}
                for at, state, native in ledger.state_changes(record["id"])
            ]
    if not requests and output_format == "table":
        note("No quota request yet. Try: planner quota plan MODEL")
        return
    title = quota_view.title("Quota requests") if output_format == "table" else ""
    fields = list(records[0]) if records else None
    emit(records, quota_view.request_columns(), output_format, fields=fields, title=title)
    if output_format == "table":
        for request in requests:
            next_steps(request, alternatives=options["alternatives"])


def next_steps(request: QuotaRequest, *, alternatives: bool) -> None:
    """Print what the user can do about a request, and where else the model runs."""
    from planner.quotas import tracker  # noqa: PLC0415 - with the rest of the work
    from planner.quotas.outcome import State  # noqa: PLC0415 - with the rest of the work

    steps = tracker.next_steps(request)
    refused = request.state in {State.DENIED, State.PARTIAL}
    if steps:
        note(f"#{request.id} {request.state}, next:")
    for step in steps:
        note(f"  - {step}")
    if refused and alternatives and request.model:
        _alternatives(request)


def _alternatives(request: QuotaRequest) -> None:
    """Print the best other ways to serve the model: with their quota and their price."""
    from planner.cli import quota_view  # noqa: PLC0415 - with the rest of the work
    from planner.comparison import Request, compare  # noqa: PLC0415 - loads DuckDB
    from planner.quotas import demands, planning  # noqa: PLC0415 - with the rest of the work

    plans = demands.of_plans(compare(Request(request.model, every_region=True)).plans)
    checks = quota_options.check(list(plans))
    found = planning.alternatives(planning.ways(checks, plans), request)
    records = quota_view.way_records(found)
    if not records:
        console().print("  No other way is open in the regions compared.")
        return
    title = quota_view.title(f"Other ways to run {request.model}")
    emit(records, quota_view.way_columns(), "table", title=title)
