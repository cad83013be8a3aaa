"""``planner deploy`` where quota is too small: the offer to ask the cloud for it at once."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from planner.cli.quota import asking, who
from planner.quotas import justification, tracker

if TYPE_CHECKING:
    from planner.endpoints.deploying.deployment import Prepared
    from planner.endpoints.deploying.preflight import Finding
    from planner.quotas.interface import Ask
    from planner.quotas.tracker import Filed


def offer(prepared: Prepared, *, file: bool, may_ask: bool) -> Prepared:
    """Show what would be asked for, file it on a yes, and say how to follow it.

    Args:
        prepared: With the findings, which the user has seen.
        file: File without a question (``--request-quota``).
        may_ask: Whether a question is allowed; it needs a terminal too.

    Returns:
        The same, with remedies that name the requests where some were filed.

    Raises:
        QuotaShortError: The cloud has said that it will not grant more.
        CloudError: The cloud refused the request.
    """
    short = [item for item in prepared.findings if item.shortage is not None]
    if not short or not (file or (may_ask and sys.stdin.isatty())):
        return prepared
    asks = [ask for item in short for ask in _asks(item, prepared.spec.owner)]
    asking.show(asks)
    one = len(asks) == 1
    if not file and not click.confirm(
        f"Ask for {'it' if one else 'them'} now? Nothing is deployed", err=True
    ):
        return prepared
    filed = asking.send(asks)
    asking.report(filed, "table")
    return replace(prepared, findings=tuple(_followed(item, filed) for item in prepared.findings))


def _asks(finding: Finding, owner: str) -> list[Ask]:
    if finding.shortage is None:
        return []
    demand = finding.shortage.demand
    text = justification.justify(demand, who.case({"owner": owner}, [demand]))
    return tracker.asks(finding.shortage, text, who.contact_of_environment())


def _followed(finding: Finding, filed: list[Filed]) -> Finding:
    if finding.shortage is None:
        return finding
    numbers = ", ".join(f"#{item.request.id}" for item in filed)
    return replace(finding, remedy=f"planner quota watch ({numbers}); when granted, deploy again")
