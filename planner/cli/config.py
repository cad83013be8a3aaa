"""``planner config``: who asks for quota, and whom to tell."""

from __future__ import annotations

import click

from planner.cli.output import emit, format_option, note
from planner.cli.tables import Column


@click.group(invoke_without_command=True)
@format_option
@click.pass_context
def config(ctx: click.Context, output_format: str) -> None:
    """Show what planner knows of you: company, contact, whom to notify.

    \b
    planner config
    planner config set company="Acme" contact.email=ada@example.com
    planner config set notify=
    """  # noqa: D301 - click reads the backspace as "keep these lines"
    if ctx.invoked_subcommand is None:
        _show(output_format)


@config.command(name="set")
@click.argument("settings", nargs=-1, required=True, metavar="KEY=VALUE...")
def set_(settings: tuple[str, ...]) -> None:
    """Set one or more; an empty value takes it back."""
    from planner import preferences

    pairs = [item.partition("=") for item in settings]
    if not all(found for _, found, _ in pairs):
        raise click.UsageError("say KEY=VALUE; planner config shows the keys")
    preferences.change({key.strip(): value.strip() for key, _, value in pairs})
    note(f"Written to {preferences.path()}.")


def _show(output_format: str) -> None:
    from planner import preferences

    known = preferences.load()
    rows = [
        {"key": key, "value": known.get(key, ""), "what_for": text}
        for key, text in preferences.KEYS.items()
    ]
    columns = [Column("key", "Key"), Column("value", "Value"), Column("what_for", "What for")]
    emit(rows, columns, output_format)
