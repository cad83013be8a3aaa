"""Quota requests on Google Cloud: quota preferences.

A preference states the value that is wanted for one quota and one set of dimensions; there is
one for each, and a second wish changes it. There is no status: a preference that is no longer
``reconciling`` is decided, and how is told by the granted value and by the limit.
"""

from __future__ import annotations

import re
import zlib
from typing import TYPE_CHECKING, Any

from planner.clouds import gcp
from planner.clouds.redact import redact
from planner.errors import PlannerError, UsageError
from planner.quotas import justification, outcome
from planner.quotas.gcp_limits import limit_of, parent, read_info
from planner.quotas.interface import Ticket
from planner.quotas.outcome import Answer, Phase, State

if TYPE_CHECKING:
    from datetime import datetime

    from google.cloud.cloudquotas_v1.types import QuotaPreference

    from planner.ledger import QuotaRequest
    from planner.quotas.interface import Ask, Contact
    from planner.quotas.model import Quota

_API = "cloudquotas.googleapis.com"
_LONGEST_ID = 63
_CONSOLE = "https://console.cloud.google.com/iam-admin/quotas"


class Requests:
    """The requesting half of the adapter."""

    def payload(self, ask: Ask) -> dict[str, Any]:
        """Return the quota preference in its JSON form, without the project.

        Raises:
            UsageError: There is no contact; Google requires one for increases.
        """
        if not ask.contact.email:
            raise UsageError(
                "Google wants an e-mail address with a quota request",
                advice="--contact-email YOU@EXAMPLE.COM, or export PLANNER_CONTACT_EMAIL=...",
            )
        quota = ask.check.quota
        return {
            "quotaPreferenceId": preference_id(quota),
            "service": quota.service,
            "quotaId": quota.quota_id,
            "dimensions": dict(quota.dimensions),
            "quotaConfig": {"preferredValue": ask.desired},
            "justification": justification.shortened(ask.justification, "gcp"),
            "contactEmail": ask.contact.email,
        }

    def find_open(self, ask: Ask, since: datetime | None = None) -> Answer | None:
        """Return the preference that is being reconciled for the quota."""
        found = _existing(ask.check.quota)
        answers = [] if found is None else [_answer(found, ask.check.limit)]
        return outcome.sent(answers, ask.desired, since)

    def file(self, ask: Ask) -> Answer:
        """Create the preference, or change the one that an earlier wish left."""
        before = _existing(ask.check.quota)
        with _errors("request the quota", "cloudquotas.quotas.update"):
            if before is not None:
                done = gcp.quotas().update_quota_preference(
                    quota_preference=_preference(ask, name=before.name)
                )
            else:
                done = gcp.quotas().create_quota_preference(
                    parent=parent(),
                    quota_preference=_preference(ask),
                    quota_preference_id=preference_id(ask.check.quota),
                )
        return _answer(done, ask.check.limit)

    def raise_wish(self, request: QuotaRequest, ask: Ask) -> Answer | None:
        """Change the open preference to a higher value."""
        with _errors("raise the request", "cloudquotas.quotas.update"):
            done = gcp.quotas().update_quota_preference(
                quota_preference=_preference(ask, name=f"{parent()}/{request.native_id}")
            )
        return _answer(done, ask.check.limit)

    def poll(self, request: QuotaRequest) -> Answer:
        """Ask how the preference stands and read the limit again."""
        from google.api_core.exceptions import NotFound

        from planner.clouds.gcp_transport import READ_RETRY

        with _errors("read the request", "cloudquotas.quotas.get"):
            try:
                found = gcp.quotas().get_quota_preference(
                    name=f"{parent()}/{request.native_id}", retry=READ_RETRY
                )
            except NotFound:
                return Answer(request.native_id, "", Phase.LOST, _limit_now(request))
        return _answer(found, _limit_now(request))

    def ticket_payload(self, request: QuotaRequest) -> dict[str, Any]:
        """Google decides by the preference itself.

        Raises:
            UsageError: Always.
        """
        del request
        raise UsageError(
            "Google Cloud decides quota by the request itself, not by a ticket",
            advice=f"its people answer at the contact address; or {_CONSOLE}",
        )

    def file_ticket(self, request: QuotaRequest, contact: Contact) -> Ticket:
        """Google decides by the preference itself."""
        del contact
        self.ticket_payload(request)
        return Ticket("", is_open=False, status="")

    def withdraw(self, request: QuotaRequest) -> bool:
        """Set the preference back to the limit as it is."""
        from google.cloud.cloudquotas_v1 import types

        limit = _limit_now(request)
        if limit is None:
            return False
        with _errors("withdraw the request", "cloudquotas.quotas.update"):
            gcp.quotas().update_quota_preference(
                quota_preference=types.QuotaPreference(
                    name=f"{parent()}/{request.native_id}",
                    service=request.service,
                    quota_id=request.quota_id,
                    dimensions=request.dimensions,
                    quota_config=types.QuotaConfig(preferred_value=int(limit)),
                )
            )
        return True

    def next_steps(self, request: QuotaRequest) -> list[str]:
        """Return what the user can do, in the state the request is in."""
        if request.state in {State.DENIED, State.PARTIAL, State.UNKNOWN}:
            return [
                f"look at the quota in the console: {_CONSOLE}",
                "link a paid billing account and use what you have first; then Google's Sales",
            ]
        return []


