"""A full disk, a folder of someone else, a terminal of another alphabet: a sentence for each."""

from __future__ import annotations

import errno
import io
import sqlite3
import sys
from typing import TYPE_CHECKING

import click
import pytest

from planner.cli import app, next_command, surprises
from planner.cli.question import require_yes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from subprocess import CompletedProcess


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/x"), "the disk is full"),
        (PermissionError(errno.EACCES, "Permission denied", "/x"), "a folder cannot be written"),
        (OSError(errno.EROFS, "Read-only file system"), "a folder cannot be written"),
        (sqlite3.OperationalError("attempt to write a readonly database"), "state folder"),
        (sqlite3.DatabaseError("database disk image is malformed"), "the ledger cannot be used"),
    ],
    ids=str,
)
def test_what_the_machine_does_has_a_sentence_and_a_way_out(error: Exception, said: str) -> None:
    found = surprises.explain(error)
    assert said in str(found)
    assert "PLANNER_STATE_DIR=" in found.advice


def test_what_nobody_foresaw_asks_for_debug() -> None:
    found = surprises.explain(KeyError("x"))
    assert str(found) == "planner failed unexpectedly"
    assert "--debug" in found.advice


def test_a_full_disk_is_told_as_such(
    installed_planner: Callable[..., CompletedProcess[str]],
) -> None:
    done = installed_planner("prices", "--limit", "1", PLANNER_STATE_DIR="/proc/nope")
    assert done.returncode == 0, "a command that remembers nothing needs no state folder"
    done = installed_planner("status", PLANNER_STATE_DIR="/proc/nope")
    assert done.returncode == 1
    assert "state folder /proc/nope cannot be made" in done.stderr
    assert "unexpectedly" not in done.stderr


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_every_terminal_gets_the_answer(monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding=encoding))
    surprises.speak_any_encoding()
    sys.stdout.write(
        "\N{ALMOST EQUAL TO}82 \N{DAGGER}12 \N{BOX DRAWINGS LIGHT HORIZONTAL} \N{SNOWMAN}"
    )
    sys.stdout.flush()
    text = raw.getvalue().decode(encoding)
    assert text.startswith("~~82 ")
    assert "?" not in text.removesuffix("?"), "a sign of planner's own has a word"


@pytest.fixture
def in_sandbox() -> Iterator[None]:
    next_command.remember_sandbox(given=True)
    yield
    next_command.remember_sandbox(given=False)


@pytest.mark.usefixtures("in_sandbox")
@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("planner destroy x", "planner --sandbox destroy x"),
        ("planner quota check, then planner quota request",
         "planner --sandbox quota check, then planner --sandbox quota request"),
        ("planner compare llama-2-70b", "planner compare llama-2-70b"),
        ("planner sandbox start", "planner sandbox start"),
        ("gpu-planner deployments", "gpu-planner deployments"),
    ],
)  # fmt: skip
def test_a_command_to_paste_stays_in_the_sandbox(text: str, meant: str) -> None:
    assert next_command.pasteable(text) == meant


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("planner destroy x", "planner destroy --profile prod --project 'a b' x"),
        ("planner quota check llama", "planner quota check --profile prod --project 'a b' llama"),
        ("planner quota", "planner quota"),
        ("planner size, planner refresh", "planner size, planner refresh"),
        ("planner key --profile prod x", "planner key --profile prod x"),
    ],
)
def test_a_command_to_paste_keeps_the_accounts(text: str, meant: str) -> None:
    next_command.remember_accounts({"profile": "prod", "subscription": None, "project": "a b"})
    assert next_command.pasteable(text) == meant
    assert next_command.pasteable(meant) == meant
    next_command.remember_sandbox(given=False)
    assert next_command.pasteable(text) == text


@pytest.mark.parametrize(
    ("typed", "printed", "meant"),
    [
        ("--spot --to ec2", "planner deploy m --to gce", "planner deploy --spot m --to gce"),
        ("--expires 90m", "planner deploy m", "planner deploy --expires 90m m"),
        ("--precision fp8", "planner deploy m --precision int4",
         "planner deploy m --precision int4"),
        ("--precision fp8 --spot", "planner deploy m --precision int4, or planner deploy m",
         "planner deploy --spot m --precision int4, or planner deploy --precision fp8 --spot m"),
        ("--region us-east-1", "planner deploy m (again)", "planner deploy m (again)"),
        ("--allow 1.2.3.4 --access public", "planner deploy m",
         "planner deploy --access public --allow 1.2.3.4 m"),
        ("--spot", "planner status", "planner status"),
    ],
)  # fmt: skip
def test_a_command_to_paste_asks_what_was_asked(typed: str, printed: str, meant: str) -> None:
    context = app.cli.get_command(None, "deploy").make_context(
        "deploy", ["llama-2-7b", *typed.split()]
    )
    next_command.remember_question(context)
    assert next_command.pasteable(printed) == meant
    assert next_command.pasteable(meant) == meant
    next_command.remember_sandbox(given=False)
    assert next_command.pasteable(printed) == printed


def test_outside_the_sandbox_a_command_is_as_it_is() -> None:
    assert next_command.pasteable("planner destroy x") == "planner destroy x"


@pytest.mark.long
def test_an_error_in_the_sandbox_names_a_command_of_the_sandbox(
    installed_planner: Callable[..., CompletedProcess[str]],
) -> None:
    done = installed_planner("--sandbox", "chat", "nobody", "hello")
    assert done.returncode != 0
    assert "planner --sandbox status" in done.stderr


def test_a_declined_question_does_nothing_and_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @click.command("lose")
    def lose() -> None:
        require_yes("Go on?")
        raise AssertionError("it went on")

    monkeypatch.setitem(app._ABOUT, "lose", lose)
    monkeypatch.setattr(sys, "stdin", io.StringIO("n\n"))
    with pytest.raises(SystemExit) as ended:
        app.run(["lose"])
    assert ended.value.code == 1
    assert capsys.readouterr().err.endswith("Nothing done.\n")
