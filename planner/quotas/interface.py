"""What the quota adapter of a cloud offers."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from planner.ledger import QuotaRequest
    from planner.quotas.model import Check, Demand, DemandCheck, Quota
    from planner.quotas.outcome import Answer


@dataclass(frozen=True, slots=True)
class Contact:
    """Who asks; Google and support tickets want to know."""

    email: str = ""
    first_name: str = ""
    last_name: str = ""
    country: str = ""


@dataclass(frozen=True, slots=True)
class Ask:
    """A quota request that is ready to be sent.

    Attributes:
        check: The quota, what it allows and what is in use.
        desired: The new total.
        demand: The first of the machines that it is for.
        justification: Why, in the words that are sent or kept for the case.
        wants: Machine -> how much of the unit it takes; all that the total is for.
        kind: ``limit``, or ``access`` to a region or a size that is closed.
        campaign: The campaign that asks.
    """

    check: Check
    desired: int
    demand: Demand | None = None
    justification: str = ""
    contact: Contact = field(default_factory=Contact)
    wants: dict[str, int] = field(default_factory=dict)
    kind: str = "limit"
    campaign: str = ""


@dataclass(frozen=True, slots=True)
class Ticket:
    """A support ticket or case, as it stands.

    Attributes:
        name: The cloud's name or number of it.
        status: The cloud's own word.
        reply: What a person at the cloud last wrote, without account numbers.
    """

    name: str
    is_open: bool
    status: str
    reply: str = ""


class QuotaAdapter(Protocol):
    """One cloud's quotas. Instances are shared by threads and live for one command."""

    cloud: str

    def account(self) -> str:
        """Return the account, subscription or project that is asked about."""

    def read(self, quota: Quota) -> Check:
        """Return the limit of one quota, without what is in use."""

    def check(self, region: str, demands: Sequence[Demand]) -> list[DemandCheck]:
        """Check all demands of one region.

        What cannot be read is ``unknown`` with its reason, never zero.

        Raises:
            NoCredentialsError: Nobody is signed in.
            ExpiredCredentialsError: The sign-in is no longer valid.
        """

    def payload(self, ask: Ask) -> dict[str, Any]:
        """Return what :meth:`file` will send, for people to read before they agree."""

    def find_open(self, ask: Ask, since: datetime | None = None) -> Answer | None:
        """Return the request that the cloud has open for the quota.

        With ``since`` also one for the same total that was filed since then and is decided:
        what a run sent that was stopped before it could write the answer down.
        """

    def file(self, ask: Ask) -> Answer:
        """Send the request.

        Raises:
            CloudError: The cloud refused it; ``code`` says why.
        """

    def raise_wish(self, request: QuotaRequest, ask: Ask) -> Answer | None:
        """Change an open request to a higher total; None where the cloud cannot."""

    def poll(self, request: QuotaRequest) -> Answer:
        """Ask how a request stands and read the limit again."""

    def ticket_payload(self, request: QuotaRequest) -> dict[str, Any]:
        """Return what :meth:`file_ticket` will send beside the justification.

        Raises:
            UsageError: The cloud decides no quota by tickets that planner can file.
        """

    def file_ticket(self, request: QuotaRequest, contact: Contact) -> Ticket:
        """File the ticket or case about a request, or find the one that is there.

        Raises:
            CloudError: The cloud refused it.
        """

    def withdraw(self, request: QuotaRequest) -> bool:
        """Take a request back; False where the cloud has no way to."""

    def next_steps(self, request: QuotaRequest) -> list[str]:
        """Return what the user can do about a request, in the state it is in."""


def adapter(cloud: str) -> QuotaAdapter:
    """Return the adapter of a cloud, made anew."""
    module = import_module(f"planner.quotas.{cloud}")
    made: QuotaAdapter = module.Adapter()
    return made
