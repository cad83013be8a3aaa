"""A catalog that answers from memory, for a process that is asked again and again."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime
from threading import Lock
from typing import TYPE_CHECKING, Any

from planner.pricing.catalog import Catalog, Query

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import date
    from pathlib import Path

    from planner.pricing.offer import Offer

# The fields of a query that are looked at offer by offer.
_FIELDS = {
    "clouds": "cloud",
    "regions": "region",
    "commitments": "commitment",
    "term_years": "term_years",
    "payment_options": "payment_option",
}
# Dates that are kept; each holds some thousand offers.
_MOST_DATES = 3
_MOST_ANSWERS = 32

# The offers of one date by service, instance type and pricing model, each with its place in the
# catalog's order.
_Key = tuple[str, str, str]
_Index = dict[_Key, list[tuple[int, "Offer"]]]


class WarmCatalog(Catalog):
    """The same answers as ``Catalog``, from offers that are read once per date.

    Snapshots published later are seen by the next process.
    """

    def __init__(self, *roots: Path) -> None:
        super().__init__(*roots)
        self._lock = Lock()
        self._read: dict[tuple[str, date | None], _Index] = {}
        self._answers: dict[tuple[str, Query], list[Offer]] = {}

    def offers(self, query: Query | None = None) -> list[Offer]:
        """Return the offers that match, cheapest first."""
        return self._answer("offers", super().offers, query or Query())

    def history(self, query: Query | None = None) -> list[Offer]:
        """Return every offer published up to the date, oldest first."""
        return self._answer("history", super().history, query or Query())

    def _answer(self, kind: str, read: Callable[[Query], list[Offer]], query: Query) -> list[Offer]:
        asked = (kind, replace(query, as_of=query.as_of or datetime.now(UTC).date()))
        with self._lock:  # the database behind it serves one thread
            if asked not in self._answers:
                _make_room(self._answers, _MOST_ANSWERS)
                self._answers[asked] = self._find(kind, read, asked[1])
            return list(self._answers[asked])

    def _find(self, kind: str, read: Callable[[Query], list[Offer]], query: Query) -> list[Offer]:
        key = (kind, query.as_of)
        if key not in self._read:
            _make_room(self._read, _MOST_DATES)
            self._read[key] = _index(read(Query(as_of=query.as_of)))
        found = sorted(_matching(self._read[key], query), key=lambda item: item[0])
        return [offer for _, offer in found[: query.limit]]


def _make_room(kept: dict[Any, Any], most: int) -> None:
    """Forget the oldest of what is kept."""
    while len(kept) >= most:
        del kept[next(iter(kept))]


def _index(offers: list[Offer]) -> _Index:
    index: defaultdict[_Key, list[tuple[int, Offer]]] = defaultdict(list)
    for position, o in enumerate(offers):
        index[o.service, o.instance_type, o.pricing_model].append((position, o))
    return dict(index)


def _matching(index: _Index, query: Query) -> Iterator[tuple[int, Offer]]:
    services, types, ways = (
        frozenset(values) for values in (query.services, query.instance_types, query.pricing_models)
    )
    wanted = {
        attribute: frozenset(values)
        for name, attribute in _FIELDS.items()
        if (values := getattr(query, name))
    }
    for (service, instance_type, way), offers in index.items():
        if (
            (not services or service in services)
            and (not types or instance_type in types)
            and (not ways or way in ways)
        ):
            for position, offer in offers:
                if all(getattr(offer, name) in values for name, values in wanted.items()):
                    yield position, offer
