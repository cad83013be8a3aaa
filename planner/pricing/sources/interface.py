"""What a price source takes and gives; ``aws.py``, ``azure.py`` and ``gcp.py`` are sources."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from planner.errors import CloudError, DataError

if TYPE_CHECKING:
    from datetime import date

    from planner.pricing.instance_types import InstanceType, InstanceTypes
    from planner.pricing.offer import Offer
    from planner.pricing.snapshots import Coverage
    from planner.pricing.sources.names import AcceleratorNames

# Steps done, and the total where it became known: bytes of files, or pages of lists.
Progress = Callable[[int, int | None], None]


class SourceChangedError(DataError):
    """A price interface no longer looks as planner knows it; nothing of it is used."""


class DownloadError(CloudError):
    """A file or page could not be fetched, retries included."""


@dataclass(frozen=True, slots=True)
class Document:
    """One file or page of a price interface.

    Attributes:
        name: Where it lies below a folder of saved files: ``aws/AmazonEC2/us-east-1.csv``.
        parameters: Query parameters; never a secret.
        headers: May hold a key; never stored.
    """

    url: str
    name: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


class Files(Protocol):
    """Gives a source its files: over HTTP, or from a folder of files fetched elsewhere."""

    @property
    def as_of(self) -> date:
        """The day the files stood: today, or the oldest day that a saved file was checked."""

    def json(self, document: Document) -> Any:  # noqa: ANN401 - whatever the interface answers
        """Return a JSON document.

        Raises:
            DownloadError: It cannot be fetched.
            SourceChangedError: It is not JSON.
        """

    def rows(self, document: Document, extract: Extract) -> list[dict[str, Any]]:
        """Return what is extracted of a large file, read while it is still arriving.

        An unchanged file costs one round trip: its rows are kept from last time.

        Raises:
            DownloadError: It cannot be fetched.
            SourceChangedError: It does not look as expected.
        """

    def listing(self, folder: str) -> list[str] | None:
        """Return the names of the files in a folder, or None where only the cloud can tell."""

    def close(self) -> None:
        """Let go of connections."""


class Extract(Protocol):
    """Takes the rows that matter out of a large file."""

    @property
    def digest(self) -> str:
        """Changes when what is taken changes."""

    def __call__(self, path: str, head: bytes, *, gzipped: bool) -> list[dict[str, Any]]:
        """Return the rows.

        Args:
            path: The file, or a pipe that it arrives through.
            head: Its first bytes, the header among them, decompressed.
            gzipped: The file behind ``path`` is compressed.

        Raises:
            SourceChangedError: The file does not look as expected.
        """


@dataclass(frozen=True, slots=True)
class Known:
    """What planner knew before, to map new rows onto.

    Attributes:
        machines: (service, region, instance type) that were offered on the clouds before.
    """

    instance_types: InstanceTypes
    names: AcceleratorNames
    machines: frozenset[tuple[str, str, str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Collected:
    """Everything one source has to say.

    Attributes:
        instance_types: Types that planner did not know, with their accelerators.
        notes: What was left out and why, for people.
        versions: The versions of the files read, by name; empty where a source has none.
    """

    offers: tuple[Offer, ...]
    coverage: tuple[Coverage, ...]
    instance_types: tuple[InstanceType, ...] = ()
    notes: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Trace:
    """One raw row about an instance type, and what became of it.

    Attributes:
        region: Where; empty where the row does not say.
        raw: The row as the cloud wrote it.
        verdict: The price it made, or why it made none.
    """

    region: str
    raw: Mapping[str, Any]
    verdict: str
    is_used: bool = False


class Source(Protocol):
    """The price interface of one cloud."""

    cloud: str

    def collect(self, files: Files, known: Known, regions: Sequence[str]) -> Collected:
        """Read the prices.

        Args:
            files: Where from.
            known: What was known before.
            regions: Only these; all where empty.

        Raises:
            PlannerError: Prices cannot be had or understood.
        """

    def explain(
        self, files: Files, known: Known, regions: Sequence[str], instance_type: str
    ) -> list[Trace]:
        """Return every raw row about one instance type, and what became of it."""

    def versions(self, files: Files, regions: Sequence[str]) -> Mapping[str, str]:
        """Return the versions published now, cheaply; empty where the cloud has none."""


# A list of which more than a tenth cannot be read has changed its shape; so few rows may err.
_MOST_UNREAD = 0.1
_FEW_UNREAD = 3


def require_readable(what: str, unread: Sequence[str], total: int) -> None:
    """Raise SourceChangedError where too many rows of a list cannot be understood."""
    if len(unread) > max(_FEW_UNREAD, total * _MOST_UNREAD) or 0 < total <= len(unread):
        reasons = sorted(set(unread))
        raise SourceChangedError(
            f"{what} changed: {len(unread)} of {total} rows cannot be read: {reasons[0]}",
            why=named(reasons),
            advice="use the prices you have, and upgrade planner: pip install -U gpu-planner",
        )


def saved_items(files: Files, folder: str, key: str, following: str) -> list[Any] | None:
    """Return the items of all pages saved in a folder, or None where only the cloud has them.

    A page may be what the interface answered or its list alone, under any name. The last page of
    a numbered row of them must not point to another.

    Args:
        files: Where from.
        folder: ``azure`` or ``gcp``.
        key: What holds a page's items.
        following: What names the next page.

    Raises:
        DownloadError: There is no page, or the last one is missing.
        SourceChangedError: A page holds no items.
    """
    names = files.listing(folder)
    if names is None:
        return None
    pages = {name: files.json(Document("", f"{folder}/{name}")) for name in sorted(names)
             if name.endswith(".json")}  # fmt: skip
    items: list[Any] = []
    last: dict[str, tuple[str, Any]] = {}
    for name, page in pages.items():
        found = page if isinstance(page, list) else (page or {}).get(key)
        if found is None:
            raise SourceChangedError(f"{folder}/{name} has no {key}")
        items += found
        last[re.sub(r"\d+", "", name)] = (name, page)
    cut = [n for n, page in last.values() if isinstance(page, dict) and page[key] and
           page.get(following) and re.search(r"\d", n)]  # fmt: skip
    if cut or not pages:
        raise DownloadError(
            f"a page after {folder}/{cut[0]} is missing"
            if cut
            else f"the folder holds no price files of {folder}",
            why="the last page saved points to another" if cut else f"{folder}/*.json is empty",
            advice="planner refresh --save DIR, on a machine with internet",
        )
    return items


def simulated(path: str = "") -> str:
    """Return where the sandbox's price interfaces are; empty outside the sandbox."""
    from planner.clouds import settings

    base = settings.current().prices_endpoint
    return f"{base}{path}" if base else ""


def terms_of(offer: Offer) -> str:
    """Return the terms of an offer in words: ``committed savings_plan 1 no_upfront``."""
    return " ".join(str(term) for term in offer.terms if term is not None)


def named(names: Sequence[str], limit: int = 5) -> str:
    """Return names in a sentence, the rest as a number."""
    shown = ", ".join(names[:limit])
    return shown if len(names) <= limit else f"{shown} and {len(names) - limit} more"
