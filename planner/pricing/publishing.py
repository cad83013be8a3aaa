"""Make a catalogue of a store: the index that names its files (``published.py`` reads it)."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from planner.pricing import instance_types, published, snapshots
from planner.pricing.sources.cache import write_whole

if TYPE_CHECKING:
    from pathlib import Path


def write_index(root: Path) -> Path:
    """Write ``index.json`` of the snapshots below ``root``; unchanged where they are.

    Files go up before the index that names them, so that a reader never misses one.
    """
    found: dict[str, Any] = {
        "format": published.FORMAT,
        "snapshots": [
            {"cloud": cloud, "as_of": day.isoformat(), **_file(root, path)}
            for cloud, day, path in snapshots.find(root)
        ],
    }
    types = root / instance_types.FILE_NAME
    if types.is_file():
        found["instance_types"] = _file(root, types)
    index = root / published.INDEX
    if _without_time(index) != found:
        now = datetime.now(UTC).replace(microsecond=0).isoformat()
        write_whole(index, json.dumps({"published": now} | found, indent=1).encode())
    return index


def _file(root: Path, path: Path) -> dict[str, Any]:
    content = path.read_bytes()
    return {
        "path": path.relative_to(root).as_posix(),
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
    }


def _without_time(index: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(index.read_bytes())
    except (OSError, ValueError):
        return {}
    found.pop("published", None)
    return found


def restore(site: published.Site, root: Path) -> int:
    """Fetch every snapshot of a catalogue that ``root`` lacks; return how many.

    A runner without a disk of its own begins so: what it publishes is held against what it
    published before.
    """
    content = site.find(published.INDEX)
    if content is None:
        return 0
    index = published.parse(content)
    entries = [*index.snapshots, *([index.types] if index.types else [])]
    missing = [entry for entry in entries if not (root / entry.path).is_file()]
    for entry in missing:
        write_whole(root / entry.path, entry.require(site.get(entry.path)[0] or b""))
    return len(missing)
