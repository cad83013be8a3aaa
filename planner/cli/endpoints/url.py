"""``planner url``: where an application reaches an endpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from planner.cli.endpoints.named import named, text_format_option, where_options
from planner.cli.output import emit_json, note
from planner.cli.quota.options import use_accounts
from planner.errors import UsageError


@click.command()
@click.argument("name")
@click.option(
    "--certificate",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    metavar="FILE",
    help="Write the certificate to trust there into this file (PEM).",
)
@text_format_option
@where_options
def url(
    name: str,
    region: str,
    certificate: Path | None,
    output_format: str,
    **options: Any,  # noqa: ANN401 - mirrors the options
) -> None:
    """Print the address of the endpoint NAME, for any client of OpenAI's API.

    On SageMaker, and on machines with --access public or private, it takes a key: planner key.
    Other machines (ec2, gce, azure-vm) have no address: planner connect.

    \b
    planner url llama-2-70b
    export OPENAI_BASE_URL=$(planner url llama-2-70b)
    export OPENAI_API_KEY=$(planner key llama-2-70b)
    """  # noqa: D301 - click reads the backspace as "keep these lines"
    use_accounts(options)
    endpoint, adapter = named(name, region)
    address = adapter.address(endpoint)
    if certificate is not None:
        _write(certificate, address.certificate, endpoint.name)
    if output_format == "json":
        emit_json(
            {"name": endpoint.name, "url": address.url, "needs_key": address.needs_key,
             "model": endpoint.model, "certificate": address.certificate}
        )  # fmt: skip
        return
    click.echo(address.url)
    if address.needs_key:
        note(f"It takes a key: planner key {endpoint.name}. Model: {endpoint.model}.")
    if address.certificate and certificate is None:
        note(
            "Its certificate is its own: "
            f"planner url {endpoint.name} --certificate {endpoint.name}.pem"
        )


def _write(path: Path, certificate: str, name: str) -> None:
    if not certificate:
        raise UsageError(
            f"{name} needs no certificate of its own",
            why="every computer knows who signed it",
            advice="leave --certificate out",
        )
    try:
        path.write_text(certificate, encoding="ascii")
    except OSError as error:
        raise UsageError(
            f"cannot write {path}", why=error.strerror or str(error), advice="another FILE"
        ) from error
