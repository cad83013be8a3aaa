"""``planner completion``: print the shell completion script."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from planner.cli.words import Choice


@click.command()
@click.argument("shell", type=Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script for your shell.

    \b
    bash:  eval "$(planner completion bash)"      # in ~/.bashrc
    zsh:   eval "$(planner completion zsh)"       # in ~/.zshrc
    fish:  planner completion fish > ~/.config/fish/completions/planner.fish
    """  # noqa: D301 - click reads the backspace as "keep these lines"
    from planner.cli.app import cli

    found = get_completion_class(shell)
    if found is None:  # pragma: no cover - click.Choice admits only what click knows
        raise click.UsageError(f"no completion for {shell}")
    click.echo(found(cli, {}, "planner", "_PLANNER_COMPLETE").source())
