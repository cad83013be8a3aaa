"""``planner deploy MODEL --to local``: the user's own card or CPU."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import click

from planner.cli.next_command import pasteable
from planner.cli.output import console, emit_json, note
from planner.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from planner.endpoints.deploying.deployment import Options, Outcome, Prepared

# Options that mean nothing on the user's own machine.
_CLOUD_ONLY = (
    "instance_type",
    "region",
    "anywhere",
    "keep_trying",
    "race",
    "spot",
    "emit",
    "role",
    "token_secret",
    "reservation",
    "allow",
    "domain",
)


def run(given: Mapping[str, Any], options: Options) -> int:
    """Deploy on this machine and return the exit code.

    Raises:
        UsageError: An option that only clouds have.
        PlannerError: It failed; nothing is left.
    """
    from planner.cli.deploy import view
    from planner.endpoints.deploying import deployment, preflight
    from planner.endpoints.deploying.interruption import Interruption
    from planner.endpoints.interface import adapter
    from planner.ledger import Ledger

    _refuse_cloud_options(given)
    made = adapter("local")
    as_json = given["output_format"] == "json"
    with Ledger() as ledger:
        prepared = _prepare(given, options, ledger)
        if given["plan_only"] and as_json:
            emit_json(view.plan_record(prepared))
            return 0
        _show(prepared)
        preflight.require(prepared.findings)
        if given["plan_only"]:
            note("Nothing was started (--plan).")
            return 0
        with (
            view.Progress(view.usual_time(prepared)) as progress,
            Interruption(
                on_first=progress.say, cleanup=f"planner destroy {prepared.spec.name}"
            ) as interruption,
        ):
            progress.watch(interruption)
            outcome = deployment.deploy(
                prepared,
                made,
                ledger,
                interruption,
                options=options,
                observers=progress.observers,
            )
    if as_json:
        emit_json(view.outcome_record(outcome))
    else:
        _hand_over(outcome)
    return 0


def _prepare(given: Mapping[str, Any], options: Options, ledger: Any) -> Prepared:  # noqa: ANN401 - Ledger
    from planner.endpoints.interface import adapter
    from planner.endpoints.local import machine, preparation, source

    purchase, power = given.get("purchase_usd"), given.get("usd_per_kwh")
    question = preparation.Question(
        source.find(given["model"], options.weights),
        machine.detect(),
        options,
        preparation.Wish(
            precision=given["precision"],
            concurrency=given["concurrency"],
            purchase_usd=None if purchase is None else Decimal(str(purchase)),
            usd_per_kwh=None if power is None else Decimal(str(power)),
        ),
    )
    return preparation.prepare(question, adapter("local"), ledger)


def _refuse_cloud_options(given: Mapping[str, Any]) -> None:
    for name in _CLOUD_ONLY:
        if given.get(name):
            raise UsageError(
                f"--{name.replace('_', '-')} means nothing on your own machine",
                advice=f"leave --{name.replace('_', '-')} out",
            )


def _show(prepared: Prepared) -> None:
    """Print what would be started, and what stands in the way; to stderr."""
    from rich.table import Table
    from rich.text import Text

    spec, plan = prepared.spec, prepared.spec.plan
    speed = (
        f"about {plan.tokens_per_second:,.0f} tokens/s at full load ({plan.throughput_basis})"
        if plan.tokens_per_second
        else "not predicted for this machine; planner bench measures it"
    )
    price = plan.on_demand_hourly_usd
    facts = [
        ("Endpoint", f"{spec.name}, on this machine"),
        ("Model", f"{plan.model} at {plan.precision} ({spec.weights.location})"),
        ("Context", f"{spec.context:,} tokens a request"),
        ("Machine", plan.instance_type),
        ("Cost", "nothing but power" if price is None else f"${price:.3f} an hour, your figures"),
        ("Speed", speed),
        ("Expires", _expiry(spec.expires_at)),
    ]
    out = console(stderr=True)
    shown = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
    shown.add_column(style="bold", no_wrap=True)
    shown.add_column(overflow="fold")
    for name, text in facts:
        shown.add_row(name, Text(text))
    for item in prepared.findings:
        remedy = f"\n-> {item.remedy}" if item.remedy else ""
        shown.add_row(item.check, Text(f"{item.status}: {item.text}{remedy}"))
    out.print(shown)
    for name, now, then in prepared.differences:
        out.print(f"  {name}: {now or '(none)'} -> {then or '(none)'}", markup=False)
    if prepared.is_same:
        out.print(f"{spec.name} runs already with these settings: nothing to start.")


def _expiry(expires_at: datetime | None) -> str:
    if expires_at is None:
        return "never: it runs until someone ends it"
    return f"{expires_at:%Y-%m-%d %H:%M} UTC, by a process of its own on this machine"


def _hand_over(outcome: Outcome) -> None:
    """Print the answer, its speed, how to talk to the endpoint, and how to be rid of it."""
    from planner.endpoints.deploying.proving import PROMPT
    from planner.endpoints.local import record

    spec, reply = outcome.spec, outcome.reply
    written = record.read(spec.name)
    if reply is None or written is None:
        said = f"{spec.name} is starting on this machine; planner status shows how far it is."
        click.echo(pasteable(said))
        return
    speed = f" ({reply.tokens_per_second:,.1f} tokens/s)" if reply.tokens_per_second else ""
    url = f"http://127.0.0.1:{written.port}/v1"
    click.echo(f"{spec.name} answers on this machine{speed}.")
    click.echo(f"  Q: {PROMPT}")
    click.echo(f"  A: {reply.text.strip()}")
    click.echo(f"\n# curl\ncurl {url}/chat/completions -H 'Content-Type: application/json' \\")
    click.echo(
        f'  -d \'{{"model": "{spec.plan.model}", '
        '"messages": [{"role": "user", "content": "Hello"}]}\''
    )
    click.echo("\n# Python (pip install openai)\nfrom openai import OpenAI")
    click.echo(f'client = OpenAI(base_url="{url}", api_key="none")')
    commands = (f"planner chat {spec.name}", "planner status", f"planner destroy {spec.name}")
    click.echo(f"\n{'      '.join(map(pasteable, commands))}")
