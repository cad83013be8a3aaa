"""What planner's own open requests say about a check: what is asked for, and for what else.

A request that is open makes room for the machines that it was filed for. Another machine of
the same quota needs room beside them, so their needs count as planned.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from planner.ledger import QuotaRequest
    from planner.quotas.model import Check, DemandCheck


def with_requests(
    checks: Iterable[DemandCheck],
    requests: Sequence[QuotaRequest],
    account: Callable[[str], str],
) -> list[DemandCheck]:
    """Return the checks with what the open requests ask for.

    Args:
        checks: As the clouds see it.
        requests: The open ones, of any account.
        account: Returns the account of a cloud; asked only where there are requests.
    """
    mine = _of_accounts(requests, account)
    return [
        replace(
            result,
            checks=tuple(_one(check, mine, result.demand.machine) for check in result.checks),
        )
        for result in checks
    ]


def key_of(request: QuotaRequest) -> tuple[object, ...]:
    """Return what tells the quota of a request apart, as ``Quota.key`` does."""
    dimensions = tuple(sorted(request.dimensions.items()))
    return (request.cloud, request.service, request.region, request.quota_id, dimensions)


def _of_accounts(
    requests: Sequence[QuotaRequest], account: Callable[[str], str]
) -> dict[tuple[object, ...], QuotaRequest]:
    limits = [request for request in requests if request.kind == "limit"]
    accounts = {cloud: account(cloud) for cloud in {request.cloud for request in limits}}
    return {key_of(r): r for r in limits if r.account == accounts[r.cloud]}


def _one(check: Check, mine: dict[tuple[object, ...], QuotaRequest], machine: str) -> Check:
    own = replace(check, wants=((machine, check.need),))
    request = mine.get(check.quota.key)
    if request is None:
        return own
    asked_for = tuple(sorted(request.wants.items()))
    return replace(own, asked=request.desired, asked_for=asked_for, request=request.id)
