"""``planner quota request --ticket N``: take a request to a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.cli.output import note
from planner.cli.question import require_yes

if TYPE_CHECKING:
    from planner.quotas.interface import Ask, Contact


def file(number: int, contact: Contact, *, yes: bool) -> int:
    """Show the ticket of a request, ask, and file it once.

    Raises:
        UnknownNameError: There is no such request.
        CloudError: The cloud refused it.
    """
    from planner.errors import UnknownNameError
    from planner.ledger import Ledger
    from planner.quotas import tickets
    from planner.quotas.interface import adapter

    with Ledger() as ledger:
        known = {str(request.id): request for request in ledger.requests()}
        if str(number) not in known:
            raise UnknownNameError("request", str(number), known, advice="planner quota status")
        found = known[str(number)]
        cloud = adapter(found.cloud)
        payload = cloud.ticket_payload(found)
        if not found.ticket:
            note(f"A ticket about {found.quota_name or found.quota_id} in {found.region}:")
            for key, value in payload.items():
                note(f"    {key}: {value}")
            note(f"    description: {found.justification}")
            if not yes:
                require_yes("Send?")
        filed, is_new = tickets.file(found, contact, cloud, ledger)
    how = "Filed as" if is_new and filed.ticket else "There is a ticket already:"
    note(f"{how} {filed.ticket or 'a case that AWS is opening'}. {filed.reason}.")
    note("Follow it: planner quota watch")
    return 0


def is_the_only_way(ask: Ask) -> bool:
    """Tell whether no API takes the request, only a person."""
    from planner.quotas.azure_tickets import ACCESS
    from planner.quotas.azure_usage import MACHINE_LEARNING

    return ask.kind == ACCESS or ask.check.quota.service == MACHINE_LEARNING
