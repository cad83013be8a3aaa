"""The open LLMs planner knows, by short name.

Source: ``pricing_data/models.csv``; every row cites the configuration it was read from.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from planner.bundled import pricing_data
from planner.errors import UnknownNameError, UsageError
from planner.serving import table
from planner.serving.models import columns, reader
from planner.serving.models.model import Model

if TYPE_CHECKING:
    from pathlib import Path


@cache
def all_models() -> tuple[Model, ...]:
    """Return every model, in the table's order."""
    return tuple(_parse(row) for row in table.read(pricing_data() / "models.csv"))


@cache
def _by_name() -> dict[str, Model]:
    index: dict[str, Model] = {}
    for model in all_models():
        for key in (model.hf_id, *model.aliases, model.name):
            index[_fold(key)] = model
    return index


def get(name: str) -> Model:
    """Return the model with this short name, alias or Hugging Face id (any case).

    Raises:
        UnknownNameError: No such model.
    """
    try:
        return _by_name()[_fold(name)]
    except KeyError:
        raise UnknownNameError(
            "model", name, (m.name for m in all_models()), advice="planner models"
        ) from None


def add(model: Model, *also: str) -> None:
    """Make a model that is not in the table known to this process, by its name and its id.

    Args:
        model: The model.
        also: Other texts that mean it, such as the path that was typed.

    Raises:
        UsageError: The table has another model of that name.
    """
    index = _by_name()
    known = index.get(_fold(model.name))
    if known is not None and known in all_models():
        raise UsageError(f"{model.name} is the name of another model", advice="planner models")
    for key in (model.hf_id, model.name, *also):
        if index.get(_fold(key)) not in all_models():
            index[_fold(key)] = model


def call(model: Model, text: str) -> None:
    """Let ``get`` know a model of the table by another text as well."""
    _by_name().setdefault(_fold(text), model)


def forget() -> None:
    """Forget the models that ``add`` made known."""
    _by_name.cache_clear()


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


def _parse(row: dict[str, str]) -> Model:
    return columns.completed(
        Model(
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
    )
