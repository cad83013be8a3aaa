"""``planner verify``: a canary in the user's own account, with a dated record."""

from __future__ import annotations

from dataclasses import asdict
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

import click

from planner.cli.output import emit_json, note
from planner.cli.quota.options import account_options, use_accounts
from planner.cli.words import Choice

if TYPE_CHECKING:
    from planner.endpoints.verifying import Proof


def _money(context: click.Context, parameter: click.Parameter, value: str) -> Decimal:
    try:
        amount = Decimal(value)
    except InvalidOperation:
        raise click.BadParameter("say dollars: 2", context, parameter) from None
    if amount <= 0:
        raise click.BadParameter("must be more than 0", context, parameter)
    return amount


@click.command()
@click.option(
    "--to",
    "service",
    required=True,
    type=Choice(["sagemaker", "ec2", "gce", "azure-vm"]),
    help="Which service to try.",
)
@click.option("--spend", default="2", metavar="USD", callback=_money, show_default=True,
              help="What it may cost at most.")  # fmt: skip
@click.option("--region", default="", metavar="NAME", help="Where.  [default: the cheapest]")
@click.option("--yes", is_flag=True, help="Do not ask before it costs money.")
@click.option("--json", "as_json", is_flag=True, help="Print the record as JSON.")
@account_options
def verify(
    service: str,
    spend: Decimal,
    region: str,
    yes: bool,
    as_json: bool,
    **options: Any,  # noqa: ANN401 - mirrors the options
) -> int:
    """Prove in your own account that a deploy works: a very small model goes all the way.

    It checks, deploys the model to the cheapest machine, asks it something, waits until its
    guard has deleted it, and looks that nothing is left. planner doctor shows the record.

    \b
    planner verify --to gce --spend 2
    planner --sandbox verify --to azure-vm --yes
    """  # noqa: D301 - click reads the backspace as "keep these lines"
    use_accounts(options)
    from planner.cli.deploy.confirm import confirm
    from planner.endpoints import verifying
    from planner.endpoints.deploying import deployment
    from planner.endpoints.deploying.interruption import Interruption
    from planner.endpoints.interface import adapter
    from planner.ledger import Ledger
    from planner.planning import Request, compare

    request = Request(
        verifying.MODEL,
        services=(service,),
        regions=(region,) if region else (),
        max_instances=1,
        top=None,
    )
    plan = next(item for item in compare(request).plans if item.deployable is not False)
    chosen = deployment.Options(
        name="planner-verify",
        owner="planner-verify",
        life=verifying.life_for(plan, spend),
        accept_license=True,
        create_roles=True,
    )
    price = f"${plan.hourly_usd:.2f} an hour, ${spend:.2f} at most"
    note(f"{plan.model} to {plan.instance_type} in {plan.region}: {price}.")
    if not yes:
        confirm("Try it?", costs=price)
    made = adapter(service)
    with Ledger() as ledger:
        prepared = deployment.prepare(plan, chosen, made, ledger, may_create_roles=True)
        with Interruption(cleanup="planner destroy planner-verify") as interruption:
            record = verifying.verify(
                prepared, made, ledger, interruption, options=chosen, tell=_tell
            )
    verifying.keep(record)
    if as_json:
        emit_json(asdict(record))
    elif record.passed:
        click.echo(f"{service} works: verified {record.at}.")
    return 0 if record.passed else 1


def _tell(proof: Proof) -> None:
    note(f"{'ok  ' if proof.passed else 'FAIL'}  {proof.name}: {proof.detail}")
    if proof.advice:
        note(f"      Try: {proof.advice}")