def preference_id(quota: Quota) -> str:
    """Return the name of the preference for a quota; the same quota has the same name."""
    parts = [quota.quota_id, *(value for _, value in quota.dimensions)]
    name = re.sub(r"[^a-z0-9]+", "-", "-".join(parts).casefold()).strip("-")
    if len(name) <= _LONGEST_ID:
        return name
    return f"{name[: _LONGEST_ID - 9].rstrip('-')}-{zlib.crc32(name.encode()):08x}"


def _errors(what: str, action: str) -> Any:  # noqa: ANN401 - a context manager
    return gcp.errors(what, action=action, api=_API)


def _existing(quota: Quota) -> QuotaPreference | None:
    """Return the project's preference for a quota, whoever made it."""
    from planner.clouds.gcp_transport import READ_RETRY

    with _errors("look for open requests", "cloudquotas.quotas.get"):
        for found in gcp.quotas().list_quota_preferences(parent=parent(), retry=READ_RETRY):
            same = found.service == quota.service and found.quota_id == quota.quota_id
            if same and dict(found.dimensions) == dict(quota.dimensions):
                return found
    return None


def _preference(ask: Ask, name: str = "") -> QuotaPreference:
    from google.cloud.cloudquotas_v1 import types

    quota = ask.check.quota
    return types.QuotaPreference(
        name=name,
        service=quota.service,
        quota_id=quota.quota_id,
        dimensions=dict(quota.dimensions),
        quota_config=types.QuotaConfig(preferred_value=ask.desired),
        justification=justification.shortened(ask.justification, "gcp"),
        contact_email=ask.contact.email,
    )


def _answer(found: QuotaPreference, limit: float | None) -> Answer:
    wanted = float(found.quota_config.preferred_value)
    granted = found.quota_config.granted_value
    phase, state = Phase.OPEN, "reconciling"
    if not found.reconciling:
        given = granted is not None and granted >= wanted
        phase, state = (Phase.GRANTED if given else Phase.REFUSED), "reconciled"
    return Answer(
        native_id="/".join(found.name.split("/")[-2:]),
        native_state=state,
        phase=phase,
        limit=limit,
        message=redact(found.quota_config.state_detail),
        desired=wanted,
        filed_at=found.update_time or found.create_time,
    )


def _limit_now(request: QuotaRequest) -> float | None:
    try:
        info = read_info(request.quota_id)
    except PlannerError:
        return None
    return None if info is None else limit_of(info, request.dimensions, request.region)
