"""Which model is meant, and where its weights are: planner's table, a folder, a file, the hub."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from planner.endpoints.local import engines
from planner.serving import models

if TYPE_CHECKING:
    from planner.serving.models import Model

# A GGUF file with so many bits a parameter or more is not quantized below that.
_BITS = ((12, "fp16"), (6, "int8"), (0, "int4"))


@dataclass(frozen=True, slots=True)
class Source:
    """A model and its weights.

    Attributes:
        weights: A file or folder of this machine, or a Hugging Face id; empty where planner
            chooses them with the precision.
        weights_bytes: Of a file that is here; None where not known.
    """

    model: Model
    weights: str = ""
    weights_bytes: int | None = None

    @property
    def here(self) -> bool:
        """Tell whether the weights are on this machine already."""
        return bool(self.weights) and Path(self.weights).exists()

    @property
    def precision(self) -> str | None:
        """Return what a GGUF file is stored in, by its size; None where that is open."""
        if self.weights_bytes is None:
            return None
        bits = self.weights_bytes * 8 / (self.model.params_b * 1e9)
        return next(name for least, name in _BITS if bits >= least)


def find(text: str, weights: str = "") -> Source:
    """Return what a user's word for a model means.

    Args:
        text: A name of the table, a folder with a ``config.json``, a GGUF file, an adapter, or a
            Hugging Face id.
        weights: Other weights of the same model; empty for its usual ones.

    Raises:
        UnknownNameError: None of these.
        PlannerError: What it means cannot be read.
    """
    model = models.find(text)
    if models.in_table(model):
        source = Source(model)
    elif engines.is_gguf(model.location):
        source = Source(model, model.location, round(model.files_bytes or 0))
    else:
        source = Source(model, model.location or model.hf_id)
    return _with_weights(source, weights) if weights else source


def _with_weights(source: Source, weights: str) -> Source:
    path = Path(weights).expanduser()
    if not path.exists():
        return replace(source, weights=weights, weights_bytes=None)
    path = path.resolve()
    size = path.stat().st_size if engines.is_gguf(path.name) else None
    return Source(source.model, str(path), size)
