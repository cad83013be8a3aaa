"""Price files fetched elsewhere, for machines without internet: ``planner refresh --from``."""

from __future__ import annotations

import gzip
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from planner.errors import DataError
from planner.pricing.sources.cache import Meta, parse_json
from planner.pricing.sources.interface import DownloadError

if TYPE_CHECKING:
    from pathlib import Path

    from planner.pricing.sources.interface import Document, Extract, Progress

_HEAD_BYTES = 64 << 10


class SavedFiles:
    """A folder with the files of one cloud, as ``planner refresh --save`` leaves them.

    Each file may be plain or gzipped (``.gz`` added to its name). The day a file stood is the
    day its cloud last confirmed it, or for a file fetched by other means the day it was
    written.

    Args:
        folder: Holds ``aws/``, ``azure/`` and ``gcp/``.
        cloud: Which of them is read.
        progress: Told of bytes and pages.
    """

    def __init__(self, folder: Path, cloud: str, progress: Progress) -> None:
        self._folder = folder
        self._cloud = cloud
        self._progress = progress

    @property
    def as_of(self) -> date:
        """The oldest day of the cloud's files.

        Raises:
            DataError: There are none.
        """
        files = [p for p in (self._folder / self._cloud).rglob("*") if _is_content(p)]
        if not files:
            raise DataError(
                f"{self._folder} holds no price files of {self._cloud}",
                why=f"looked in {self._folder / self._cloud}",
                advice=f"planner refresh --save DIR --cloud {self._cloud}, on a machine with "
                "internet",
            )
        return min(_stood(path) for path in files)

    def json(self, document: Document) -> Any:  # noqa: ANN401 - whatever the interface answers
        """Return a JSON document."""
        path = self._find(document)
        content = gzip.decompress(path.read_bytes()) if _is_gzip(path) else path.read_bytes()
        self._progress(1, None)
        return parse_json(document.name, content)

    def rows(self, document: Document, extract: Extract) -> list[dict[str, Any]]:
        """Return what is extracted of a file."""
        path = self._find(document)
        with gzip.open(path) if _is_gzip(path) else path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
        size = path.stat().st_size
        self._progress(0, size)
        found = extract(str(path), head, gzipped=_is_gzip(path))
        self._progress(size, None)
        return found

    def listing(self, folder: str) -> list[str] | None:
        """Return the names of the files in a folder, without ``.gz``."""
        paths = (self._folder / folder).glob("*")
        return sorted(p.name.removesuffix(".gz") for p in paths if _is_content(p))

    def close(self) -> None:
        """Do nothing: no connection is held."""

    def _find(self, document: Document) -> Path:
        plain = self._folder / document.name
        for path in (plain, plain.with_name(f"{plain.name}.gz")):
            if path.is_file():
                return path
        raise DownloadError(
            f"{document.name} is missing in {self._folder}",
            why=f"it is {document.url}",
            advice="planner refresh --save DIR, on a machine with internet",
        )


def _is_content(path: Path) -> bool:
    return path.is_file() and not path.name.endswith((".meta", ".part", ".rows.json", ".writing"))


def _is_gzip(path: Path) -> bool:
    return path.suffix == ".gz"


def _stood(path: Path) -> date:
    checked = Meta.beside(path.with_name(path.name.removesuffix(".gz"))).checked
    if checked:
        return date.fromisoformat(checked)
    return datetime.fromtimestamp(path.stat().st_mtime, UTC).date()
