"""``planner quota campaign``: ask in several places, and again, until one has room."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from planner.cli.output import emit, emit_json, note
from planner.cli.question import require_yes
from planner.cli.quota import codes, telling, who
from planner.cli.quota import options as quota_options
from planner.cli.tables import Column
from planner.cli.words import Choice

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from planner.ledger import Campaign, Ledger
    from planner.quotas.campaign import Step
    from planner.quotas.campaigning import Look
    from planner.quotas.model import Demand

_CODES = {"pending": codes.PENDING, "refused": codes.DENIED, "unknown": codes.UNKNOWN}


@click.command()
@quota_options.demand_options
@click.option(
    "--targets",
    type=click.IntRange(min=1),
    default=4,
    show_default=True,
    help="Places to ask for, of those with the best chances.",
)
@click.option("--no-spot", is_flag=True, help="On-demand machines only.")
@click.option("--name", help="Of the campaign.  [default: the model's name]")
@click.option("--stop", is_flag=True, help="Ask no more, and take back what can be taken back.")
@who.case_options
@who.contact_options
@telling.notify_option
@click.option("--yes", is_flag=True, help="Begin without asking.")
@click.option("--dry-run", is_flag=True, help="Show what would be asked for now, and stop.")
@click.option(
    "--format",
    "output_format",
    type=Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="How to print.",
)
def campaign(model: str | None, output_format: str, **options: Any) -> int:  # noqa: ANN401 - mirrors the options
    """Ask for MODEL in several places, and again after refusals, until one has room.

    The first time it chooses the places: different clouds, cards, regions, services, and Spot.
    Typed again (by hand, by cron), it looks how all stands, files what is due and shows the
    table. One request per limit, with the sum; after a refusal AWS is asked again after 7
    days, Azure after 3, Google after 2 (planner's own restraint). It ends when one place has
    room. Exit codes: 0 a place has room, 8 pending, 9 refused everywhere for now, 5 unknown.

    \b
    planner quota campaign llama-2-70b --dry-run
    planner quota campaign llama-2-70b --yes
    planner quota campaign llama-2-70b --size fleet.json
    planner quota campaign llama-2-70b --stop
    """  # noqa: D301 - click reads the backspace as "keep these lines"
    from planner.ledger import Ledger as Open
    from planner.quotas import campaigning

    name = options["name"] or _slug(model, options)
    contact = who.contact(options)
    with Open() as ledger:
        known = {row.name: row for row in ledger.campaigns()}
        running = known.get(name)
        if options["stop"]:
            return _stop(name, running, ledger)
        if running is None or running.state == campaigning.STOPPED:
            quota_options.use_accounts(options)
            running = _begin(name, model, options)
            if running is None:
                return codes.SHORT
            if not options["dry_run"]:
                _confirm(running, yes=options["yes"])
                ledger.save_campaign(running)
        else:
            quota_options.use_accounts(options)
        seen = campaigning.look(running, contact, ledger, dry_run=options["dry_run"])
        if not options["dry_run"]:
            mine = [row for row in ledger.requests() if row.campaign == name]
            telling.tell(mine, options["notify"], ledger)
    return _report(seen, output_format)


def _slug(model: str | None, options: Mapping[str, Any]) -> str:
    text = model or "-".join(options["instance_types"]) or "campaign"
    return re.sub(r"[^a-z0-9]+", "-", text.casefold()).strip("-")


def _begin(name: str, model: str | None, options: dict[str, Any]) -> Campaign | None:
    """Choose the targets of a new campaign; None where nothing can be asked for."""
    from planner.clouds import settings
    from planner.ledger import Campaign as Row
    from planner.quotas import campaign as plans
    from planner.quotas import ways

    together = quota_options.is_together(options)
    asked = quota_options.demands(model, options)
    pool = list(asked)
    if not together and not options["no_spot"] and not options["spot"]:
        pool = plans.as_alternatives(asked)
    checks = quota_options.check(pool, together=together)
    priced = {
        demand: plan
        for demand in pool
        if (plan := asked.get(demand) or asked.get(replace(demand, spot=False))) is not None
    }
    found = ways.ways(checks, priced)
    chosen = found if together else plans.choose(found, options["targets"])
    ready = [way for way in found if way.ready is ways.Ready.NOW]
    if ready and not together:
        chosen = ready[:1]
    if not chosen:
        note("Nothing can be asked for in the places compared. Try: --geo all")
        return None
    case = who.case(options, [way.check.demand for way in chosen])
    return Row(name, settings.now(), plans.to_plan(chosen, case, together=together))


def _confirm(running: Campaign, *, yes: bool) -> None:
    from planner.quotas import campaign as plans

    note(f"Campaign {running.name} asks for:")
    for demand in plans.targets(running.plan):
        note(f"  - {_target(demand)}")
    first = plans.targets(running.plan)[:1]
    note(f"The text of the first request: {plans.text_for(running.plan, first)}")
    if not yes:
        require_yes("Begin?")


def _target(demand: Demand) -> str:
    how = "" if demand.bought == "on_demand" else f", {demand.bought.replace('_', ' ')}"
    return f"{demand.text} in {demand.cloud} {demand.region}{how}"


def _stop(name: str, running: Campaign | None, ledger: Ledger) -> int:
    from planner.errors import UnknownNameError
    from planner.quotas import campaigning

    if running is None:
        names = [row.name for row in ledger.campaigns()]
        raise UnknownNameError("campaign", name, names, advice="planner quota status")
    for request in campaigning.stop(running, ledger):
        note(f"#{request.id} is taken back.")
    left = [row for row in ledger.requests(open_only=True) if row.campaign == name]
    for request in left:
        note(f"#{request.id} stays: {request.cloud} cannot take a request back.")
    note(f"Campaign {name} asks for nothing more.")
    return 0


def _report(seen: Look, output_format: str) -> int:
    from planner.cli.quota import view
    from planner.quotas import campaign as plans

    records = [_record(step) for step in seen.steps]
    if output_format == "json":
        emit_json(
            {
                "name": seen.campaign.name,
                "state": seen.campaign.state,
                "targets": [_target(check.demand) for check in seen.checks],
                "landed": [_target(check.demand) for check in seen.landed],
                "withdrawn": [request.id for request in seen.withdrawn],
                "remarks": list(seen.remarks),
                "limits": records,
            }
        )
    else:
        title = view.title(f"Campaign {seen.campaign.name}: {seen.campaign.state}")
        emit(records, _columns(), "table", title=title)
    for remark in seen.remarks:
        note(remark)
    for request in seen.withdrawn:
        note(f"#{request.id} is no longer needed and was taken back.")
    if seen.landed:
        for check in seen.landed:
            note(f"There is room: {_target(check.demand)}")
        demand = seen.landed[0].demand
        where = f"--instance-type {demand.instance_type} --region {demand.region}"
        note(f"Next: planner deploy {demand.model or 'MODEL'} {where}{_how(demand)}")
        return 0
    return _CODES[plans.code_of(seen.steps)]


def _how(demand: Demand) -> str:
    return " --spot" if demand.spot else ""


def _record(step: Step) -> dict[str, Any]:
    check, request = step.check, step.request
    return {
        "cloud": check.quota.cloud,
        "region": check.quota.region,
        "quota_id": check.quota.quota_id,
        "quota": check.quota.title,
        "unit": check.quota.unit,
        "limit": None if check.limit == float("inf") else check.limit,
        "wanted": check.target,
        "wants": step.limit.wants,
        "request": request.id if request is not None else None,
        "state": request.state if request is not None else "",
        "since": request.filed_at if request is not None else None,
        "next": _next(step),
    }


def _next(step: Step) -> str:
    if step.action == "rest" and step.again is not None:
        return f"ask again from {step.again:%Y-%m-%d}"
    return {
        "ask": "to be asked for",
        "wait": step.request.reason if step.request is not None else "the cloud is deciding",
        "none": "large enough",
        "stop": step.check.fixed,
    }.get(step.action, "")


def _columns() -> Sequence[Column]:
    from planner.cli.quota import view

    return [
        Column(
            "quota", "Quota", show=lambda row: f"{view.short_name(row['quota'])}\n{_where(row)}"
        ),
        Column("wanted", "Limit", show=_change),
        Column("request", "#", "right"),
        Column("state", "State", style=view.state_style),
        Column(
            "since", "Since", show=lambda row: f"{row['since']:%m-%d %H:%M}" if row["since"] else ""
        ),
        Column("next", "Next"),
    ]


def _where(row: Mapping[str, Any]) -> str:
    return f"{row['cloud']} {row['region'] or 'all regions'}"


def _change(row: Mapping[str, Any]) -> str:
    now = "?" if row["limit"] is None else f"{row['limit']:g}"
    return f"{now} -> {row['wanted']:g} {row['unit']}"
