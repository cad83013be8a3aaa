"""Take a request to a person: Azure's support ticket, AWS's support case. Once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from planner.quotas.outcome import State
from planner.quotas.tracker import lock

if TYPE_CHECKING:
    from planner.ledger import Ledger, QuotaRequest
    from planner.quotas.interface import Contact, QuotaAdapter


def file(
    request: QuotaRequest, contact: Contact, cloud: QuotaAdapter, ledger: Ledger
) -> tuple[QuotaRequest, bool]:
    """File the ticket of a request and write it down, or find the one that is there.

    Returns:
        The request with its ticket, and whether the ticket is new to the ledger.

    Raises:
        PlannerError: It could not be filed.
    """
    with lock(request):
        known = next(row for row in ledger.requests() if row.id == request.id)
        ticket = cloud.file_ticket(known, contact)
        is_new = not known.ticket
        waiting = ticket.is_open and not known.is_open
        filed = replace(
            known,
            ticket=ticket.name or known.ticket,
            reply=ticket.reply or known.reply,
            state=State.NEEDS_HUMAN.value if ticket.is_open else known.state,
            native_state=f"ticket {ticket.status}" if ticket.name else known.native_state,
            reason=ticket.reply or (f"a ticket is {ticket.status}"),
            is_open=known.is_open or waiting,
            closed_at=None if ticket.is_open else known.closed_at,
        )
        ledger.save_request(filed)
    return filed, is_new
