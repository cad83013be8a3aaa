"""Who asks for quota and why: options that several commands share."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.quotas.interface import Contact
    from planner.quotas.justification import Case
    from planner.quotas.model import Demand

_CONTACT = {
    "country": "Three-letter country, for a support ticket.",
    "last_name": "For a support ticket.",
    "first_name": "For a support ticket.",
    "email": "Google requires one; support tickets too.",
}


def contact_options(function: Any) -> Any:  # noqa: ANN401 - a decorator
    """Add --contact-email and the rest of the person."""
    for name, text in _CONTACT.items():
        function = click.option(
            f"--contact-{name.replace('_', '-')}",
            envvar=_variable(name),
            default="",
            help=f"{text}  [default: planner config]",
        )(function)
    return function


def case_options(function: Any) -> Any:  # noqa: ANN401 - a decorator
    """Add what the justification says."""
    for option in (
        click.option("--also-region", "also", multiple=True, help="Another region that would do."),
        click.option("--company", default="", help="Whose team.  [default: planner config]"),
        click.option("--owner", default="", help="Team or person, in the justification."),
        click.option("--budget", type=float, metavar="USD", help="What may be spent a month."),
        click.option("--growth", default="", metavar="TEXT", help="'20% a month'."),
        click.option("--traffic", default="", metavar="TEXT", help="'12 requests a second'."),
        click.option(
            "--start", type=click.DateTime(formats=["%Y-%m-%d"]), help="When it is needed."
        ),
        click.option(
            "--hours-per-month",
            type=click.FloatRange(min=0, min_open=True),
            default=730,
            show_default=True,
            help="Hours the machines will run, for the cost in the justification.",
        ),
        click.option("--purpose", default="", help="What for, in the justification."),
    ):
        function = option(function)
    return function


def contact(options: dict[str, Any]) -> Contact:
    """Return who asks: the options, else what planner config knows."""
    return _person({name: options.get(f"contact_{name}", "") for name in _CONTACT})


def contact_of_environment() -> Contact:
    """Return who asks, for commands without the options."""
    return _person({name: os.environ.get(_variable(name), "") for name in _CONTACT})


def case(
    options: dict[str, Any],
    demands: Sequence[Demand],
    hourly_usd: Any = None,  # noqa: ANN401 - Decimal or None
) -> Case:
    """Return what the justification says beside the machines."""
    from planner import preferences
    from planner.quotas import fleet
    from planner.quotas.justification import Case as Told

    known = preferences.load()
    person = contact(options) if "contact_email" in options else contact_of_environment()
    size = options.get("fleet")
    start = options.get("start")
    return Told(
        purpose=options.get("purpose", ""),
        hours_per_month=options.get("hours_per_month", 730),
        start=None if start is None else start.date(),
        owner=options.get("owner", ""),
        company=options.get("company") or known.get("company", ""),
        contact=f"{person.first_name} {person.last_name}".strip(),
        traffic=options.get("traffic") or (fleet.traffic(size) if size else ""),
        growth=options.get("growth", ""),
        hourly_usd=hourly_usd,
        budget_usd=options.get("budget"),
        also=_also(options, demands),
    )


def _also(options: dict[str, Any], demands: Sequence[Demand]) -> tuple[str, ...]:
    asked = {demand.region for demand in demands}
    return tuple(region for region in options.get("also", ()) if region not in asked)


def _person(given: dict[str, str]) -> Contact:
    from planner import preferences
    from planner.quotas.interface import Contact as Person

    known = preferences.load()
    return Person(
        **{name: value or known.get(f"contact.{name}", "") for name, value in given.items()}
    )


def _variable(name: str) -> str:
    return f"PLANNER_CONTACT_{name.upper()}"
