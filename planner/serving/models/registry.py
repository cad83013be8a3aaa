"""The open LLMs planner knows, by short name, and those that this process has learned.

Sources: ``pricing_data/models.csv`` (names, licences and shapes that its columns express) and
``pricing_data/model_configs.jsonl`` (the configurations of the others, and of those of the table
that columns do not express). Every row cites where it was read. A model is read when it is asked
for, so that a command pays for one and not for all.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

from planner.bundled import pricing_data
from planner.errors import DataError, UnknownNameError, UsageError
from planner.serving import table
from planner.serving.models import columns, reader
from planner.serving.models.model import Model

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Row:
    """One model of the table, before it is read.

    Attributes:
        name: Its short name.
        aliases: Other names.
        hf_id: Its id on the hub.
        columns: Its row of ``models.csv``; None where it has none.
        record: Its line of ``model_configs.jsonl``; None where it has none.
    """

    name: str
    aliases: tuple[str, ...]
    hf_id: str
    columns: Mapping[str, str] | None = None
    record: Mapping[str, Any] | None = None

    @property
    def keys(self) -> tuple[str, ...]:
        """What ``get`` knows it by."""
        return (self.hf_id, *self.aliases, self.name)


@cache
def rows() -> dict[str, Row]:
    """Return every row of the table by its short name, in the table's order."""
    records = {record["name"]: record for record in _records()}
    found = {}
    for row in table.read(pricing_data() / "models.csv"):
        name, aliases = row["name"], tuple(row["aliases"].split())
        found[name] = Row(name, aliases, row["hf_id"], row, records.pop(name, None))
    for name, record in records.items():
        found[name] = Row(name, tuple(record["aliases"]), record["hf_id"], record=record)
    return found


def _records() -> Iterator[dict[str, Any]]:
    path = pricing_data() / "model_configs.jsonl"
    try:
        for line in path.read_text(encoding="utf-8").splitlines():
            yield json.loads(line)
    except (OSError, ValueError) as error:
        raise DataError(
            f"cannot read {path}",
            why=str(error),
            advice="reinstall planner: pip install --force-reinstall gpu-planner",
        ) from error


def all_models() -> tuple[Model, ...]:
    """Return every model of the table, in its order."""
    return tuple(_read(name) for name in rows())


def in_table(model: Model) -> bool:
    """Tell whether a model is one of the table, and not one that was learned."""
    return model.name in rows() and _read(model.name) is model


@cache
def _read(name: str) -> Model:
    """Return a model of the table: by its configuration where it has one, else by its columns."""
    row = rows()[name]
    own = _of_record(row.record) if row.record else None
    if row.columns is None:
        if own is None:
            raise DataError(f"the table has no shape of {name}")
        return own
    found = _of_columns(row.columns)
    if own is None:
        return columns.completed(found)
    return replace(
        found,
        parts=own.parts,
        caches=own.caches,
        loaded_bytes=own.loaded_bytes,
        files_bytes=own.files_bytes,
        quantization=own.quantization,
        family=own.family,
    )


def _of_record(record: Mapping[str, Any]) -> Model:
    """Return the model of a configuration in the table; its licence is stated nowhere."""
    checkpoint = reader.Checkpoint(
        record["config"],
        record["name"],
        record["source"],
        record.get("beside", {}),
        hf_id=record["hf_id"],
    )
    found = reader.of(checkpoint)
    return replace(found, aliases=tuple(record["aliases"]), evidence="table")


@cache
def _names() -> dict[str, str]:
    return {_fold(key): row.name for row in rows().values() for key in row.keys}


@cache
def _learned() -> dict[str, Model]:
    """Return what ``add`` made known to this process."""
    return {}


def get(name: str) -> Model:
    """Return the model with this short name, alias or Hugging Face id (any case).

    Raises:
        UnknownNameError: No such model.
    """
    folded = _fold(name)
    if folded in _names():
        return _read(_names()[folded])
    if folded in _learned():
        return _learned()[folded]
    raise UnknownNameError("model", name, rows(), advice="planner models")


def add(model: Model, *also: str) -> None:
    """Make a model that is not in the table known to this process, by its name and its id.

    Args:
        model: The model.
        also: Other texts that mean it, such as the path that was typed.

    Raises:
        UsageError: The table has another model of that name.
    """
    if model.name in rows():
        raise UsageError(f"{model.name} is the name of another model", advice="planner models")
    call(model, model.hf_id, model.name, *also)


def call(model: Model, *texts: str) -> None:
    """Let ``get`` know a model by other texts as well; names of the table keep their meaning."""
    _learned().update({_fold(text): model for text in texts})


def forget() -> None:
    """Forget the models that ``add`` made known."""
    _learned.cache_clear()


def from_config(path: Path, *, parameters: int | None = None) -> Model:
    """Return a model that is not in the table, from its files.

    Parameters are counted from the configuration's own fields, so the licence and whether the
    weights are gated stay ``not known``.

    Args:
        path: A folder, its ``config.json`` or ``params.json``, or a GGUF file.
        parameters: All weights, where the user knows better than the configuration.

    Raises:
        DataError: It cannot be read, or lacks a key.
        UsageError: The folder holds several models, or only an adapter.
    """
    return reader.read(path, parameters=parameters)


def _fold(name: str) -> str:
    return name.casefold().replace("_", "-").replace(" ", "-")


def _of_columns(row: Mapping[str, str]) -> Model:
    return Model(
        name=row["name"],
        aliases=tuple(row["aliases"].split()),
        hf_id=row["hf_id"],
        params_b=float(row["params_b"]),
        active_params_b=float(row["active_params_b"]),
        layers=int(row["layers"]),
        hidden=int(row["hidden"]),
        intermediate=int(row["intermediate"]),
        heads=int(row["heads"]),
        kv_heads=int(row["kv_heads"]),
        head_dim=table.integer(row["head_dim"]),
        vocab=int(row["vocab"]),
        max_context=int(row["max_context"]),
        attention=row["attention"],
        kv_lora_rank=table.integer(row["kv_lora_rank"]),
        qk_rope_head_dim=table.integer(row["qk_rope_head_dim"]),
        moe_experts=table.integer(row["moe_experts"]),
        moe_active=table.integer(row["moe_active"]),
        moe_intermediate=table.integer(row["moe_intermediate"]),
        shared_experts=table.integer(row["shared_experts"]),
        dense_layers=table.integer(row["dense_layers"]),
        sliding_window=table.integer(row["sliding_window"]),
        full_attention_every=table.integer(row["full_attention_every"]),
        tied_embeddings=row["tied_embeddings"] == "1",
        native_precision=row["native_precision"],
        fp16_safe=row["fp16_safe"] == "1",
        license=row["license"],
        gated=row["gated"],
        source=row["source"],
    )
