"""The next command to type, with every option of the question that it takes too."""

from __future__ import annotations

import shlex
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

if TYPE_CHECKING:
    from collections.abc import Mapping

    from planner.quotas.model import Demand

# What belongs to how a command prints, not to what it is about.
_OWN = {"--format", "--top", "--all", "--yes", "--dry-run", "--notify", "--alarm"}
_PLACE = {"--instance-type", "--region"}
_COMMANDS = {"deploy": ("planner.cli.deploy.command", "deploy")}


def command(name: str, demand: Demand | None = None, model: str | None = None) -> str:
    """Return ``planner NAME ...`` with the options of the running command.

    Args:
        name: ``quota request``, ``deploy``, ...
        demand: The place that it is about; the options' own places by default.
        model: Named first.
    """
    words = ["planner", *_root(), *name.split()]
    words += [model] if model else []
    words += _place(demand) if demand is not None else []
    return shlex.join([*words, *_kept(_target(name), without_place=demand is not None)])


def _place(demand: Demand) -> list[str]:
    return ["--instance-type", demand.instance_type, "--region", demand.region]


def _root() -> list[str]:
    root = click.get_current_context().find_root()
    source = root.get_parameter_source("sandbox")
    return ["--sandbox"] if source is ParameterSource.COMMANDLINE else []


def _target(name: str) -> dict[str, click.Option]:
    """Return the options of a command by their long names."""
    last = name.rsplit(maxsplit=1)[-1]
    module, attribute = _COMMANDS.get(last, (f"planner.cli.quota.{last}", last))
    found: click.Command = getattr(import_module(module), attribute)
    options = [param for param in found.params if isinstance(param, click.Option)]
    return {opt: option for option in options for opt in option.opts if opt.startswith("--")}


def _kept(target: Mapping[str, click.Option], *, without_place: bool) -> list[str]:
    context = click.get_current_context()
    left_out = _OWN | (_PLACE if without_place else set())
    words: list[str] = []
    for param in context.command.params:
        given = context.get_parameter_source(param.name or "") is ParameterSource.COMMANDLINE
        if not given or not isinstance(param, click.Option):
            continue
        option = next((opt for opt in param.opts if opt.startswith("--")), "")
        if option in target and option not in left_out:
            words += _words(option, param, context.params[param.name or ""])
    return words


def _words(option: str, param: click.Option, value: Any) -> list[str]:  # noqa: ANN401 - of any option
    if param.is_flag:
        return [option] if value else []
    values = value if param.multiple else [value]
    return [word for item in values for word in (option, _text(item))]


def _text(value: object) -> str:
    if hasattr(value, "date"):
        return str(value.date())
    return f"{value:g}" if isinstance(value, float) else str(value)
