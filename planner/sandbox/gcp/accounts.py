"""Simulated service accounts: when they, and what they may, are known everywhere.

Documented (IAM, "access change propagation"; google-cloud-go#11482; vault-plugin-secrets-gcp#246):
a new account is refused by other services for a while, and a role that was just granted is not
honoured at once. Knob: ``identity_lag_s``.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.sandbox.world import World

_SECRET = re.compile(r"projects/[^/]+/secrets/([\w-]+)")


def known(world: World, email: str) -> bool:
    """Tell whether other services know an account; those of before the sandbox they do."""
    made = world.notes["gcp-accounts"].get(email, {}).get("_made")
    return made is None or world.now() >= made + timedelta(seconds=world.scenario.identity_lag_s)


def readable_from(world: World, user_data: str, emails: Sequence[str]) -> datetime | None:
    """Return from when on a machine may read the secret that its script names.

    None where it names none. Far away where nobody ever let it.
    """
    named = _SECRET.search(user_data)
    if named is None:
        return None
    secret: dict[str, Any] = world.notes["gcp-secrets"].get(named[1], {})
    members = {
        member
        for binding in secret.get("_policy", {}).get("bindings", [])
        for member in binding.get("members", [])
    }
    granted: datetime | None = secret.get("_granted")
    if granted is None or not members & {f"serviceAccount:{email}" for email in emails}:
        return world.now() + timedelta(days=365)
    return granted + timedelta(seconds=world.scenario.identity_lag_s)
