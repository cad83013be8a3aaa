"""Answers that planner keeps on disk between runs.

Some answers take long and follow from files alone: how many requests a card serves, which
offers a price list holds as of a day. Each is kept under a fingerprint of its question, of
planner's own code and of the figures it ships, so that none outlives what it follows from.

They lie in the user's cache folder; ``PLANNER_CACHE_DIR`` names another one. A folder that
cannot be read or written only costs time.
"""

from __future__ import annotations

import hashlib
import json
import os
from functools import cache
from pathlib import Path
from typing import Any

from planner.bundled import pricing_data

_CODE = ("serving", "pricing")
_MOST = 200
"""Answers that are kept; the oldest go first."""


def read(kind: str, question: object) -> Any:  # noqa: ANN401 - what JSON holds
    """Return what is kept for a question; None where nothing is.

    Args:
        kind: Which answers: a folder of its own.
        question: Anything whose ``repr`` tells it from all others.
    """
    try:
        return json.loads(_path(kind, question).read_bytes())
    except (OSError, ValueError):
        return None


def write(kind: str, question: object, answer: object) -> None:
    """Keep an answer, as JSON: all of it or nothing."""
    import tempfile

    path = _path(kind, question)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.NamedTemporaryFile(
            "w", dir=path.parent, delete=False, encoding="utf-8"
        ) as file:
            json.dump(answer, file, separators=(",", ":"))
        Path(file.name).replace(path)
        _forget_the_oldest(path.parent)
    except OSError:
        return


def folder() -> Path:
    """Return where answers are kept."""
    chosen = os.environ.get("PLANNER_CACHE_DIR")
    if chosen:
        return Path(chosen)
    from platformdirs import user_cache_path

    return user_cache_path("gpu-planner") / "answers"


def _path(kind: str, question: object) -> Path:
    text = f"{origin()}\n{question!r}"
    return folder() / kind / f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.json"


@cache
def origin() -> str:
    """Return a fingerprint of the code and the figures that answers follow from."""
    package = Path(__file__).resolve().parent
    files = [*pricing_data().iterdir()]
    for name in _CODE:
        files += (package / name).rglob("*.py")
    stats = [(str(file), file.stat()) for file in sorted(files)]
    seen = [(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats]
    return hashlib.sha256(repr(seen).encode()).hexdigest()


def _forget_the_oldest(kept: Path) -> None:
    files = list(kept.glob("*.json"))
    if len(files) > _MOST:
        files.sort(key=lambda file: file.stat().st_mtime)
        for file in files[: len(files) - _MOST]:
            file.unlink(missing_ok=True)
