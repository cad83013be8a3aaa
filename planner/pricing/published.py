"""A published catalogue: snapshots that someone refreshes daily, as files on any static place.

``index.json`` names every file with its SHA-256 (``publishing.py`` writes it)::

    {"format": 1, "published": "2026-11-26T05:10:00+00:00",
     "snapshots": [{"cloud", "as_of", "path", "sha256", "bytes"}, ...],
     "instance_types": {"path", "sha256", "bytes"}}

Taking it costs one conditional request, and one for each snapshot that is new. A file counts
only with the hash that the index names; the gates that no reason can set aside run again here.
Whom the index is from, a Sigstore bundle beside it says (``index.json.sigstore.json``): it is
checked, and required, where an identity is expected.
"""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from planner.bundled import pricing_data
from planner.errors import DataError, PlannerError, SnapshotRefusedError
from planner.pricing import gates, instance_types, snapshots, store
from planner.pricing.catalog import Catalog, Query
from planner.pricing.changes import compare
from planner.pricing.refresh import KEEP, Outcome, Status, add_types
from planner.pricing.sources.cache import write_whole
from planner.pricing.sources.interface import Document, DownloadError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from planner.pricing.sources.connection import Connection
    from planner.pricing.store import Store

INDEX = "index.json"
BUNDLE = "index.json.sigstore.json"
FORMAT = 1
STATE = "catalog.json"
_PATH = re.compile(r"offers/(?P<cloud>[a-z]+)/(?P<day>\d{4}-\d{2}-\d{2})-[0-9a-f]{16}\.parquet")
_NOT_MODIFIED, _NOT_FOUND = 304, 404


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of the catalogue."""

    path: str
    sha256: str
    size: int
    cloud: str = ""
    as_of: date = date.min

    def require(self, content: bytes) -> bytes:
        """Return the content, where it is what the index names.

        Raises:
            DataError: It is not.
        """
        if hashlib.sha256(content).hexdigest() != self.sha256:
            raise DataError(
                f"{self.path} of the catalogue is not what its index names",
                why=f"{len(content)} bytes with another SHA-256; the index says {self.size}",
                advice="planner refresh, later; it stays with the prices it has",
            )
        return content


@dataclass(frozen=True, slots=True)
class Index:
    """What a catalogue offers."""

    snapshots: tuple[Entry, ...]
    types: Entry | None = None


def parse(content: bytes) -> Index:
    """Read an index.

    Raises:
        DataError: It cannot be understood.
    """
    try:
        found = json.loads(content)
        _require_format(found["format"])
        listed = [_entry(item) for item in found["snapshots"]]
        types = found.get("instance_types")
        plain = Entry(instance_types.FILE_NAME, types["sha256"], types["bytes"]) if types else None
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            "the catalogue's index cannot be read",
            why=f"{type(error).__name__}: {error}",
            advice="check the URL (planner config), or upgrade planner",
        ) from error
    return Index(tuple(sorted(listed, key=lambda e: (e.cloud, e.as_of))), plain)


def _require_format(found: object) -> None:
    if found != FORMAT:
        raise ValueError(f"format {found}; this planner reads {FORMAT}")


def _entry(item: Mapping[str, Any]) -> Entry:
    match = _PATH.fullmatch(item["path"])
    if match is None:
        raise ValueError(f"not the path of a snapshot: {item['path']!r}")
    day = date.fromisoformat(match["day"])
    return Entry(item["path"], item["sha256"], int(item["bytes"]), match["cloud"], day)


class Site:
    """A catalogue behind a URL.

    Args:
        url: The folder of ``index.json``.
        connection: To fetch with; paced and patient.
    """

    def __init__(self, url: str, connection: Connection) -> None:
        self.url = url.rstrip("/")
        self._connection = connection

    def get(self, path: str, etag: str = "") -> tuple[bytes | None, str]:
        """Return a file and its ETag; None where it did not change.

        Raises:
            DownloadError: It cannot be fetched.
        """
        from planner.pricing.sources.connection import check_status, translated

        document = Document(f"{self.url}/{path}", path)
        headers = {"If-None-Match": etag} if etag else {}
        with translated(document):
            for trial in self._connection.attempts(self._connection.patience()):
                with trial:
                    request = self._connection.request(document, headers)
                    response = check_status(self._connection.http.send(request))
        if response.status_code == _NOT_MODIFIED:
            return None, etag
        return response.content, response.headers.get("etag", "")

    def find(self, path: str) -> bytes | None:
        """Return a file, or None where there is none."""
        try:
            return self.get(path)[0]
        except DownloadError as error:
            if error.code == str(_NOT_FOUND):
                return None
            raise


@dataclass(frozen=True)
class Take:
    """Taking what is new of a catalogue into a store.

    Attributes:
        site: The catalogue.
        target: Where snapshots go.
        accelerator_memory_gib: Marketed memory by accelerator name, for the gates.
        clouds: Only these.
        verify: Told the index and how to fetch its bundle; raises where it is not from whom
            it should be, and returns what to say of it.
        keep: Snapshots per cloud to keep in the store.
        bundled: The figures known beside those in the store.
    """

    site: Site
    target: Store
    accelerator_memory_gib: Mapping[str, float]
    clouds: Sequence[str]
    verify: Callable[[bytes, Callable[[], bytes | None]], str]
    keep: int = KEEP
    bundled: Path = field(default_factory=pricing_data)

    def run(self, *, check: bool = False) -> list[Outcome]:
        """Take what is new, or only tell whether there is anything."""
        self.target.pull()
        state = self._state()
        content, etag = self.site.get(INDEX, state.get("etag", ""))
        if content is None:
            return [Outcome(cloud, Status.CURRENT) for cloud in self.clouds]
        note = self.verify(content, lambda: self.site.find(BUNDLE))
        index = parse(content)
        new = {cloud: self._new(index, cloud) for cloud in self.clouds}
        known_types = index.types is not None and state.get("types") == index.types.sha256
        if check:
            return [_told(cloud, entries) for cloud, entries in new.items()]
        if any(new.values()) and not known_types:
            add_types(self.target, self._types(index))
        outcomes = [self._cloud(cloud, entries, note) for cloud, entries in new.items()]
        if not any(outcome.error for outcome in outcomes):
            self._remember(etag, index)
        return outcomes

    def _new(self, index: Index, cloud: str) -> list[Entry]:
        """Return the snapshots to fetch: those after the newest here, or the newest alone."""
        have = [day for name, day, _ in snapshots.find(self.target.root) if name == cloud]
        listed = [entry for entry in index.snapshots if entry.cloud == cloud]
        if not have:
            return listed[-1:]
        return [
            e for e in listed if e.as_of >= max(have) and not (self.target.root / e.path).is_file()
        ]

    def _cloud(self, cloud: str, entries: list[Entry], note: str) -> Outcome:
        if not entries:
            return Outcome(cloud, Status.CURRENT)
        try:
            with store.locked(self.target, cloud):
                for entry in entries:
                    outcome = self._take(entry)
            store.prune(self.target, cloud, keep=self.keep)
        except PlannerError as error:
            return Outcome(cloud, Status.FAILED, error=error)
        notes = (f"from {self.site.url}", *([note] if note else ()))
        return Outcome(
            cloud, Status.PUBLISHED, outcome.as_of, outcome.offers, outcome.changes, notes,
            outcome.path,
        )  # fmt: skip

    def _take(self, entry: Entry) -> Outcome:
        """Fetch one snapshot, check it, and publish it here."""
        content = entry.require(self.site.get(entry.path)[0] or b"")
        before = Catalog(self.bundled, self.target.root)
        previous = []
        if before.snapshots and entry.as_of >= before.first_date:
            previous = before.offers(Query(as_of=entry.as_of, clouds=(entry.cloud,)))
        with tempfile.TemporaryDirectory() as scratch:
            root = Path(scratch)
            write_whole(root / entry.path, content)
            catalog = Catalog(root)
            (snapshot,) = catalog.snapshots
            offers = catalog.offers(Query(as_of=entry.as_of))
            candidate = gates.Candidate(
                offers=offers,
                coverage=snapshot.coverage,
                instance_types=before.instance_types,
                accelerator_memory_gib=self.accelerator_memory_gib,
                previous=previous,
            )
            # What the publisher accepted by name stays accepted; what is no price is refused.
            broken = [v for v in gates.check(candidate) if v.gate not in gates.ACCEPTABLE]
        if broken:
            raise SnapshotRefusedError(
                f"the catalogue's {entry.cloud} prices of {entry.as_of} are refused: "
                f"{len(broken)} rows are no prices",
                [str(violation) for violation in broken],
                advice="use the prices you have, and tell who publishes the catalogue",
            )
        changes = tuple(compare(previous, offers, snapshot.coverage))
        path = self.target.root / entry.path
        write_whole(path, content)
        self.target.push(path)
        return Outcome(entry.cloud, Status.PUBLISHED, entry.as_of, len(offers), changes, path=path)

    def _types(self, index: Index) -> list[instance_types.InstanceType]:
        if index.types is None:
            return []
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch) / index.types.path
            write_whole(path, index.types.require(self.site.get(index.types.path)[0] or b""))
            return instance_types.read(path)

    def _state(self) -> dict[str, Any]:
        """Return what is known of the catalogue; nothing where a file of it is gone."""
        with suppress(OSError, ValueError):
            found: dict[str, Any] = json.loads((self.target.root / STATE).read_bytes())
            complete = all((self.target.root / path).is_file() for path in found["newest"])
            same = found["url"] == self.site.url and set(self.clouds) <= set(found["clouds"])
            if complete and same:
                return found
        return {}

    def _remember(self, etag: str, index: Index) -> None:
        newest = {e.cloud: e.path for e in index.snapshots if e.cloud in self.clouds}
        known = {
            "url": self.site.url,
            "etag": etag,
            "clouds": list(self.clouds),
            "newest": sorted(newest.values()),
            "types": index.types.sha256 if index.types else "",
        }
        write_whole(self.target.root / STATE, json.dumps(known).encode())


def _told(cloud: str, entries: Sequence[Entry]) -> Outcome:
    if not entries:
        return Outcome(cloud, Status.CURRENT)
    return Outcome(cloud, Status.NEWER, entries[-1].as_of, notes=(f"{len(entries)} snapshots",))
