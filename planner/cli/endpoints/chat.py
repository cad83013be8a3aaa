"""``planner chat``: talk to an endpoint."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from planner.cli.endpoints.named import named, where_options
from planner.cli.output import note
from planner.cli.quota.options import use_accounts

if TYPE_CHECKING:
    from planner.endpoints.talking.client import ChatClient, Message


@click.command()
@click.argument("name")
@click.argument("question", nargs=-1)
@click.option("--system", default="", metavar="TEXT", help="What the model shall be.")
@click.option(
    "--max-tokens",
    type=click.IntRange(min=1),
    default=512,
    show_default=True,
    metavar="N",
    help="Longest answer.",
)
@click.option(
    "--temperature",
    type=click.FloatRange(min=0),
    default=0.7,
    show_default=True,
    help="0: always the likeliest word.",
)
@click.option(
    "--wait", is_flag=True, help="Where it has scaled to zero machines, wait until it answers."
)
@where_options
def chat(  # noqa: PLR0917 - click passes them by name
    name: str,
    question: tuple[str, ...],
    system: str,
    max_tokens: int,
    temperature: float,
    wait: bool,
    region: str,
    **options: Any,  # noqa: ANN401 - mirrors the options
) -> None:
    """Talk to the endpoint NAME; answers come as they are made.

    With a QUESTION, or one piped in, answers it and ends. Without, asks on: each question sees
    those before it; an empty line or Ctrl-D ends.

    \b
    planner chat llama-2-70b
    planner chat llama-2-70b "Why is the sky blue?"
    git diff | planner chat llama-2-70b --system "You review code."
    """  # noqa: D301 - click reads the backspace as "keep these lines"
    use_accounts(options)
    from planner.endpoints.talking.client import ChatClient as Client

    found, adapter = named(name, region)
    client = Client(adapter.transport(found), found.model)
    history: list[Message] = [{"role": "system", "content": system}] if system else []
    settings = {"max_tokens": max_tokens, "temperature": temperature}
    answer = partial(_answer, client, settings=settings, wait=wait)
    once = " ".join(question) or ("" if sys.stdin.isatty() else sys.stdin.read().strip())
    if once:
        answer([*history, {"role": "user", "content": once}])
        return
    if not sys.stdin.isatty():
        raise click.UsageError("there is no question")
    while asked := _ask():
        history.append({"role": "user", "content": asked})
        history.append({"role": "assistant", "content": answer(history)})


def _ask() -> str:
    try:
        return input("> ").strip()
    except EOFError:
        return ""


def _answer(
    client: ChatClient, messages: list[Message], *, settings: dict[str, Any], wait: bool
) -> str:
    def ask() -> None:
        for piece in client.stream(messages, **settings):
            click.echo(piece, nl=False)
            sys.stdout.flush()

    if wait:
        from planner.endpoints.talking import awake

        awake.until_awake(ask, _Waking())
    else:
        ask()
    click.echo()
    return client.reply.text if client.reply else ""


class _Waking:
    """Says once a minute that the endpoint is still being woken."""

    def __init__(self) -> None:
        self._minute = -1

    def __call__(self, seconds: float) -> None:
        minute = int(seconds // 60)
        if minute > self._minute:
            self._minute = minute
            note(f"It has no machine and is being woken: {minute} min of about ten ...")
