"""Reads that are behind writes: what a reader still sees of things that were just changed.

A service tells :class:`Lag` what a thing was before each change. Whoever reads with a delay sees
the thing as it was that long ago; after the delay, as it is.
"""

from __future__ import annotations

import copy
from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

_KEPT = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class _Change:
    at: datetime
    before: Any


class Lag:
    """The past of things, by kind and key.

    Args:
        now: Tells the simulated time.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._changes: defaultdict[tuple[Any, ...], dict[str, list[_Change]]] = defaultdict(dict)

    def changing(
        self,
        kind: tuple[Any, ...],
        key: str,
        before: Any,  # noqa: ANN401 - the service's own
        at: datetime | None = None,
    ) -> None:
        """Note what a thing is, just before it is made (None), changed or deleted.

        Args:
            kind: Of the thing.
            key: Its name.
            before: The thing.
            at: When the change is due; now, where it is not about something of the past.
        """
        now = self._now()
        past = [item for item in self._changes[kind].get(key, []) if now - item.at < _KEPT]
        self._changes[kind][key] = [*past, _Change(at or now, copy.deepcopy(before))]

    def seen(self, kind: tuple[Any, ...], key: str, value: Any, delay_s: float) -> Any:  # noqa: ANN401 - as above
        """Return a thing as a reader sees it; None where they see none.

        Args:
            kind: As told to :meth:`changing`.
            key: Likewise.
            value: The thing as it is; None where there is none.
            delay_s: How far this reader is behind.
        """
        since = self._now() - timedelta(seconds=delay_s)
        for change in self._changes[kind].get(key, []):
            if change.at > since:
                return change.before
        return value

    def all_seen(
        self, kind: tuple[Any, ...], values: Mapping[str, Any], delay_s: float
    ) -> dict[str, Any]:
        """Return all things of a kind as a reader of the list sees them."""
        keys = [*values, *(key for key in self._changes[kind] if key not in values)]
        found = {key: self.seen(kind, key, values.get(key), delay_s) for key in keys}
        return {key: value for key, value in found.items() if value is not None}
