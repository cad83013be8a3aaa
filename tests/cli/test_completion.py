"""Shell completion: the scripts, and what is offered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from click.shell_completion import ShellComplete

from planner.cli.app import COMMANDS, cli

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Result


def offered(*words: str) -> list[str]:
    """Return what is offered for the last word, after the others."""
    shell = ShellComplete(cli, {}, "planner", "_PLANNER_COMPLETE")
    return [item.value for item in shell.get_completions(list(words[:-1]), words[-1])]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_each_shell_asks_planner(planner: Callable[..., Result], shell: str) -> None:
    result = planner("completion", shell)
    assert result.code == 0
    assert f"_PLANNER_COMPLETE={shell}_complete" in result.out


def test_commands_are_offered() -> None:
    assert offered("com") == ["compare", "completion"]
    assert set(offered("")) == set(COMMANDS)


def test_models_are_offered() -> None:
    assert "llama-2-70b" in offered("compare", "llama-2")
    assert "llama-2-70b" in offered("fit", "LLAMA-2-7")


def test_accelerators_are_offered() -> None:
    found = offered("compare", "llama-2-70b", "--accelerator", "a100")
    assert found == ["A100-40GB", "A100-80GB"]


def test_choices_and_options_are_offered() -> None:
    assert offered("compare", "--geo", "") == ["us", "eu", "ap", "all"]
    assert offered("prices", "--format", "m") == ["markdown"]
    assert "--as-of" in offered("compare", "--as")


def test_a_mistyped_command_offers_nothing_and_does_not_fail() -> None:
    assert offered("comapre", "lla") == []
