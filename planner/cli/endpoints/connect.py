"""``planner connect``: hold the way to an endpoint open for an application."""

from __future__ import annotations

from typing import Any

import click

from planner.cli.endpoints.named import named, where_options
from planner.cli.output import note
from planner.cli.quota.options import use_accounts


@click.command()
@click.argument("name")
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    metavar="N",
    help="Of this computer.  [default: a free one]",
)
@where_options
def connect(
    name: str,
    port: int | None,
    region: str,
    **options: Any,  # noqa: ANN401 - mirrors the options
) -> None:
    """Bring the endpoint NAME to a port of this computer, until Ctrl-C.

    For machines of one's own (ec2, gce, azure-vm), which take nothing from outside: applications
    on this computer then ask http://127.0.0.1:PORT/v1, with no key.

    \b
    planner connect llama-2-70b --port 8000
    """  # noqa: D301 - click reads the backspace as "keep these lines"
    use_accounts(options)
    from planner.clouds import settings
    from planner.endpoints.machines.adapter import MachineAdapter
    from planner.endpoints.talking import port_forward
    from planner.errors import CloudError, UsageError

    endpoint, adapter = named(name, region)
    if not isinstance(adapter, MachineAdapter):
        raise UsageError(f"{name} needs no tunnel", advice=f"planner url {name}")
    way = adapter.transport(endpoint, local_port=port)
    click.echo(f"{way.url}/v1")
    if settings.current().simulated:
        note(
            "A simulated machine needs no tunnel: use this address in place of "
            "http://127.0.0.1:PORT/v1."
        )
        return
    note(f"Model: {endpoint.model}. The way is open until Ctrl-C.")
    if not port_forward.hold():
        raise CloudError(
            f"the tunnel to {name} has closed", advice=f"planner status, planner connect {name}"
        )
