"""The one question before something costs money."""

from __future__ import annotations

import sys

from planner.cli.question import require_yes
from planner.errors import UsageError


def confirm(question: str, *, costs: str) -> None:
    """Ask before something costs money.

    Raises:
        UsageError: Nobody is there to answer.
    """
    if not sys.stdin.isatty():
        raise UsageError(
            "nobody is there to say yes",
            why=f"this costs {costs}",
            advice="--yes --create-roles, after --plan has shown what it does",
        )
    require_yes(question)
