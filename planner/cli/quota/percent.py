"""Shares on the command line: ``80%`` or ``0.8``."""

from __future__ import annotations

import click


def to_share(
    _context: click.Context, _parameter: click.Parameter, value: str | None
) -> float | None:
    """Return the share of a text (a click callback)."""
    if value is None:
        return None
    try:
        share = float(value.removesuffix("%")) / (100 if value.endswith("%") else 1)
    except ValueError:
        share = -1
    if not 0 < share <= 1:
        raise click.BadParameter(f"{value!r} is no share; say 80%")
    return share
