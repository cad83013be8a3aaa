"""Fetch price files over HTTP: resumed, retried, paced, and only when they changed.

A file lies in the cache folder under its name, with a small JSON file beside it that holds
its URL, ETag and dates. A page of a list is kept whole. Of a large file only what was
extracted is kept (unless a folder to save into is given): while it arrives it is written to
a ``.part`` file, from which an interrupted download resumes, and through a pipe to the
reader, so that it is read while it is still arriving.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from planner.pricing.sources.arrival import Arrival, ChangedWhileReadingError
from planner.pricing.sources.cache import Meta, parse_json, write_whole
from planner.pricing.sources.connection import (
    NOT_MODIFIED,
    Connection,
    Manners,
    check_status,
    translated,
)
from planner.pricing.sources.interface import DownloadError

if TYPE_CHECKING:
    from pathlib import Path

    from planner.pricing.sources.interface import Document, Extract, Progress

_CHANGES = 3


class Downloads:
    """Files over HTTP, kept in a cache folder.

    Args:
        cache: The folder.
        progress: Told of bytes or pages as they come.
        manners: Pace and patience.
        save: A folder that gets every file whole, to carry to a machine without internet.
    """

    def __init__(
        self,
        cache: Path,
        progress: Progress,
        manners: Manners | None = None,
        *,
        save: Path | None = None,
    ) -> None:
        self._folder = save or cache
        self._save = save is not None
        self._progress = progress
        self._connection = Connection(manners)

    @property
    def as_of(self) -> date:
        """Today."""
        return datetime.now(UTC).date()

    def close(self) -> None:
        """Close the connections."""
        self._connection.http.close()

    def listing(self, folder: str) -> list[str] | None:
        """Return None: only the cloud can tell."""
        del folder
        return None

    def json(self, document: Document) -> Any:  # noqa: ANN401 - whatever the interface answers
        """Return a JSON document, from the cache where it did not change."""
        path = self._folder / document.name
        meta = Meta.beside(path)
        request = self._connection.request
        url = str(request(document).url)
        conditional = meta.etag and meta.url == url and path.is_file()
        headers = {"If-None-Match": meta.etag} if conditional else {}
        with translated(document):
            for trial in self._connection.attempts(self._connection.patience()):
                with trial:
                    response = check_status(self._connection.http.send(request(document, headers)))
        if response.status_code == NOT_MODIFIED:
            answer = parse_json(document.name, path.read_bytes())
        else:
            answer = parse_json(document.name, response.content)
            meta = Meta(url=url, etag=response.headers.get("etag", ""))
            write_whole(path, response.content)
        meta.checked = self.as_of.isoformat()
        meta.write_beside(path)
        self._progress(1, None)
        return answer

    def rows(self, document: Document, extract: Extract) -> list[dict[str, Any]]:
        """Return what is extracted of a large file, read while it is still arriving."""
        path = self._folder / document.name
        for _ in range(_CHANGES):
            arrival = Arrival(
                self._connection, document, path, self._progress, as_of=self.as_of, save=self._save
            )
            with suppress(ChangedWhileReadingError), translated(document):
                return arrival.rows(extract)
        raise DownloadError(
            f"{document.name} changed {_CHANGES} times while it was read",
            advice="planner refresh, later",
        )
