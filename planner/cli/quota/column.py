"""``planner compare --with-quota``: the quota verdict beside each plan."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from planner.cli.output import note
from planner.cli.quota import options as quota_options
from planner.cli.tables import Column

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from planner.plan import Plan

_ROOM_FOR_BOTH = 90

with_quota_option = click.option(
    "--with-quota",
    is_flag=True,
    help="Check each plan's quotas in your accounts; what can be deployed now comes first.",
)


def annotated(plans: Sequence[Plan]) -> list[dict[str, Any]]:
    """Return the plans as records with their verdict; those with room come first."""
    from planner.cli.quota import view
    from planner.quotas import verdicts

    with quota_options.progress({(plan.cloud, plan.region) for plan in plans}) as done:
        found = verdicts(plans, progress=done)
    records = []
    for plan in plans:
        check = found.get((plan.service, plan.instance_type, plan.region, plan.instances))
        words: dict[str, Any] = {"quota": None, "quota_deployable": None, "quota_reason": ""}
        if check is not None:
            verdict = "closed" if check.closed else check.verdict.value
            words = {
                "quota": verdict,
                "quota_deployable": check.deployable,
                "quota_reason": check.reason,
            }
        records.append({**plan.to_dict(), **words})
    for reason in view.reasons(found.values()):
        note(reason)
    return sorted(records, key=lambda record: not record["quota_deployable"])


def beside(columns: Sequence[Column]) -> list[Column]:
    """Return the columns with the verdict added; narrow tables give up the cost of tokens."""
    styles = {"enough": "green", "short": "red", "closed": "red", "unknown": "yellow"}

    def style(record: Mapping[str, Any]) -> str:
        return styles.get(record["quota"] or "", "")

    tokens = "usd_per_million_tokens"
    shown = [replace(c, drop_below=_ROOM_FOR_BOTH) if c.key == tokens else c for c in columns]
    return [*shown, Column("quota", "Quota", style=style)]
