"""Optional parts: libraries that only some commands need, installed by name."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

from planner.errors import PlannerError

if TYPE_CHECKING:
    from types import ModuleType


def require(name: str, what: str, extra: str) -> None:
    """Look whether a library of an optional part is installed, without loading it.

    Args:
        name: Of the library.
        what: What it is for, in the plural: ``charts``.
        extra: What installs it: ``report`` of ``gpu-planner[report]``.

    Raises:
        PlannerError: It is not installed.
    """
    if find_spec(name) is None:
        raise PlannerError(
            f"{what} need a part of planner that is not installed",
            why=f"the library {name} belongs to the extra {extra}",
            advice=f"pip install 'gpu-planner[{extra}]'",
        )


def module(name: str, what: str, extra: str) -> ModuleType:
    """Return a library of an optional part; the arguments and the error are ``require``'s."""
    require(name, what, extra)
    return import_module(name)
