"""A question before something costs or is lost: yes, or nothing is done."""

from __future__ import annotations

import click

from planner.cli.surprises import DeclinedError


def require_yes(question: str) -> None:
    """Ask on stderr, and go on only after a yes.

    Raises:
        DeclinedError: The answer was no.
    """
    if not click.confirm(question, err=True):
        raise DeclinedError
