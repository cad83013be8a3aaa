"""One reader for every model: a folder, a configuration, a GGUF file, and the evidence for each.

``read`` gives a model with its evidence and warnings, or an error that names the key that is
missing and the way out. It never takes weights for 16-bit that say something else.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from planner.errors import DataError, UsageError
from planner.serving.models import (
    assembly,
    counting,
    families,
    files,
    gguf_model,
    keys,
    ladder,
    params_json,
    quantization,
)
from planner.serving.models.keys import KeyProblemError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from planner.serving.models.model import Model

CONFIG, PARAMS, ADAPTER = "config.json", "params.json", "adapter_config.json"
_BESIDE = ("hf_quant_config.json", "quantize_config.json")
_WAY_OUT = "--parameters 34B, where the number of weights is known; or its weight files beside it"
# What reading a value of an unforeseen shape raises: the file is at fault, and is named.
_UNFORESEEN = (TypeError, ValueError, ArithmeticError, LookupError, AttributeError, RecursionError)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What is read of a model that is stored as a configuration and weight files.

    Attributes:
        config: The content of ``config.json``.
        name: What the model is called.
        source: Where it was read.
        beside: Contents of quantization files beside it, by file name.
        weights: What its weight files say.
        hf_id: Its id on the hub; empty where it has none.
    """

    config: Mapping[str, Any]
    name: str
    source: str
    beside: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    weights: files.WeightFiles = field(default_factory=files.WeightFiles)
    hf_id: str = ""


def read(path: Path, *, parameters: int | None = None) -> Model:
    """Return the model in a folder or file.

    Args:
        path: A folder, its ``config.json`` or ``params.json``, or a GGUF file.
        parameters: All weights, where the user knows better than the configuration.

    Raises:
        DataError: It cannot be read, or lacks a key.
        UsageError: The folder holds several models, or only an adapter.
    """
    if path.suffix == ".gguf" or (path.is_file() and gguf_model.is_gguf(path)):
        return gguf_model.read(path)
    folder = path if path.is_dir() else path.parent
    if path.is_file():
        file = path
    else:
        file = next(
            (folder / n for n in (CONFIG, PARAMS) if (folder / n).is_file()), folder / CONFIG
        )
    if path.is_dir() and not file.exists():
        ggufs = gguf_model.in_folder(folder)
        if ggufs:
            return gguf_model.read(ggufs)
        if (folder / ADAPTER).is_file():
            raise _only_adapter(folder)
    content = _json(file)
    config = params_json.config(content) if _is_params(file, content) else content
    checkpoint = Checkpoint(
        config,
        _name(folder),
        str(file),
        {name: _json(folder / name) for name in _BESIDE if (folder / name).is_file()},
        files.weigh(folder),
        _hf_id(content),
    )
    return of(checkpoint, parameters=parameters)


def from_params(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of a ``params.json`` as a configuration."""
    return params_json.config(params)


def of(checkpoint: Checkpoint, *, parameters: int | None = None) -> Model:
    """Return the model of a checkpoint.

    Raises:
        DataError: A key is missing or cannot be read.
    """
    try:
        return _model(checkpoint, parameters)
    except KeyProblemError as error:
        raise DataError(
            f"cannot read {checkpoint.source}", why=error.problem, advice=_WAY_OUT
        ) from error
    except _UNFORESEEN as error:
        raise DataError(
            f"{checkpoint.source} is not a usable model configuration",
            why=f"{type(error).__name__}: {error}",
            advice=_WAY_OUT,
        ) from error


def _model(checkpoint: Checkpoint, parameters: int | None) -> Model:
    config = checkpoint.config
    words, towers = keys.language_part(config)
    words, family = families.completed(config, words, lenient=parameters is not None)
    shape = (
        counting.count(words, family, towers)
        if parameters is None
        else counting.told(words, family, parameters)
    )
    stored = str(words.raw("torch_dtype", "dtype") or "").removeprefix("torch.")
    found = quantization.read(config, checkpoint.beside)
    if towers and found is None and stored != "float32":
        shape = ladder.with_measured_towers(shape, checkpoint.weights, tied=family.tied)
    sized = ladder.settle(
        shape,
        found,
        checkpoint.weights,
        stored=stored,
        tied=family.tied,
    )
    return assembly.model(
        assembly.Facts(words, family, shape, sized, tuple(towers), told=parameters is not None),
        name=checkpoint.name,
        hf_id=checkpoint.hf_id or checkpoint.name,
        source=checkpoint.source,
    )


def _json(path: Path) -> dict[str, Any]:
    """Return the content of a JSON file; ``Infinity`` and a byte order mark occur in real ones."""
    advice = "a folder with the config.json of a model, or its id on the Hugging Face hub"
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"cannot read {path}", why=str(error), advice=advice) from error
    if not isinstance(content, dict):
        raise DataError(f"{path} is not a model configuration", advice=advice)
    return content


def _is_params(file: Path, content: Mapping[str, Any]) -> bool:
    return file.name == PARAMS or ("dim" in content and "n_layers" in content)


def _hf_id(config: Mapping[str, Any]) -> str:
    """Return the id that a configuration names; a folder of somebody's machine is none."""
    name = config.get("_name_or_path")
    return name if isinstance(name, str) and re.fullmatch(r"[\w.-]+/[\w.-]+", name) else ""


def _name(folder: Path) -> str:
    """Return a folder's name; a snapshot in the cache of the hub has that of its model."""
    folder = folder.resolve()
    if re.fullmatch(r"[0-9a-f]{16,}", folder.name) and folder.parent.name == "snapshots":
        return folder.parent.parent.name.rpartition("--")[2].lower()
    return folder.name.lower() or "model"


def _only_adapter(folder: Path) -> UsageError:
    base = _json(folder / ADAPTER).get("base_model_name_or_path") or "a model it does not name"
    return UsageError(
        f"{folder} is an adapter for {base}, not a model",
        why=f"it has an {ADAPTER} and no {CONFIG}",
        advice=f"planner models {base}",
    )
