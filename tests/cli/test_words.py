"""What people type who know other tools is understood."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click
import pytest

from planner.cli.app import ALIASES, COMMANDS, cli
from planner.cli.words import CLOUD_WORDS, GEO_WORDS, Choice, Tokens

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Result


def asked(planner: Callable[..., Result], *arguments: str) -> dict[str, Any]:
    result = planner(
        "compare", "llama-2-7b", "--as-of", "2026-11-23", *arguments, "--format", "json"
    )
    assert result.code == 0, result.err
    found: dict[str, Any] = json.loads(result.out)
    return found


@pytest.mark.long
@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (("--geo", "Europe"), ("--geo", "eu")),
        (("--precision", "INT4"), ("--precision", "int4")),
        (("--cloud", "AWS"), ("--cloud", "aws")),
        (("--provider", "google"), ("--cloud", "gcp")),
        (("--gpu", "l4"), ("--accelerator", "L4")),
        (("--context", "4k"), ("--context", "4096")),
        (("--input-tokens", "1k", "--output-tokens", "1,024"), ()),
        (("--budget", "900"), ("--max-monthly", "900")),
        (("--spot",), ("--pricing-model", "spot")),
    ],
    ids=str,
)
def test_other_words_mean_the_same(
    planner: Callable[..., Result], typed: tuple[str, ...], meant: tuple[str, ...]
) -> None:
    assert asked(planner, *typed) == asked(planner, *meant)


@pytest.mark.parametrize("text", ["8x", "k", "1.5", "-", "1e400k"])
def test_what_is_no_number_of_tokens_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="say 8192 or 8k"):
        Tokens().convert(text, None, None)


def test_every_word_means_a_choice() -> None:
    for words, choices in (
        (GEO_WORDS, ("us", "eu", "ap", "all")),
        (CLOUD_WORDS, ("aws", "azure", "gcp")),
    ):
        kind = Choice(choices, words)
        for word in words:
            assert kind.convert(word.upper(), None, None) in choices


def test_every_alias_is_of_a_command_and_hides_none() -> None:
    assert set(ALIASES.values()) <= set(COMMANDS)
    assert not set(ALIASES) & set(COMMANDS)
    context = click.Context(cli)
    for alias, name in ALIASES.items():
        found = cli.get_command(context, alias)
        assert found is cli.get_command(context, name)


def test_help_and_version_are_commands_too(planner: Callable[..., Result]) -> None:
    assert planner("help").out == planner("--help").out
    assert "planner quota check" in planner("help", "quota", "check").out
    assert planner("version").out == planner("--version").out
    wrong = planner("help", "nothing")
    assert wrong.code == 2
    assert "No such command 'nothing'" in wrong.err
