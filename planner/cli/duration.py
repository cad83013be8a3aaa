"""Durations on the command line: ``90s``, ``30m``, ``6h``, ``2d``."""

from __future__ import annotations

import re
from datetime import timedelta

import click

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def to_duration(
    _context: click.Context, _parameter: click.Parameter, value: str | None
) -> timedelta | None:
    """Return the time span of a text such as ``1d12h`` (a click callback)."""
    if value is None:
        return None
    parts = re.findall(r"(\d+(?:\.\d+)?)([smhd])", value)
    if not parts or "".join(number + unit for number, unit in parts) != value:
        raise click.BadParameter(f"{value!r} is no duration; say 90s, 30m, 6h or 2d")
    spans = (timedelta(**{_UNITS[unit]: float(number)}) for number, unit in parts)
    return sum(spans, timedelta())
