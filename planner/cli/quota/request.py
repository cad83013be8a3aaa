"""``planner quota request``: ask the cloud for the room that is missing."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import click

from planner.cli.output import emit_json, note
from planner.cli.quota import options as quota_options

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from planner.quotas.interface import Ask, Contact, QuotaAdapter
    from planner.quotas.tracker import Filed


_CONTACT = {
    "country": "Three-letter country, for a support ticket.",
    "last_name": "For a support ticket.",
    "first_name": "For a support ticket.",
    "email": "Google requires one; support tickets too.",
}


def _contact_options(function: Any) -> Any:  # noqa: ANN401 - a decorator
    for name, text in _CONTACT.items():
        function = click.option(
            f"--contact-{name.replace('_', '-')}", envvar=_variable(name), default="", help=text
        )(function)
    return function


def _variable(name: str) -> str:
    return f"PLANNER_CONTACT_{name.upper()}"


def contact_of_environment() -> Contact:
    """Return who asks, for commands without the options: from the same variables."""
    from planner.quotas.interface import Contact as Person

    return Person(**{name: os.environ.get(_variable(name), "") for name in _CONTACT})


@click.command()
@quota_options.demand_options
@click.option("--quota-id", metavar="ID", help="One quota by the cloud's id, with --to.")
@click.option("--service", metavar="NAME", help="AWS: ec2 or sagemaker, for --quota-id.")
@click.option("--gpu-family", metavar="NAME", help="Google: NVIDIA_H100 ..., for --quota-id.")
@click.option("--to", "total", type=click.IntRange(min=1), help="The new total to ask for.")
@click.option("--purpose", default="", help="What for, in the justification.")
@click.option(
    "--hours-per-month",
    type=float,
    default=730,
    show_default=True,
    help="Hours the machines will run, for the cost in the justification.",
)
@click.option("--start", type=click.DateTime(formats=["%Y-%m-%d"]), help="When it is needed.")
@click.option("--owner", default="", help="Team or person, in the justification.")
@click.option("--justification", help="Your own text instead.")
@click.option("--edit", is_flag=True, help="Edit the justification before it is sent.")
@_contact_options
@click.option("--ticket", type=int, metavar="REQUEST", help="File Azure's support ticket for it.")
@click.option("--yes", is_flag=True, help="Send without asking.")
@click.option("--dry-run", is_flag=True, help="Show what would be sent, and stop.")
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="How to print.",
)
def request(model: str | None, output_format: str, **options: Any) -> None:  # noqa: ANN401 - mirrors the options
    """Ask for the quota that MODEL's best way needs, or for one quota by its id.

    Asks for the smallest total that runs the machines. Shows what will be sent and asks
    first. A request that is open already is shown, not filed again.

    \b
    planner quota request llama-2-70b --cloud aws --region us-east-1
    planner quota request --instance-type g6.48xlarge --region us-west-2
    planner quota request --cloud aws --quota-id L-DB2E81BA --region us-east-1 --to 192
    planner quota request --ticket 3
    """  # noqa: D301 - click reads the backspace as "keep these lines"
    if options["ticket"] is not None:
        quota_options.use_accounts(options)
        _file_ticket(options["ticket"], _contact(options), yes=options["yes"])
        return
    asks = _by_id(options) if options["quota_id"] else _by_demand(model, options)
    if not asks:
        return
    show(asks)
    if options["dry_run"]:
        return
    if not options["yes"]:
        click.confirm("Send?" if len(asks) == 1 else "Send these?", abort=True, err=True)
    filed = send(asks)
    report(asks, filed, output_format)


def _by_demand(model: str | None, options: dict[str, Any]) -> Sequence[Ask]:
    """Return the requests of the best way to run what was asked about."""
    from planner.cli.quota.plan import best_ways
    from planner.errors import QuotaShortError
    from planner.quotas import justification, tracker
    from planner.quotas.ways import Ready

    way = best_ways(model, options)[0]
    demand = way.check.demand
    if way.ready is Ready.NOW:
        note(f"{demand.text} in {demand.region} has room already; nothing to ask for.")
        return []
    if way.ready is Ready.UNKNOWN:
        raise QuotaShortError(
            f"whether {demand.text} in {demand.region} has room is not known",
            why=way.check.reason,
            advice=way.check.advice or "planner doctor",
        )
    text = options["justification"] or justification.justify(
        demand,
        purpose=options["purpose"],
        hours_per_month=options["hours_per_month"],
        start=_date(options["start"]),
        owner=options["owner"],
    )
    return tracker.asks(way.check, _edited(text, options), _contact(options))


def _by_id(options: dict[str, Any]) -> Sequence[Ask]:
    """Return the request for one quota by its id."""
    from planner.quotas import justification
    from planner.quotas.by_id import ask

    quota_options.use_accounts(options)
    if len(options["clouds"]) != 1 or options["total"] is None:
        raise click.UsageError("--quota-id needs one --cloud and --to")
    if len(options["regions"]) > 1:
        raise click.UsageError("--quota-id takes one --region")
    text = options["justification"] or options["purpose"]
    if not text:
        raise click.UsageError("--quota-id needs --purpose or --justification")
    return [
        ask(
            options["clouds"][0],
            options["quota_id"],
            options["total"],
            region=options["regions"][0] if options["regions"] else "",
            service=options["service"] or "",
            gpu_family=options["gpu_family"] or "",
            justification=_edited(justification.plain(text), options),
            contact=_contact(options),
        )
    ]


def show(asks: Sequence[Ask]) -> None:
    """Show everything that will be sent, before it is."""
    from planner.quotas.interface import adapter
    from planner.quotas.model import amount
    from planner.quotas.tracker import refuse_pointless

    for ask in asks:
        refuse_pointless(ask)
        quota, demand = ask.check.quota, ask.demand
        limit = "not known" if ask.check.limit is None else f"{ask.check.limit:g}"
        note(f"{quota.cloud} {quota.region or 'all regions'}: {quota.title}")
        note(f"  limit {limit} -> {amount(ask.desired, quota.unit)} (a new total)")
        if demand is not None:
            note(f"  {ask.check.in_machines(demand)}")
        for key, value in adapter(quota.cloud).payload(ask).items():
            if key != "justification":  # it is the same for all, and shown below
                note(f"    {key}: {json.dumps(value)}")
    note(f"Justification: {asks[0].justification}")
    if asks[0].check.quota.cloud == "aws":
        note("AWS takes no text with a request; it is kept for the case that AWS may open.")


def send(asks: Sequence[Ask]) -> list[Filed]:
    """File the requests, each once, and return what became of them."""
    from planner.ledger import Ledger
    from planner.quotas import tracker
    from planner.quotas.interface import adapter

    made: dict[str, QuotaAdapter] = {}
    filed = []
    with Ledger() as ledger:
        for ask in asks:
            cloud = ask.check.quota.cloud
            made.setdefault(cloud, adapter(cloud))
            filed.append(tracker.file(ask, made[cloud], ledger))
    return filed


def report(asks: Sequence[Ask], filed: Sequence[Filed], output_format: str) -> None:
    """Print what became of the requests, and how to follow them."""
    from planner.cli.quota import view
    from planner.quotas.model import amount

    if output_format == "json":
        records = view.request_records(item.request for item in filed)
        how = [{"how": item.how.value} for item in filed]
        emit_json([{**one, **record} for one, record in zip(how, records, strict=True)])
        return
    for ask, item in zip(asks, filed, strict=True):
        found = item.request
        name = found.quota_name or found.quota_id
        total = amount(found.desired, found.unit)
        note(f"#{found.id} {item.how.value}: {name}, {total}: {found.state}")
        if found.desired < ask.desired:
            note(f"  That is less than {ask.desired}; the cloud decides it first, then ask again.")
    note("Follow it: planner quota watch")


def _file_ticket(number: int, contact: Contact, *, yes: bool) -> None:
    from planner.errors import UnknownNameError, UsageError
    from planner.ledger import Ledger
    from planner.quotas import azure_requests

    with Ledger() as ledger:
        known = {str(request.id): request for request in ledger.requests()}
    if str(number) not in known:
        raise UnknownNameError("request", str(number), known, advice="planner quota status")
    found = known[str(number)]
    if found.cloud != "azure":
        raise UsageError("only Azure decides quota by support tickets that planner can file")
    note(f"A support ticket for {found.quota_name or found.quota_id} in {found.region}:")
    for key, value in azure_requests.ticket_payload(found).items():
        note(f"    {key}: {value}")
    note(f"    description: {found.justification}")
    if not yes:
        click.confirm("Send?", abort=True, err=True)
    note(f"Filed as {azure_requests.file_ticket(found, contact)}.")


def _contact(options: dict[str, Any]) -> Contact:
    from planner.quotas.interface import Contact

    return Contact(
        email=options["contact_email"],
        first_name=options["contact_first_name"],
        last_name=options["contact_last_name"],
        country=options["contact_country"],
    )


def _edited(text: str, options: dict[str, Any]) -> str:
    from planner.quotas import justification

    changed = click.edit(text) if options["edit"] else None
    return justification.plain(changed if changed is not None else text)


def _date(start: datetime | None) -> Any:  # noqa: ANN401 - date or None
    return None if start is None else start.date()
