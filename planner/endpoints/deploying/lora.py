"""LoRA adapters that are served beside their model, each under a name of its own: ``--lora``."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from planner.errors import UsageError
from planner.serving import models
from planner.serving.models.adapters import served_rank

if TYPE_CHECKING:
    from collections.abc import Iterable

    from planner.serving.models import Model
    from planner.serving.models.model import Adapter

_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")
_SHAPE = ("layers", "hidden", "vocab")


@dataclass(frozen=True, slots=True)
class Served:
    """What serving the adapters comes to.

    Attributes:
        arguments: vLLM's, without dashes.
        remarks: What the user should know of them, a sentence each.
    """

    arguments: dict[str, str]
    remarks: tuple[str, ...]


def read(texts: Iterable[str], model: Model, *, here: bool) -> Served:
    """Return what vLLM is told to serve adapters beside their model.

    Args:
        texts: Each ``NAME=WHERE``.
        model: What they are served on.
        here: On this machine, where a folder can be read.

    Raises:
        UsageError: One is no adapter, of another model, or cannot be read from where it runs.
        PlannerError: One cannot be found.
    """
    if model.adapter is not None:
        raise UsageError(
            f"{model.name} is an adapter already",
            advice=f"planner deploy {model.adapter.base} --lora {model.name}="
            f"{model.adapter.location} and a --lora for each of the others",
        )
    found: dict[str, Adapter] = {}
    remarks: list[str] = []
    for text in texts:
        name, location = _split(text)
        if name in found:
            raise UsageError(f"--lora names {name} twice")
        if name == model.name:
            raise UsageError(
                f"{name} is the name of the model itself", advice=f"--lora another-name={location}"
            )
        adapter, remark = _look_up(name, location, model, here=here)
        found[name] = adapter
        remarks += [remark] if remark else []
    size = sum(item.weights_bytes for item in found.values()) / 1e9
    remarks.append(
        f"Adapters take {size:.2f} GB of each copy's memory beside what was planned, or more: "
        "the engine makes room for the largest rank times their number."
    )
    return Served(_arguments(found), tuple(remarks))


def _arguments(found: dict[str, Adapter]) -> dict[str, str]:
    ranks = max(served_rank(item.rank) for item in found.values())
    return {
        "enable-lora": "",
        "lora-modules": shlex.join(f"{name}={item.location}" for name, item in found.items()),
        "max-lora-rank": str(ranks),
        # All of them in one batch; vLLM's default is one, and the others wait.
        "max-loras": str(len(found)),
    }


def _split(text: str) -> tuple[str, str]:
    name, _, location = text.partition("=")
    if not _NAME.fullmatch(name) or not location or any(c.isspace() for c in location):
        raise UsageError(
            f"--lora takes NAME=WHERE, not {text!r}",
            advice="--lora sql=some-org/llama-sql-lora: requests then name the model sql",
        )
    return name, location


def _look_up(name: str, location: str, model: Model, *, here: bool) -> tuple[Adapter, str]:
    """Return an adapter, and what is odd about it."""
    path = Path(location).expanduser()
    if path.exists() and not here:
        raise UsageError(
            f"{location} lies on this computer, where the machine in the cloud cannot read it",
            advice=f"put it on the Hugging Face hub, and --lora {name}=ORGANISATION/REPOSITORY",
        )
    together = models.find(str(path.resolve()) if path.exists() else location)
    adapter = together.adapter
    if adapter is None:
        raise UsageError(
            f"{location} is a model of its own, no adapter", advice=f"planner deploy {location}"
        )
    if any(getattr(together, side) != getattr(model, side) for side in _SHAPE):
        raise UsageError(
            f"{name} was trained on {adapter.base}, which has another shape than {model.name}",
            advice=f"planner deploy {adapter.base} --lora {name}={location}",
        )
    if adapter.base.casefold() != model.hf_id.casefold():
        return adapter, (
            f"{name} was trained on {adapter.base}, and is served on {model.hf_id}: "
            "of the same shape, with other weights."
        )
    return adapter, ""
