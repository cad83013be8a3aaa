"""The root command: finds subcommands, shows errors, sets exit codes.

Subcommands are named here as text and imported only when called, so that ``planner --help``
imports click and nothing else.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module

import click

from planner import __version__
from planner.cli.next_command import pasteable, remember_sandbox
from planner.cli.surprises import DeclinedError, explain, speak_any_encoding
from planner.errors import InterruptedByUserError, PlannerError, nearest

# command -> (module of planner.cli with a click command of the same name, one-line help)
COMMANDS: dict[str, tuple[str, str]] = {
    "compare": ("compare.command", "Rank the places that can serve a model, by cost."),
    "prices": ("prices.command", "List the price offers themselves."),
    "models": ("models", "List the models planner knows."),
    "gpus": ("gpus", "List the accelerators planner knows."),
    "regions": ("regions", "List the regions planner knows."),
    "size": ("size.command", "Find the fleet that carries a load, and how to buy it."),
    "fit": ("fit", "Explain why instance types can or cannot serve a model."),
    "throughput": ("throughput", "Estimate tokens per second, with its band."),
    "quota": ("quota.group", "Check, request and follow GPU quotas."),
    "deploy": ("deploy.command", "Deploy a model, prove it answers, or leave nothing."),
    "resume": ("endpoints.resume", "Wait for an endpoint's first answer, whoever made it."),
    "status": ("endpoints.status", "Show every endpoint: state, spend, time left."),
    "chat": ("endpoints.chat", "Talk to an endpoint."),
    "url": ("endpoints.url", "Print an endpoint's address, for applications."),
    "key": ("endpoints.key", "Print a key for an endpoint that takes one, or rotate it."),
    "connect": ("endpoints.connect", "Bring an endpoint to a port of this computer."),
    "logs": ("endpoints.logs", "Print what an endpoint's container writes."),
    "bench": ("endpoints.bench", "Load an endpoint and compare it with the prediction."),
    "extend": ("endpoints.extend", "Give an endpoint more time, or less."),
    "destroy": ("endpoints.destroy", "Take an endpoint away, with all that belongs to it."),
    "sweep": ("endpoints.sweep", "Find what should not be there, in every region."),
    "actuals": (
        "actuals.command",
        "Show what was really billed and served, and what to change.",
    ),
    "config": ("config", "Say who you are and whom to tell, once."),
    "doctor": ("doctor", "Show what works per cloud, and what is missing."),
    "verify": ("endpoints.verify", "Prove in your own account that a deploy works."),
    "sandbox": ("sandbox.command", "Simulated clouds, to rehearse with no account."),
    "mcp": ("mcp", "Answer assistants, over the Model Context Protocol."),
    "report": ("report.command", "Write a report for people: page, workbook, Markdown."),
    "serve": ("serve", "Explore prices live in the browser."),
    "refresh": ("prices.refresh", "Bring today's prices from the clouds."),
    "history": ("prices.history", "Show how prices moved; alert on a price."),
    "completion": ("completion", "Print the shell completion script."),
}


# What people type who know other tools.
ALIASES = {
    "ls": "status",
    "list": "status",
    "ps": "status",
    "down": "destroy",
    "delete": "destroy",
    "up": "deploy",
    "launch": "deploy",
    "price": "prices",
    "cards": "gpus",
    "explore": "serve",
}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the command names in the order of the user's journey."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command; fail with the nearest names where there is none."""
        cmd_name = ALIASES.get(cmd_name, cmd_name)
        if cmd_name in _ABOUT:
            return _ABOUT[cmd_name]
        if cmd_name not in COMMANDS:
            close = nearest(cmd_name, COMMANDS)
            if close and not ctx.resilient_parsing:
                ctx.fail(f"No such command {cmd_name!r}; nearest: {', '.join(close)}")
            return None
        module, _ = COMMANDS[cmd_name]
        command: click.Command = getattr(import_module(f"planner.cli.{module}"), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the command list without importing any command."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.command("help", hidden=True)
@click.argument("words", nargs=-1)
@click.pass_context
def _help(ctx: click.Context, words: tuple[str, ...]) -> None:
    """Show the help of planner, or of a command."""
    parent = ctx.parent or ctx
    command: click.Command = cli
    for word in words:
        found = command.get_command(parent, word) if isinstance(command, click.Group) else None
        if found is None:
            parent.fail(f"No such command {' '.join(words)!r}")
        parent = click.Context(found, info_name=word, parent=parent)
        command = found
    click.echo(command.get_help(parent))


@click.command("version", hidden=True)
def _version() -> None:
    """Show the version."""
    click.echo(f"planner, version {__version__}")


_ABOUT: dict[str, click.Command] = {"help": _help, "version": _version}


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 done, 1 failed, 2 wrong usage, 3 nothing fits or nothing found, "
    "4 quota is short, 5 no credentials or permission, 6 no capacity, 7 an alert is met "
    "or newer prices exist, 8 a quota request is pending, 9 it was refused, 130 interrupted.",
)
@click.version_option(__version__, prog_name="planner")
@click.option("--debug", is_flag=True, help="Show the full traceback when something fails.")
@click.option(
    "--sandbox",
    is_flag=True,
    envvar="PLANNER_SANDBOX",
    help="Use simulated clouds; nothing is real, nothing costs.",
)
@click.pass_context
def cli(ctx: click.Context, debug: bool, sandbox: bool) -> None:
    """Find the cheapest cloud GPU that can really serve an open LLM.

    Start with: planner compare llama-2-70b
    """
    ctx.obj = {"debug": debug}
    remember_sandbox(given=sandbox)
    if sandbox and ctx.invoked_subcommand not in {"sandbox", "completion"}:
        from planner.cli.sandbox.mode import enter

        enter(ctx)


def run(arguments: list[str] | None = None) -> None:
    """Run the command line and leave the process with the documented exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in arguments or bool(os.environ.get("PLANNER_DEBUG"))
    stdout = sys.stdout
    speak_any_encoding()
    try:
        code = cli.main(arguments, prog_name="planner", standalone_mode=False)
        _flush()
        sys.exit(code if isinstance(code, int) else 0)
    except PlannerError as error:
        if debug:
            raise
        _show(error)
        sys.exit(error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        _show(InterruptedByUserError("interrupted"))
        sys.exit(InterruptedByUserError.exit_code)
    except SystemExit:
        if sys.stdout is not stdout:  # click met a closed pipe and put its own in place
            sys.exit(0)
        raise
    except BrokenPipeError:
        # The reader (head, less) went away: that is not an error of ours. Point stdout at
        # nothing so that the interpreter's own flush at exit stays quiet too.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception as error:
        if debug:
            raise
        explained = explain(error)
        _show(explained)
        sys.exit(explained.exit_code)


def _flush() -> None:
    sys.stdout.flush()


def _show(error: PlannerError) -> None:
    """Print what happened, why, and what to do next, to stderr."""
    if not isinstance(error, DeclinedError):
        click.secho("Error: ", fg="red", bold=True, nl=False, err=True)
    click.echo(str(error), err=True)
    for line in error.why.splitlines():
        click.echo(f"  {pasteable(line)}", err=True)
    if error.advice:
        click.secho("  Try: ", fg="green", nl=False, err=True)
        click.echo(pasteable(error.advice), err=True)
