"""Show quota requests before they are sent, send them, and say what became of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from planner.cli.output import emit_json, note

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.quotas.interface import Ask, QuotaAdapter
    from planner.quotas.tracker import Filed

_TEXT_GOES = {
    "aws": "AWS takes no text with a request; planner adds it to the case that AWS opens, where "
    "the support plan lets it.",
    "azure": "Azure takes no text with a request; a support ticket carries it.",
}


def show(asks: Sequence[Ask]) -> None:
    """Show everything that will be sent, before it is.

    Raises:
        QuotaShortError: A cloud has said that it will not grant it.
    """
    from planner.quotas.interface import adapter
    from planner.quotas.model import amount
    from planner.quotas.tracker import refuse_pointless

    for ask in asks:
        refuse_pointless(ask)
    for ask in asks:
        quota = ask.check.quota
        limit = "not known" if ask.check.limit is None else f"{ask.check.limit:g}"
        note(f"{quota.cloud} {quota.region or 'all regions'}: {quota.title}")
        if ask.kind == "limit":
            note(f"  limit {limit} -> {amount(ask.desired, quota.unit)} (a new total)")
            note(f"  {_sum(ask)}")
        for key, value in adapter(quota.cloud).payload(ask).items():
            if key != "justification":  # it is the same for all, and shown below
                note(f"    {key}: {json.dumps(value)}")
    note(f"Justification: {asks[0].justification}")
    for cloud in dict.fromkeys(ask.check.quota.cloud for ask in asks):
        if cloud in _TEXT_GOES:
            note(_TEXT_GOES[cloud])


def send(asks: Sequence[Ask]) -> list[Filed]:
    """File the requests, each once, and return what became of them."""
    from planner.ledger import Ledger
    from planner.quotas import tracker
    from planner.quotas.interface import adapter

    made: dict[str, QuotaAdapter] = {}
    filed = []
    with Ledger() as ledger:
        for ask in asks:
            cloud = ask.check.quota.cloud
            made.setdefault(cloud, adapter(cloud))
            filed.append(tracker.file(ask, made[cloud], ledger))
    return filed


def report(filed: Sequence[Filed], output_format: str) -> None:
    """Print what became of the requests, and how to follow them."""
    from planner.cli.quota import view
    from planner.quotas.model import amount
    from planner.quotas.tracker import How

    if output_format == "json":
        records = view.request_records(item.request for item in filed)
        how: list[dict[str, Any]] = [
            {"how": item.how.value, "wanted": item.wanted} for item in filed
        ]
        emit_json([{**one, **record} for one, record in zip(how, records, strict=True)])
        return
    for item in filed:
        found = item.request
        name = found.quota_name or found.quota_id
        total = amount(found.desired, found.unit)
        note(f"#{found.id} {item.how.value}: {name}, {total}: {found.state}")
        if item.how is How.WAITS:
            note(
                f"  That is less than {item.wanted:g}; the cloud decides it first. "
                "planner quota status says when to ask again."
            )
    note("Follow it: planner quota watch")


def _sum(ask: Ask) -> str:
    """Return what the total is for: ``96 vCPU in use + 192 for p5.48xlarge in us-east-1``."""
    from planner.quotas.model import amount

    unit, check = ask.check.quota.unit, ask.check
    if not ask.wants:
        return "as asked for by its id"
    if ask.demand is not None and len(ask.wants) == 1 and not check.taken:
        return check.in_machines(ask.demand)
    parts = [f"{amount(check.usage, unit)} in use"] if check.usage else []
    others = {m: n for m, n in check.asked_for if m not in dict(check.wants)}
    parts += [f"{amount(need, unit)} for {name}" for name, need in {**others, **ask.wants}.items()]
    return " + ".join(parts)
