"""``planner sandbox``: simulated clouds to rehearse with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from planner.cli.duration import to_duration
from planner.cli.output import emit, format_option, note
from planner.cli.tables import Column

if TYPE_CHECKING:
    from datetime import timedelta

settings_option = click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KNOB=VALUE",
    help="Turn one knob of the scenario (repeatable).",
)


@click.group()
def sandbox() -> None:
    """Simulated clouds, to rehearse with no account and no spend.

    \b
    planner sandbox start --scenario new-account
    planner --sandbox quota check llama-2-70b
    planner sandbox advance 2d
    planner sandbox stop
    """  # noqa: D301 - click reads the backspace as "keep these lines"


@sandbox.command()
@click.option(
    "--scenario",
    default="new-account",
    show_default=True,
    metavar="NAME",
    help="The clouds' state at the start.",
)
@settings_option
def start(scenario: str, settings: tuple[str, ...]) -> None:
    """Start it in the background; it survives between commands."""
    from planner.sandbox import process, scenarios

    chosen = scenarios.with_settings(scenarios.get(scenario), _pairs(settings))
    found = process.start(scenario, _pairs(settings))
    note(f"The sandbox runs (process {found.pid}), scenario {chosen.name}: {chosen.summary}.")
    note("Use it with planner --sandbox COMMAND, or export PLANNER_SANDBOX=1.")


@sandbox.command()
def stop() -> None:
    """Stop it; everything simulated is gone."""
    from planner.sandbox import process

    process.stop()
    note("The sandbox is stopped.")


@sandbox.command()
@format_option
def status(output_format: str) -> None:
    """Show its scenario, its time and the requests that were filed."""
    from planner.sandbox import process

    found = process.require()
    rows = found.status["requests"]
    if output_format == "table":
        scenario = found.status["scenario"]
        note(f"Scenario {scenario['name']}: {scenario['summary']}.")
        note(f"Simulated time: {found.status['now'][:19]} UTC; {len(rows)} quota requests.")
        if not rows:
            return
    columns = [
        Column("cloud", "Cloud"),
        Column("region", "Region", show=lambda row: row["region"] or "all"),
        Column("quota_id", "Quota"),
        Column("desired", "Wanted", "right"),
        Column("outcome", "Will be"),
    ]
    emit(rows, columns, output_format)


@sandbox.command()
@click.argument("step", callback=to_duration)
def advance(step: timedelta) -> None:
    """Move its time forward: 30m, 6h, 2d."""
    from planner.sandbox import process

    note(f"Simulated time: {process.advance(step)[:19]} UTC.")


@sandbox.command("sign-in")
def sign_in() -> None:
    """Sign in anew, where the sign-in ends after a time (knob sign_in_s)."""
    from planner.sandbox import process

    process.sign_in()
    note("Signed in to the simulated clouds.")


@sandbox.command("set")
@click.option("--scenario", metavar="NAME", help="Take this scenario instead.")
@click.option("--reset", is_flag=True, help="Forget quotas and requests, too.")
@settings_option
def set_(scenario: str | None, reset: bool, settings: tuple[str, ...]) -> None:
    """Change how the running sandbox behaves."""
    from planner.sandbox import process

    changed = process.change(scenario, _pairs(settings), reset=reset)
    note(f"Scenario {changed['name']}: {changed['summary']}.")


@sandbox.command()
@format_option
def scenarios(output_format: str) -> None:
    """List the scenarios."""
    from planner.sandbox.scenarios import SCENARIOS

    rows: list[dict[str, Any]] = [
        {"name": scenario.name, "summary": scenario.summary} for scenario in SCENARIOS.values()
    ]
    emit(rows, [Column("name", "Scenario"), Column("summary", "What happens")], output_format)


@sandbox.command()
@format_option
def knobs(output_format: str) -> None:
    """List how badly the services can behave, with the source of each.

    \b
    planner sandbox start --set world=bad
    planner sandbox start --set world=calm --set read_lag_s=30
    """  # noqa: D301 - click reads the backspace as "keep these lines"
    from planner.sandbox import reality

    rows: list[dict[str, Any]] = [
        {
            "name": name,
            "what": item.what,
            **{world: _value(getattr(item, world)) for world in reality.WORLDS},
            "source": item.source,
        }
        for name, item in reality.about().items()
    ]
    columns = [
        Column("name", "Knob"),
        *(Column(world, world.capitalize(), "right") for world in reality.WORLDS),
        Column("what", "What happens"),
        Column("source", "Source", drop_below=150),
    ]
    emit(rows, columns, output_format)


def _value(value: object) -> object:
    """Return a knob's value as it is given to --set."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return " ".join(value) if isinstance(value, tuple) else value


def _pairs(settings: tuple[str, ...]) -> dict[str, str]:
    wrong = [text for text in settings if "=" not in text]
    if wrong:
        raise click.UsageError(f"--set takes KNOB=VALUE, not {wrong[0]!r}")
    return dict(text.split("=", 1) for text in settings)
