"""Files kept between refreshes, each with what is known of it in a small file beside it."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from planner.pricing.sources.interface import SourceChangedError

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(slots=True)
class Meta:
    """What is known of a file in the cache.

    Attributes:
        checked: The last day the cloud said that this is the newest version.
        digest: Of what was extracted.
    """

    url: str = ""
    etag: str = ""
    encoding: str = ""
    checked: str = ""
    digest: str = ""

    @classmethod
    def beside(cls, path: Path) -> Meta:
        """Read what is known of a file; empty where nothing is."""
        with suppress(OSError, ValueError, TypeError):
            return cls(**json.loads(_meta_path(path).read_text(encoding="utf-8")))
        return cls()

    def write_beside(self, path: Path) -> None:
        """Keep what is known of a file."""
        fields = {name: getattr(self, name) for name in self.__slots__}
        write_whole(_meta_path(path), json.dumps(fields).encode())


def parse_json(name: str, content: bytes) -> Any:  # noqa: ANN401 - whatever the interface answers
    """Parse a document.

    Raises:
        SourceChangedError: It is not JSON.
    """
    try:
        return json.loads(content)
    except ValueError as error:
        raise SourceChangedError(f"{name} is not JSON", why=str(error)) from error


def write_whole(path: Path, content: bytes) -> None:
    """Write a file in one step, so that a killed run leaves the old or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.writing")
    draft.write_bytes(content)
    draft.replace(path)


def _meta_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.meta")
