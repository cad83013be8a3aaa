"""What ``planner deploy`` prints at its end: the answer, and how applications ask the endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from planner.cli.next_command import pasteable
from planner.endpoints.deploying.proving import PROMPT
from planner.endpoints.talking import snippets
from planner.errors import PlannerError

if TYPE_CHECKING:
    from planner.endpoints.deploying.choices import Outcome
    from planner.endpoints.model import Awaited
    from planner.endpoints.talking.client import Reply

_PORT = 8000  # where the printed commands bring an endpoint


def hand_over(outcome: Outcome) -> None:
    """Print the answer, its speed, how to talk to the endpoint, and how to be rid of it."""
    spec, reply = outcome.spec, outcome.reply
    if reply is None:
        click.echo(f"{spec.name} is being created in {spec.region}.")
        click.echo(pasteable(f"  planner resume {spec.name}     waits for its first answer"))
        click.echo(pasteable("  planner status    shows how far it is"))
        click.echo(pasteable(f"  planner destroy {spec.name}"))
        return
    hand_over_awaited(spec.awaited, reply)


def hand_over_awaited(awaited: Awaited, reply: Reply) -> None:
    """Print likewise what is known of an endpoint that another run has made."""
    speed = (
        f"{reply.tokens_per_second:,.1f} tokens/s" if reply.tokens_per_second else "speed not told"
    )
    first = f", first token after {reply.first_token_s:.2f} s" if reply.first_token_s else ""
    name = awaited.name
    click.echo(f"{name} answers in {awaited.region} ({speed} for one request{first}).")
    click.echo(f"  Q: {PROMPT}")
    click.echo(f"  A: {reply.text.strip()}")
    for title, code in _codes(awaited).items():
        click.echo(f"\n# {title}\n{pasteable(code)}")
    commands = (f"planner chat {name}", "planner status", f"planner destroy {name}")
    click.echo(f"\n{'      '.join(map(pasteable, commands))}")


def _codes(awaited: Awaited) -> dict[str, str]:
    """Return how applications ask the endpoint, by tool."""
    name, region, model = awaited.name, awaited.region, awaited.model
    if awaited.service == "sagemaker":
        from planner.endpoints.sagemaker import openai_route

        url = openai_route.base_url(name, region, awaited.component)
        return snippets.of_sagemaker(name, region, model, awaited.component, url=url)
    if awaited.service == "local":
        return {"Its address, for any OpenAI client": f"planner url {name}"}
    if awaited.access:
        return _codes_of_address(awaited)
    way = {"From this computer (until Ctrl-C)": f"planner connect {name} --port {_PORT}"}
    return way | snippets.of_url(f"http://127.0.0.1:{_PORT}/v1", model)


def _codes_of_address(awaited: Awaited) -> dict[str, str]:
    """Return how applications ask a machine at its own address."""
    from planner.endpoints.interface import adapter

    name, made = awaited.name, adapter(awaited.service)
    try:
        found = made.find(name, awaited.region)
        where = None if found is None else made.address(found)
    except PlannerError:  # it has answered: what cannot be told now does not make that untrue
        where = None
    if where is None:
        return {"Its address and its key": f"planner url {name}\nplanner key {name}"}
    domain = where.url.removeprefix("https://").removesuffix("/v1")
    first = {}
    if where.points_to:
        record = f"{domain}. 300 IN A {where.points_to}"
        first = {"First, in the zone of your domain (its certificate is fetched then)": record}
    pinned = f"{name}.pem" if where.certificate else ""
    return first | snippets.of_address(name, where.url, awaited.model, pinned)
