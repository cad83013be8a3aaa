"""``planner --sandbox COMMAND``: point the cloud clients at simulated clouds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.cli.output import note
from planner.clouds import settings
from planner.errors import PlannerError

if TYPE_CHECKING:
    import click


def enter(context: click.Context) -> None:
    """Use the running sandbox, or one that lives as long as this command.

    Raises:
        PlannerError: The extra ``gpu-planner[sandbox]`` is not installed.
    """
    from planner.sandbox import process

    found = process.running()
    if found is not None:
        settings.use(found.settings())
        scenario = found.status["scenario"]["name"]
    else:
        try:
            from planner.sandbox.server import Sandbox
        except ModuleNotFoundError as error:
            raise PlannerError(
                "the sandbox is not installed",
                why=str(error),
                advice="pip install 'gpu-planner[sandbox]'",
            ) from error
        sandbox = Sandbox()
        context.call_on_close(sandbox.stop)
        settings.use(sandbox.endpoints.settings())
        scenario = f"{sandbox.world.scenario.name}, for this command only"
    note(f"[SIMULATED] sandbox clouds ({scenario}): nothing below is real.")
