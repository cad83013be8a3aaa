"""Scopes: which instance types a snapshot's coverage speaks of.

A scope is a glob (``*``, ``a2-*``, a plain name), after which machines may be taken out by
name: ``* -p5.48xlarge -p4d.24xlarge``. No cloud's instance type has a space in its name.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_MARK = " -"


def leave_out(scope: str, names: Iterable[str]) -> str:
    """Return the scope without the machines of these names."""
    glob, out = parts(scope)
    left = {*out, *(name for name in names if fnmatchcase(name, glob))}
    return _MARK.join((glob, *sorted(left)))


def parts(scope: str) -> tuple[str, frozenset[str]]:
    """Return the glob and the names taken out."""
    glob, *out = scope.split(_MARK)
    return glob, frozenset(out)


def holds(scope: str, instance_type: str) -> bool:
    """Tell whether the scope speaks of an instance type."""
    glob, out = parts(scope)
    return instance_type not in out and fnmatchcase(instance_type, glob)
