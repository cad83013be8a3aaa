"""The keys of a machine's way in, as they lie in the cloud's store. Pure.

One line: the key that is good until it is rotated, then those that it took the place of, each
with the second (of the Unix epoch) when it ends: ``NEW OLD:1795788000``. The machine reads it
once a minute (``deploy_templates/ingress/ingress.sh.j2``).
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from planner.endpoints.model import Secret

if TYPE_CHECKING:
    from datetime import datetime, timedelta

_PREFIX = "planner-"
_BYTES = 32


def new() -> Secret:
    """Return a new key; nobody can guess it."""
    return Secret(_PREFIX + secrets.token_urlsafe(_BYTES))


def current(stored: Secret) -> Secret:
    """Return the key that is good until it is rotated."""
    return Secret(stored.reveal().split()[0])


def rotated(stored: Secret, key: Secret, now: datetime, overlap: timedelta) -> Secret:
    """Return what to store so that a new key is good at once.

    Args:
        stored: What lies in the store.
        key: The new one.
        now: The cloud's time.
        overlap: How long the one before stays good; none for not at all.
    """
    until = int((now + overlap).timestamp())
    first, *older = stored.reveal().split()
    kept = [item for item in older if int(item.partition(":")[2]) > now.timestamp()]
    before = [f"{first}:{until}"] if overlap else []
    return Secret(" ".join([key.reveal(), *before, *(kept if overlap else [])]))
