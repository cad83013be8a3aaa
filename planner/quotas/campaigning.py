"""Make one look at a campaign: follow, file what is due, stop when a target has room."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from planner.clouds import settings
from planner.errors import AccessError, PlannerError
from planner.quotas import campaign, checking, following, tickets, tracker
from planner.quotas.interface import Ask, adapter
from planner.quotas.outcome import State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.ledger import Campaign, Ledger, QuotaRequest
    from planner.quotas.campaign import Step
    from planner.quotas.interface import Contact, QuotaAdapter
    from planner.quotas.model import DemandCheck

RUNNING, LANDED, STOPPED = "running", "landed", "stopped"


@dataclass(frozen=True, slots=True)
class Look:
    """A campaign after one look at it.

    Attributes:
        landed: The targets that can run now.
        steps: What was done, or is waited for, per limit.
        remarks: What went wrong, or must be done by hand.
        withdrawn: The requests that were taken back because a target landed.
    """

    campaign: Campaign
    checks: tuple[DemandCheck, ...]
    landed: tuple[DemandCheck, ...]
    steps: tuple[Step, ...]
    remarks: tuple[str, ...] = ()
    withdrawn: tuple[QuotaRequest, ...] = ()


def look(running: Campaign, contact: Contact, ledger: Ledger, *, dry_run: bool = False) -> Look:
    """Look at a campaign, and file what may be filed now; with ``dry_run`` only say it."""
    made: dict[str, QuotaAdapter] = {}
    remarks: list[str] = []
    if not dry_run:
        _follow(running, contact, ledger, made, remarks)
    demands = campaign.targets(running.plan)
    checks = checking.check(demands, adapters=made)
    ready = campaign.landed(checks, together=bool(running.plan["together"]))
    if ready:
        return _land(running, checks, ready, ledger, made, dry_run=dry_run)
    steps = campaign.steps(checks, ledger.requests(), settings.now())
    if not dry_run:
        for step in [step for step in steps if campaign.wanted(step)]:
            cloud = made.setdefault(step.check.quota.cloud, adapter(step.check.quota.cloud))
            remarks += _file(step, running, contact, ledger, cloud)
        steps = campaign.steps(checks, ledger.requests(), settings.now())
    return Look(running, tuple(checks), (), tuple(steps), tuple(remarks))


def stop(running: Campaign, ledger: Ledger) -> list[QuotaRequest]:
    """Ask for nothing more, and take back what can be taken back."""
    withdrawn = _withdraw(running, (), ledger, {})
    ledger.save_campaign(replace(running, state=STOPPED, ended_at=settings.now()))
    return withdrawn


def _follow(
    running: Campaign,
    contact: Contact,
    ledger: Ledger,
    made: dict[str, QuotaAdapter],
    remarks: list[str],
) -> None:
    """Read how the campaign's requests stand, and take to people what only people decide."""

    def failed(request: QuotaRequest, error: PlannerError) -> None:
        remarks.append(f"#{request.id} could not be asked about: {error}")

    mine = [row for row in ledger.requests() if row.campaign == running.name]
    for request in following.refresh(ledger, mine, made, failed=failed):
        if request.state == State.NEEDS_HUMAN and not request.ticket and request.cloud == "azure":
            try:
                tickets.file(request, contact, made[request.cloud], ledger)
            except PlannerError as error:
                remarks.append(f"#{request.id} needs a ticket: {error}. {error.why}")


def _file(
    step: Step,
    running: Campaign,
    contact: Contact,
    ledger: Ledger,
    cloud: QuotaAdapter,
) -> list[str]:
    """File one request; return what its cloud refused, which does not stop the others."""
    check = step.check
    ask = Ask(
        check,
        check.target,
        step.limit.demands[0],
        justification=campaign.text_for(running.plan, step.limit.demands),
        contact=contact,
        wants=step.limit.wants,
        campaign=running.name,
    )
    try:
        cloud.payload(ask)
        tracker.file(ask, cloud, ledger)
    except AccessError:
        raise
    except PlannerError as error:
        return [f"{check.quota.title} in {check.quota.region or 'all regions'}: {error}"]
    return []


def _land(
    running: Campaign,
    checks: Sequence[DemandCheck],
    ready: Sequence[DemandCheck],
    ledger: Ledger,
    made: dict[str, QuotaAdapter],
    *,
    dry_run: bool,
) -> Look:
    steps = campaign.steps(checks, ledger.requests(), settings.now())
    withdrawn: list[QuotaRequest] = []
    ended = running
    if not dry_run:
        withdrawn = _withdraw(running, ready, ledger, made)
        ended = replace(running, state=LANDED, ended_at=running.ended_at or settings.now())
        ledger.save_campaign(ended)
    return Look(ended, tuple(checks), tuple(ready), tuple(steps), withdrawn=tuple(withdrawn))


def _withdraw(
    running: Campaign,
    ready: Sequence[DemandCheck],
    ledger: Ledger,
    made: dict[str, QuotaAdapter],
) -> list[QuotaRequest]:
    """Take back the open requests that only this campaign wanted and that no target needs."""
    needed = {check.demand.machine for check in ready}
    targets = {demand.machine for demand in campaign.targets(running.plan)}
    taken_back = []
    for request in ledger.requests(open_only=True):
        others = set(request.wants) - targets
        if request.campaign != running.name or others or needed & set(request.wants):
            continue
        cloud = made.setdefault(request.cloud, adapter(request.cloud))
        if cloud.withdraw(request):
            gone = replace(
                request,
                state=State.WITHDRAWN.value,
                is_open=False,
                closed_at=settings.now(),
                reason="no longer needed",
                told=State.WITHDRAWN.value,
            )
            ledger.save_request(gone)
            taken_back.append(gone)
    return taken_back
