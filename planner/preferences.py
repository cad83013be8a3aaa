"""What a user tells planner once: company, contact, whom to notify. A JSON file, no secrets.

A notification URL may hold a token; the file can be read by its owner only.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from planner import state
from planner.errors import DataError, UnknownNameError

if TYPE_CHECKING:
    from pathlib import Path

KEYS = {
    "company": "Whose workload it is; in quota requests.",
    "contact.email": "Whom Google and support tickets answer.",
    "contact.first_name": "For support tickets.",
    "contact.last_name": "For support tickets.",
    "contact.country": "Three letters (USA, DEU, ...), for support tickets.",
    "catalog-url": "Where planner refresh takes a published catalogue from.",
    "catalog-identity": "Who must have signed that catalogue (Sigstore).",
    "budget": "US dollars a calendar month for all endpoints (planner actuals).",
    "notify": "Where changes of quota requests are told: a URL or a command.",
}


def path() -> Path:
    """Return the file."""
    return state.folder() / "config.json"


def load() -> dict[str, str]:
    """Return what was told.

    Raises:
        DataError: The file cannot be read.
    """
    try:
        found = json.loads(path().read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise DataError(f"cannot read {path()}", why=str(error), advice=f"rm {path()}") from error
    return {key: str(value) for key, value in found.items() if key in KEYS}


def get(key: str) -> str:
    """Return one thing that was told, or an empty text."""
    return load().get(key, "")


def change(values: dict[str, str]) -> dict[str, str]:
    """Write down what is told now; an empty text takes it back.

    Raises:
        UnknownNameError: Nothing of that name can be told.
    """
    for key in values:
        if key not in KEYS:
            raise UnknownNameError("setting", key, KEYS, advice="planner config")
    now = {key: value for key, value in {**load(), **values}.items() if value}
    draft = path().with_suffix(".new")
    draft.touch(mode=0o600)
    draft.write_text(json.dumps(now, indent=2), encoding="utf-8")
    draft.replace(path())
    return now
