"""Requests for access to what a cloud closes to the account: Azure's regions and sizes.

More quota does not open a size that is restricted for a subscription
(``NotAvailableForSubscription``); Microsoft's documents send such requests to support.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.quotas.azure_tickets import ACCESS
from planner.quotas.azure_usage import COMPUTE
from planner.quotas.interface import Ask, Contact
from planner.quotas.model import Check, Quota

if TYPE_CHECKING:
    from planner.quotas.model import DemandCheck


def ask(check: DemandCheck, justification: str, contact: Contact) -> Ask:
    """Return the request for access to a size in its region: from 0 to 1."""
    demand = check.demand
    name = f"access to {demand.instance_type}"
    quota = Quota("azure", COMPUTE, demand.region, demand.instance_type, name, "access")
    return Ask(Check(quota, 1, 0.0, 0.0), 1, demand, justification, contact, kind=ACCESS)
