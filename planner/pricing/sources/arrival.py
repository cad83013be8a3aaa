"""One large file on its way: resumed where it was cut, read while it arrives."""

from __future__ import annotations

import json
import os
import threading
import zlib
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from planner.pricing.sources.cache import Meta, write_whole
from planner.pricing.sources.connection import NOT_MODIFIED, check_status
from planner.pricing.sources.interface import SourceChangedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date
    from pathlib import Path

    import httpx2

    from planner.pricing.sources.connection import Connection, Patience
    from planner.pricing.sources.interface import Document, Extract, Progress

_CHUNK = 1 << 20
_HEAD_BYTES = 64 << 10
_PIPE_BYTES = 1 << 20
_PARTIAL, _RANGE_NOT_SATISFIABLE = 206, 416
_GZIP = 31  # zlib's number for a gzip wrapper


class ChangedWhileReadingError(Exception):
    """The cloud replaced the file between two pieces of it; start again."""


class Arrival:
    """A download of one file.

    Args:
        connection: To the cloud.
        document: What to fetch.
        path: Where it lies in the cache; the bytes lie in ``<path>.part`` while they arrive.
        progress: Told of bytes.
        as_of: Today.
        save: Keep the whole file at ``path``.
    """

    def __init__(
        self,
        connection: Connection,
        document: Document,
        path: Path,
        progress: Progress,
        *,
        as_of: date,
        save: bool,
    ) -> None:
        self._connection = connection
        self._document = document
        self._path = path
        self._part = path.with_name(f"{path.name}.part")
        self._extract_path = path.with_name(f"{path.name}.rows.json")
        self._progress = progress
        self._save = save
        self._as_of = as_of
        self._meta = Meta.beside(path)
        self._part_meta = Meta.beside(self._part)
        self._position = 0
        self._unchanged = False
        self._last_byte = b""

    def rows(self, extract: Extract) -> list[dict[str, Any]]:
        """Fetch and extract; from the cache where the file did not change.

        Raises:
            SourceChangedError: The file does not look as expected.
            ChangedWhileReadingError: Start again.
            httpx2.HTTPError: It cannot be fetched.
        """
        url = str(self._connection.request(self._document).url)
        known = self._meta.digest == extract.digest and self._extract_path.is_file()
        unchanged_since = self._meta.etag if known and self._meta.url == url else ""
        chunks = self._decoded(self._received(url, unchanged_since))
        head = bytearray()
        for chunk in chunks:
            head += chunk
            if len(head) >= _HEAD_BYTES:
                break
        if self._unchanged:
            self._checked()
            found: list[dict[str, Any]] = json.loads(self._extract_path.read_bytes())
            return found
        with _piped(_before(bytes(head), chunks)) as pipe:
            found = extract(pipe, bytes(head), gzipped=False)
        self._check_end()
        self._keep(found, extract.digest)
        return found

    def _received(self, url: str, unchanged_since: str) -> Iterator[bytes]:
        """Yield the file's bytes as they come, those of an earlier run first."""
        self._part.parent.mkdir(parents=True, exist_ok=True)
        if not (self._part_meta.etag and self._part_meta.url == url):
            self._part.unlink(missing_ok=True)
        patience = self._connection.patience()
        for trial in self._connection.attempts(patience):
            with trial:
                yield from self._attempt(url, unchanged_since, patience)
                return

    def _attempt(self, url: str, unchanged_since: str, patience: Patience) -> Iterator[bytes]:
        have = self._part.stat().st_size if self._part.exists() else 0
        headers = {"Accept-Encoding": "gzip"}
        if have:
            headers |= {"Range": f"bytes={have}-", "If-Range": self._part_meta.etag}
        elif unchanged_since:
            headers["If-None-Match"] = unchanged_since
        request = self._connection.request(self._document, headers)
        response = self._connection.http.send(request, stream=True)
        try:
            if response.status_code == NOT_MODIFIED:
                self._unchanged = True
                return
            complete = _complete_size(response) == have > 0
            if not complete:
                check_status(response)
                if have and response.status_code != _PARTIAL:
                    self._start_over()
                    have = 0
            if not have:
                self._begin_part(url, response)
            self._count_total(response, have)
            if have and not self._position:
                yield from self._replayed()
            if not complete:
                yield from self._stored(response, patience)
        finally:
            response.close()

    def _start_over(self) -> None:
        """The file is not the one that the part is of."""
        self._part.unlink(missing_ok=True)
        if self._position:
            raise ChangedWhileReadingError

    def _begin_part(self, url: str, response: httpx2.Response) -> None:
        etag = response.headers.get("etag", "")
        self._part_meta = Meta(
            url=url,
            # A weak ETag does not say that two pieces belong together.
            etag="" if etag.startswith("W/") else etag,
            encoding=response.headers.get("content-encoding", ""),
        )
        self._part_meta.write_beside(self._part)

    def _replayed(self) -> Iterator[bytes]:
        """Yield what an earlier run had received."""
        with self._part.open("rb") as file:
            while chunk := file.read(_CHUNK):
                self._position += len(chunk)
                self._progress(len(chunk), None)
                yield chunk

    def _stored(self, response: httpx2.Response, patience: Patience) -> Iterator[bytes]:
        if not self._part_meta.etag and self._position:
            # Without an ETag nobody knows whether the rest belongs to the same file.
            self._start_over()
        with self._part.open("ab", buffering=0) as file:
            for chunk in response.iter_raw():
                file.write(chunk)
                self._position += len(chunk)
                patience.position = self._position
                self._progress(len(chunk), None)
                yield chunk

    def _decoded(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        decoder = None
        for chunk in chunks:
            if self._part_meta.encoding == "gzip":
                decoder = decoder or zlib.decompressobj(_GZIP)
                plain = decoder.decompress(chunk)
            else:
                plain = chunk
            if plain:
                self._last_byte = plain[-1:]
                yield plain

    def _count_total(self, response: httpx2.Response, have: int) -> None:
        length = response.headers.get("content-length", "")
        if length.isdigit() and not self._position:
            self._progress(0, have + int(length))

    def _check_end(self) -> None:
        if self._last_byte != b"\n":
            self._part.unlink(missing_ok=True)
            raise SourceChangedError(
                f"{self._document.name} ends in the middle of a line",
                why="the server sent less than the whole file",
                advice="planner refresh",
            )

    def _keep(self, rows: list[dict[str, Any]], digest: str) -> None:
        write_whole(self._extract_path, json.dumps(rows).encode())
        self._meta = self._part_meta
        self._meta.digest = digest
        if self._save:
            suffix = ".gz" if self._meta.encoding == "gzip" else ""
            self._part.replace(self._path.with_name(self._path.name + suffix))
        self._part.unlink(missing_ok=True)
        self._part.with_name(f"{self._part.name}.meta").unlink(missing_ok=True)
        self._checked()

    def _checked(self) -> None:
        self._meta.checked = self._as_of.isoformat()
        self._meta.write_beside(self._path)


def _complete_size(response: httpx2.Response) -> int | None:
    """Return the size of a file of which we asked for more than there is."""
    if response.status_code != _RANGE_NOT_SATISFIABLE:
        return None
    size = response.headers.get("content-range", "").rpartition("/")[2]
    return int(size) if size.isdigit() else None


def _before(head: bytes, rest: Iterable[bytes]) -> Iterator[bytes]:
    yield head
    yield from rest


@contextmanager
def _piped(chunks: Iterable[bytes]) -> Iterator[str]:
    """Give the chunks as a path that can be read once, from start to end.

    A thread writes them. Where the download fails, that error is raised rather than what the
    reader made of the torn end.
    """
    reader, writer = os.pipe()
    _enlarge(writer)
    failures: list[BaseException] = []

    def pump() -> None:
        try:
            for chunk in chunks:
                left = memoryview(chunk)
                while left:
                    left = left[os.write(writer, left) :]
        except BrokenPipeError:
            pass  # the reader gave up, and says why
        except BaseException as error:  # noqa: BLE001 - raised in the reading thread
            failures.append(error)
        finally:
            os.close(writer)

    thread = threading.Thread(target=pump, name="price file", daemon=True)
    thread.start()
    try:
        yield f"/dev/fd/{reader}"
    finally:
        os.close(reader)
        thread.join()
        if failures:
            raise failures[0]


def _enlarge(pipe: int) -> None:
    """Let the pipe hold a whole chunk, where the system can (Linux)."""
    import fcntl

    with suppress(AttributeError, OSError):
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
