"""``planner url``: where an application reaches an endpoint."""

from __future__ import annotations

from typing import Any

import click

from planner.cli.endpoints.named import named, text_format_option, where_options
from planner.cli.output import emit_json, note
from planner.cli.quota.options import use_accounts


@click.command()
@click.argument("name")
@text_format_option
@where_options
def url(
    name: str,
    region: str,
    output_format: str,
    **options: Any,  # noqa: ANN401 - mirrors the options
) -> None:
    """Print the address of the endpoint NAME, for any client of OpenAI's API.

    On SageMaker it needs a key that lasts hours: planner key. Machines of one's own (ec2, gce,
    azure-vm) have no address: planner connect.

    \b
    planner url llama-2-70b
    export OPENAI_BASE_URL=$(planner url llama-2-70b)
    export OPENAI_API_KEY=$(planner key llama-2-70b)
    """  # noqa: D301 - click reads the backspace as "keep these lines"
    use_accounts(options)
    endpoint, adapter = named(name, region)
    address = adapter.address(endpoint)
    if output_format == "json":
        emit_json(
            {"name": endpoint.name, "url": address.url, "needs_key": address.needs_key,
             "model": endpoint.model}
        )  # fmt: skip
        return
    click.echo(address.url)
    if address.needs_key:
        note(f"It takes a key: planner key {endpoint.name}. Model: {endpoint.model}.")
