"""``planner doctor``: what works per cloud, and what is missing."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from planner.cli.output import emit, emit_json, format_option, note
from planner.cli.quota import options as quota_options
from planner.cli.tables import Column
from planner.cli.words import CLOUD_WORDS, Choice

if TYPE_CHECKING:
    from collections.abc import Mapping

_NO_ACCESS = 5


@click.command()
@click.option(
    "--cloud",
    "clouds",
    multiple=True,
    type=Choice(["aws", "azure", "gcp"], CLOUD_WORDS),
    help="Only this cloud (repeatable).",
)
@click.option("--permissions", is_flag=True, help="Print the least-privilege policies instead.")
@click.option("--command", metavar="NAME", help="With --permissions: quota-check, ...")
@quota_options.account_options
@format_option
def doctor(
    clouds: tuple[str, ...],
    permissions: bool,
    command: str | None,
    output_format: str,
    **options: Any,  # noqa: ANN401 - mirrors the options
) -> int:
    """Show what works per cloud, what is missing, and what to do about it.

    Exit code 5: none of the clouds asked about works.

    \b
    planner doctor --cloud aws
    planner doctor --permissions --command quota-request --cloud gcp
    """  # noqa: D301 - click reads the backspace as "keep these lines"
    quota_options.use_accounts(options)
    if permissions:
        _permissions(command, clouds, output_format)
        return 0
    from planner import doctor as checks
    from planner.cli.quota.view import title

    findings = checks.examine(clouds or checks.CLOUDS)
    columns = [
        Column("subject", "What"),
        Column("check", "Check"),
        Column("works", "", show=_works, style=_style),
        Column("detail", "Found"),
    ]
    records = [asdict(finding) for finding in findings]
    heading = title("Doctor") if output_format == "table" else ""
    emit(records, columns, output_format, fields=list(records[0]), title=heading)
    for finding in findings:
        if finding.works is False and finding.advice:
            note(f"{finding.subject} {finding.check}, try: {finding.advice}")
    asked = {finding.subject for finding in findings} - {"planner"}
    broken = {finding.subject for finding in findings if finding.works is False}
    return _NO_ACCESS if asked <= broken else 0


def _permissions(command: str | None, clouds: tuple[str, ...], output_format: str) -> None:
    from planner.clouds import permissions

    found = permissions.policies(command, clouds)
    if output_format == "json":
        emit_json([asdict(policy) for policy in found])
        return
    for policy in found:
        note(f"# {policy.command} on {policy.cloud}: {policy.how}")
        click.echo(policy.text.rstrip())


def _works(row: Mapping[str, Any]) -> str:
    return {True: "ok", False: "fails", None: "-"}[row["works"]]


def _style(row: Mapping[str, Any]) -> str:
    return {True: "green", False: "red", None: ""}[row["works"]]
