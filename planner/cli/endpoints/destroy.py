"""``planner destroy``: take an endpoint away, with all that belongs to it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from planner.cli.output import note
from planner.cli.question import require_yes
from planner.cli.quota.options import account_options, use_accounts

if TYPE_CHECKING:
    from planner.endpoints.model import Endpoint
    from planner.ledger import Ledger


@click.command()
@click.argument("name", required=False)
@click.option("--region", default="", metavar="NAME", help="Where it is, if there are several.")
@click.option(
    "--orphans",
    is_flag=True,
    help="What is left of endpoints that are gone, have failed or are overdue.",
)
@click.option("--all", "everything", is_flag=True, help="Every endpoint of planner's.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@account_options
def destroy(
    name: str | None,
    region: str,
    orphans: bool,
    everything: bool,
    yes: bool,
    **options: Any,  # noqa: ANN401 - mirrors the options
) -> int:
    """Take the endpoint NAME away, with all that belongs to it.

    Works from the clouds' tags, so that a lost ledger loses nothing.

    \b
    planner destroy llama-2-70b
    planner destroy --orphans
    planner destroy --all
    """  # noqa: D301 - click reads the backspace as "keep these lines"
    use_accounts(options)
    if sum([name is not None, orphans, everything]) != 1:
        raise click.UsageError("name one endpoint, or say --orphans or --all")
    from planner.endpoints.watching import locate
    from planner.ledger import Ledger as Book

    with Book() as ledger:
        if name is not None:
            chosen = [locate.one(name, ledger, region=region)]
        else:
            found = locate.all_endpoints(
                ledger, regions=[region] if region else (), everywhere=not region
            )
            for place, error in found.failures:
                note(f"{place}: {error}")
            chosen = [item for item in found.endpoints if everything or _is_orphan(item)]
        if not chosen:
            click.echo("Nothing to remove.")
            return 0
        take_away(chosen, ledger, yes=yes)
        return 0


def take_away(chosen: list[Endpoint], ledger: Ledger, *, yes: bool) -> None:
    """Remove endpoints, after asking.

    Raises:
        UsageError: One is not planner's, or nobody is there to say yes.
    """
    _confirm(chosen, yes=yes)
    _remove(chosen, ledger)


def _confirm(chosen: list[Endpoint], *, yes: bool) -> None:
    from planner.errors import UsageError

    for item in chosen:
        if not item.owner and not item.parts:
            raise UsageError(
                f"{item.name} in {item.region} was not made by planner",
                advice="delete it with the tool that made it",
            )
        price = f", ${item.hourly_usd:.2f} an hour" if item.hourly_usd and item.billed else ""
        note(f"{item.name} in {item.region}: {item.state}{price}")
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError("nobody is there to say yes", advice="--yes")
    require_yes(f"Remove {'it' if len(chosen) == 1 else 'them'}?")


def _remove(chosen: list[Endpoint], ledger: Ledger) -> None:
    from planner.endpoints.deploying.deployment import forget
    from planner.endpoints.deploying.interruption import Interruption
    from planner.endpoints.interface import Context, adapter

    with Interruption(cleanup="planner destroy --orphans") as interruption:
        for item in chosen:
            told: set[str] = set()

            def progress(stage: str, lines: object, told: set[str] = told) -> None:
                del lines
                if stage not in told:
                    told.add(stage)
                    note(f"  {stage}")

            context = Context(interruption=interruption, progress=progress)
            adapter(item.service).remove(item, context)
            forget(ledger, item)
            click.echo(f"{item.name} in {item.region} is gone.")


def _is_orphan(endpoint: Endpoint) -> bool:
    from planner.endpoints.model import State
    from planner.endpoints.watching import locate

    now = locate.now(endpoint.service)
    overdue = endpoint.expires_at is not None and endpoint.expires_at < now
    return endpoint.state in {State.LEFTOVER, State.FAILED} or overdue
