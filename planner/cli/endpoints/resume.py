"""``planner resume``: take up a deploy that nobody watches any more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from planner.cli.endpoints.named import named, text_format_option, where_options
from planner.cli.output import emit_json
from planner.cli.quota.options import use_accounts

if TYPE_CHECKING:
    from planner.endpoints.model import Endpoint
    from planner.endpoints.talking.client import Reply


@click.command()
@click.argument("name")
@text_format_option
@where_options
def resume(
    name: str,
    region: str,
    output_format: str,
    **options: Any,  # noqa: ANN401 - mirrors the options
) -> None:
    """Wait for the endpoint NAME until it answers, whoever made it and wherever.

    After deploy --no-wait, a lost terminal, a reboot or a long outage; from another computer,
    too: it works from the cloud's own marks. It takes nothing away.

    \b
    planner resume llama-2-70b
    planner resume llama-2-70b --region us-east-1
    """  # noqa: D301 - click reads the backspace as "keep these lines"
    use_accounts(options)
    from planner.cli.deploy import handing_over, view
    from planner.endpoints.deploying import proving
    from planner.endpoints.deploying.interruption import Interruption
    from planner.endpoints.interface import Context

    found, adapter = named(name, region)
    left = f"planner destroy {found.name} --region {found.region}"
    with (
        view.Progress() as progress,
        Interruption(on_first=lambda _: None, cleanup=left) as interruption,
    ):
        progress.watch(interruption)
        context = Context(interruption=interruption, progress=progress.observers.stage)
        reply = proving.resume(found, adapter, context)
    if output_format == "json":
        emit_json(_record(found, reply))
    else:
        handing_over.hand_over_awaited(found.awaited, reply)


def _record(endpoint: Endpoint, reply: Reply) -> dict[str, Any]:
    return {
        "name": endpoint.name,
        "cloud": endpoint.cloud,
        "service": endpoint.service,
        "region": endpoint.region,
        "instance_type": endpoint.instance_type,
        "hourly_usd": endpoint.hourly_usd,
        "expires_at": endpoint.expires_at,
        "answered": True,
        "answer": reply.text,
        "tokens": reply.tokens,
        "tokens_per_second": reply.tokens_per_second,
        "time_to_first_token_s": reply.first_token_s,
    }
