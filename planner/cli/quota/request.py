"""``planner quota request``: ask the cloud for the room that is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from planner.cli.output import note
from planner.cli.question import require_yes
from planner.cli.quota import asking, codes, who
from planner.cli.quota import options as quota_options
from planner.cli.words import Choice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.quotas.interface import Ask
    from planner.quotas.ways import Way


@click.command()
@quota_options.demand_options
@click.option("--quota-id", metavar="ID", help="One quota by the cloud's id, with --to.")
@click.option("--service", metavar="NAME", help="AWS: ec2 or sagemaker, for --quota-id.")
@click.option("--gpu-family", metavar="NAME", help="Google: NVIDIA_H100 ..., for --quota-id.")
@click.option("--to", "total", type=click.IntRange(min=1), help="The new total to ask for.")
@click.option("--access", is_flag=True, help="Azure: access to a region or size that is closed.")
@who.case_options
@click.option("--justification", help="Your own text instead.")
@click.option("--edit", is_flag=True, help="Edit the justification before it is sent.")
@who.contact_options
@click.option("--ticket", type=int, metavar="REQUEST", help="Take a request to a person.")
@click.option("--yes", is_flag=True, help="Send without asking.")
@click.option("--dry-run", is_flag=True, help="Show what would be sent, and stop.")
@click.option(
    "--format",
    "output_format",
    type=Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="How to print.",
)
def request(model: str | None, output_format: str, **options: Any) -> int:  # noqa: ANN401 - mirrors the options
    """Ask for the quota that MODEL's best way needs, or that the named machines need.

    With a MODEL: its best way. With --instance-type and --region: every one of them, all
    together, one request per limit with the sum. Asks for the smallest total that runs the
    machines; shows what will be sent and asks first. A request that is open already is shown,
    not filed again. Exit code 8: a wish waits, because a smaller request is open.

    \b
    planner quota request llama-2-70b --cloud aws --region us-east-1
    planner quota request --instance-type g6.48xlarge --region us-west-2 --region us-east-1
    planner quota request llama-2-70b --size fleet.json
    planner quota request --cloud aws --quota-id L-DB2E81BA --region us-east-1 --to 192
    planner quota request --access --instance-type Standard_NC24ads_A100_v4 --region eastus
    planner quota request --ticket 3
    """  # noqa: D301 - click reads the backspace as "keep these lines"
    if options["ticket"] is not None:
        from planner.cli.quota import ticket

        quota_options.use_accounts(options)
        return ticket.file(options["ticket"], who.contact(options), yes=options["yes"])
    asks = _asks(model, options)
    if not asks:
        if output_format == "json":
            asking.report([], output_format)
        return 0
    asking.show(asks)
    if options["dry_run"]:
        return 0
    if not options["yes"]:
        require_yes("Send?" if len(asks) == 1 else "Send these?")
    filed = asking.send(asks)
    asking.report(filed, output_format)
    _take_to_people(asks, [item.request.id for item in filed], options)
    waits = any(item.wanted > item.request.desired for item in filed)
    return codes.PENDING if waits else 0


def _asks(model: str | None, options: dict[str, Any]) -> Sequence[Ask]:
    if options["quota_id"]:
        return _by_id(options)
    if options["access"]:
        return _access(model, options)
    return _by_demand(model, options)


def _by_demand(model: str | None, options: dict[str, Any]) -> Sequence[Ask]:
    """Return the requests of what was asked about."""
    from planner.quotas import justification, tracker

    ways = _wanted(model, options)
    checks = [way.check for way in ways if not _has_room(way)]
    if not checks:
        return []
    prices = [way.hourly_usd for way in ways]
    known = [price for price in prices if price is not None]
    hourly = sum(known) if known and len(known) == len(prices) else None
    demands = [check.demand for check in checks]
    text = options["justification"] or justification.justify(
        demands, who.case(options, demands, hourly)
    )
    return tracker.asks(checks, _edited(text, options), who.contact(options))


def _wanted(model: str | None, options: dict[str, Any]) -> Sequence[Way]:
    """Return the ways to ask for: the best of a model; all of named machines in named regions."""
    from planner.cli.quota.plan import all_ways
    from planner.quotas import graph, ways

    found = all_ways(model, options)
    if quota_options.is_together(options):
        return found
    if model is not None:
        return _best(found)
    best = found if options["regions"] else ways.best_places(found)
    if len(best) == 1:
        return best
    if len(best) < len(found):
        places = ", ".join(
            f"{w.check.demand.instance_type} in {w.check.demand.region}" for w in best
        )
        note(f"The best region of each: {places}. Name --region to choose.")
    checks = graph.together(way.check for way in best)
    return ways.ways(checks, {w.check.demand: w.plan for w in best if w.plan is not None})


def _best(found: Sequence[Way]) -> Sequence[Way]:
    """Return the best way, and say what the others would be."""
    from planner.quotas import ways

    others = ways.best_places(found)[1:]
    if others:
        demand = found[0].check.demand
        note(
            f"The best way: {demand.text} in {demand.region}. "
            f"{len(others)} other machines: planner quota plan; all of them: quota campaign."
        )
    return found[:1]


def _has_room(way: Way) -> bool:
    """Tell whether a way needs no request; say so.

    Raises:
        AccessError: Whether it needs one is not known.
    """
    from planner.errors import AccessError
    from planner.quotas.ways import Ready

    demand = way.check.demand
    if way.ready is Ready.NOW:
        note(f"{demand.text} in {demand.region} has room already; nothing to ask for.")
        return True
    if way.ready is Ready.UNKNOWN:
        raise AccessError(
            f"whether {demand.text} in {demand.region} has room is not known",
            why=way.check.reason,
            advice=way.check.advice or "planner doctor",
        )
    return False


def _access(model: str | None, options: dict[str, Any]) -> Sequence[Ask]:
    """Return the requests for access to what Azure closes to the subscription."""
    from planner.cli.quota.plan import all_ways
    from planner.quotas import access, justification

    found = [way.check for way in all_ways(model, options) if way.check.may_be_opened]
    if not found:
        note("Nothing that was asked about is closed to the subscription.")
        return []
    demands = [check.demand for check in found]
    text = options["justification"] or justification.justify(demands, who.case(options, demands))
    return [access.ask(check, _edited(text, options), who.contact(options)) for check in found]


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
            contact=who.contact(options),
        )
    ]


def _take_to_people(asks: Sequence[Ask], numbers: Sequence[int], options: dict[str, Any]) -> None:
    """File the tickets of requests that no API takes, where the contact is known."""
    from planner.cli.quota import ticket

    person = who.contact(options)
    complete = person.email and person.first_name and person.last_name and person.country
    for ask, number in zip(asks, numbers, strict=True):
        if ticket.is_the_only_way(ask):
            if complete:
                ticket.file(number, person, yes=True)
            else:
                note(f"It needs a support ticket: planner quota request --ticket {number}")


def _edited(text: str, options: dict[str, Any]) -> str:
    from planner.quotas import justification

    changed = click.edit(text) if options["edit"] else None
    return justification.plain(changed if changed is not None else text)
