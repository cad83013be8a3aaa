"""The root command: help, versions, errors and exit codes."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

from planner import __version__
from planner.bundled import deploy_templates, pricing_data
from planner.cli.app import COMMANDS, cli

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from subprocess import CompletedProcess

    from conftest import Result

COMMAND = Path(sys.executable).with_name("planner")


def _commands(group: click.Group, *path: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from _commands(command, *path, name)


def _words(text: str) -> set[str]:
    return {word.rstrip("s") for word in re.findall(r"[a-z]{4,}", text.casefold())}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_one_line_help_says_what_the_command_says_of_itself(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    assert command.name == name
    _, line = COMMANDS[name]
    assert line.endswith(".")
    assert len(f"  {name}  {line}") <= 79, "one line each at 80 columns"
    assert _words(line) & _words(command.get_short_help_str(limit=200)), "they share no word"


def test_every_command_and_every_option_has_help() -> None:
    for path, command in _commands(cli):
        assert command.help, path
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, (path, parameter.name)


def test_every_command_answers_h() -> None:
    """In a process of its own: click keeps the help option a command was first asked with."""
    calls = [[*path, flag] for path, _ in _commands(cli) for flag in ("-h", "--help")]
    program = (
        "import contextlib\n"
        "from planner.cli.app import run\n"
        f"for call in {calls!r}:\n"
        "    with contextlib.suppress(SystemExit):\n"
        "        run(call)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    usages = re.findall(r"^Usage: planner (.*?) (?:\[OPTIONS\]|$)", done.stdout, re.MULTILINE)
    assert usages == [" ".join(call[:-1]) for call in calls]
    assert done.stderr == ""


def test_root_help_fits_80_columns(planner: Callable[..., Result]) -> None:
    result = planner("--help", columns=80)
    assert max(map(len, result.out.splitlines())) <= 80
    assert all(f"  {name} " in result.out for name in COMMANDS)
    assert "Start with: planner compare llama-2-70b" in result.out
    assert "3 nothing fits" in result.out


def test_the_version_is_printed(planner: Callable[..., Result]) -> None:
    assert planner("--version").out == f"planner, version {__version__}\n"


@pytest.mark.parametrize("start", [[str(COMMAND)], [sys.executable, "-m", "planner"]])
def test_both_ways_to_start_are_the_same_program(start: list[str]) -> None:
    done = subprocess.run([*start, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"planner, version {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ("comapre llama-2-70b", 2, "No such command 'comapre'; nearest: compare"),
        ("compare", 2, "Missing argument 'MODEL'"),
        ("compare llama-2-70b --colour", 2, "No such option"),
        ("compare llama-2-70bb", 2, "nearest: llama-2-70b"),
        ("compare llama-2-70b --accelerator H1000", 2, "nearest: H100"),
        ("compare llama-2-70b --region us-esat-1", 2, "us-east-1"),
        ("compare llama-2-70b --instance-type g5.48xlrge", 2, "nearest: g5.48xlarge"),
        ("compare llama-2-70b --cloud ibm", 2, "'aws', 'azure', 'gcp'"),
        ("compare llama-2-70b --geo mars", 2, "'us', 'eu', 'ap', 'all'"),
        ("compare llama-2-70b --precision fp17", 2, "'fp16'"),
        ("compare llama-2-70b --format xml", 2, "'table', 'json', 'csv', 'markdown'"),
        ("compare llama-2-70b --sort price", 2, "'on-demand', 'committed', 'tokens'"),
        ("compare llama-2-70b --as-of yesterday", 2, "'yesterday' does not match"),
        ("compare llama-2-70b --as-of 2023-02-30", 2, "'2023-02-30' does not match"),
        ("compare llama-2-70b --as-of 2020-01-01", 3, "Try: --as-of 2023-09-18"),
        ("compare llama-2-70b --context -1", 2, "--context must be positive"),
        ("compare llama-2-70b --context many", 2, "is no number of tokens; say 8192 or 8k"),
        ("compare llama-2-70b --concurrency 0", 2, "--concurrency must be positive"),
        ("compare llama-2-70b --utilization 2", 2, "--utilization must be above 0"),
        ("compare llama-2-70b --utilization nan", 2, "--utilization must be above 0"),
        ("compare llama-2-70b --hours-per-month 800", 2, "at most 744 hours"),
        ("compare llama-2-70b --hours-per-month nan", 2, "--hours-per-month must be positive"),
        ("compare llama-2-70b --max-monthly -5", 2, "--max-monthly must be positive"),
        ("compare llama-2-70b --max-monthly nan", 2, "--max-monthly must be positive"),
        ("compare llama-2-70b --max-monthly 9", 3, "the cheapest is $3,506 a month"),
        ("compare llama-2-70b --top 0", 2, "not in the range"),
        ("compare llama-2-70b --include-local RTX-4091", 2, "nearest: RTX-4090"),
        ("compare llama-2-70b --include-local 0xRTX-4090", 2, "0 accelerators"),
        (
            "compare llama-2-70b --include-local RTX-4090 --purchase-usd nan",
            2,
            "--purchase-usd must not be negative",
        ),
        ("compare llama-2-70b --accelerator T4 --max-instances 1", 3, "8x16 GiB has"),
        ("prices --accelerator H1000", 2, "nearest: H100"),
        ("prices --instance-type p4d.24xlrge", 2, "nearest: p4d.24xlarge"),
        ("prices --region us-esat-1", 2, "us-east-1"),
        ("prices --limit -3", 2, "not in the range"),
        ("prices --pricing-model reserved", 2, "'on_demand', 'spot', 'committed'"),
        ("prices --as-of 1999-12-31", 3, "Try: --as-of 2023-09-18"),
        ("prices --accelerator H100 --instance-type g5.xlarge", 3, "no price matches"),
        ("fit lama-2-70b", 2, "nearest: llama-2-70b"),
        ("fit llama-2-70b --accelerator RTX9090", 2, "unknown accelerator 'RTX9090'"),
        ("fit llama-2-7b --gpu 2xRTX-4090", 3, "--include-local 2xRTX-4090"),
        ("prices --accelerator RTX-5090", 3, "no cloud that planner knows sells machines with"),
        ("fit llama-2-70b --instance-type g5.12xlarge --only-fitting", 3, "can serve llama-2-70b"),
        ("completion tcsh", 2, "'bash', 'zsh', 'fish'"),
    ],
)
def test_bad_input_gets_one_clear_message_and_its_exit_code(
    planner: Callable[..., Result], arguments: str, code: int, said: str
) -> None:
    result = planner(*arguments.split())
    assert result.code == code
    assert said in result.err
    assert result.err.count("Error: ") == 1
    assert "Traceback" not in result.err
    assert "failed unexpectedly" not in result.err
    assert result.out == ""


@pytest.mark.parametrize("output_format", ["json", "csv", "markdown"])
def test_an_error_leaves_stdout_empty_in_every_format(
    planner: Callable[..., Result], output_format: str
) -> None:
    result = planner("compare", "llama-2-70bb", "--format", output_format)
    assert (result.code, result.out) == (2, "")


def test_debug_shows_where_it_failed(
    installed_planner: Callable[..., CompletedProcess[str]],
) -> None:
    plain = installed_planner("compare", "llama-2-70bb")
    debug = installed_planner("--debug", "compare", "llama-2-70bb")
    assert "Traceback" not in plain.stderr
    assert debug.stderr.startswith("Traceback (most recent call last):")
    assert "UnknownNameError: unknown model 'llama-2-70bb'" in debug.stderr
    assert debug.returncode == 1
    by_environment = installed_planner("compare", "llama-2-70bb", PLANNER_DEBUG="1")
    assert by_environment.stderr.startswith("Traceback (most recent call last):")


@pytest.mark.parametrize(
    "arguments",
    [
        "compare llama-2-70b",
        "compare llama-2-70b --format json",
        "prices --cloud azure --format csv",
        "prices --limit 50",
        "fit llama-2-70b",
        "--help",
    ],
)
def test_a_reader_that_goes_away_is_no_error(arguments: str) -> None:
    """As ``planner prices | head -1`` does."""
    with subprocess.Popen(
        [COMMAND, *arguments.split()], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        complaints = process.stderr.read()
    assert "Traceback" not in complaints
    assert "Broken pipe" not in complaints
    assert "Error" not in complaints
    assert process.returncode == 0


@pytest.fixture
def own_prices(own_state_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of bundled figures that a test may damage, used by ``planner`` in processes.

    The whole package is copied, as a wheel lays it out, because the place of the bundled
    figures is not a setting.
    """
    site = own_state_folder.parent / "site"
    import planner as package

    shutil.copytree(
        Path(package.__file__).parent,
        site / "planner",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    figures = site / "planner" / "pricing_data"
    shutil.copytree(pricing_data(), figures, ignore=shutil.ignore_patterns("input"))
    shutil.copytree(deploy_templates(), site / "planner" / "deploy_templates")
    monkeypatch.setenv("PYTHONPATH", str(site))
    return figures


def _run(*arguments: str, cwd: Path) -> CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "planner", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
    )


@pytest.mark.long
def test_a_damaged_snapshot_is_named_and_nothing_is_changed(own_prices: Path) -> None:
    away = own_prices.parent.parent
    assert _run("compare", "llama-2-70b", cwd=away).returncode == 0
    path = max((own_prices / "offers" / "azure").iterdir())
    whole = path.read_bytes()
    for damaged in (whole[:-200], whole[:1000] + b"\0\0" + whole[1002:], b""):
        path.write_bytes(damaged)
        done = _run("compare", "llama-2-70b", cwd=away)
        assert done.returncode == 1
        assert done.stdout == ""
        assert done.stderr.startswith("Error: ")
        assert path.name in done.stderr
        assert "Try: " in done.stderr
        assert "Traceback" not in done.stderr
        assert path.read_bytes() == damaged


def test_without_any_snapshot_it_says_so(own_prices: Path) -> None:
    shutil.rmtree(own_prices / "offers")
    done = _run("compare", "llama-2-70b", cwd=own_prices.parent.parent)
    assert done.returncode == 1
    assert "there are no price snapshots" in done.stderr
    assert "reinstall" in done.stderr
