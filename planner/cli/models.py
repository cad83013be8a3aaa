"""``planner models``: the models planner knows."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from planner.cli.output import Column, emit, format_option
from planner.errors import NotFoundError
from planner.serving import memory
from planner.serving import models as known_models

if TYPE_CHECKING:
    from collections.abc import Mapping

    from planner.serving.models import Model


def _weights(row: Mapping[str, Any]) -> str:
    return f"{row['weights_gib']:.1f} {row['native_precision']}"


def _context(row: Mapping[str, Any]) -> str:
    tokens = row["max_context"]
    return f"{tokens >> 20}M" if tokens >= 1 << 20 else f"{tokens >> 10}k"


_COLUMNS = (
    Column("name", "Model"),
    Column("params_b", "Params B", "right", lambda row: f"{row['params_b']:.2f}"),
    Column(
        "active_params_b",
        "Active B",
        "right",
        lambda row: f"{row['active_params_b']:.2f}",
        drop_below=90,
    ),
    Column("max_context", "Context", "right", _context),
    Column("attention", "Attention", drop_below=100),
    Column(
        "kv_kib_per_token", "KV KiB/token", "right", lambda row: f"{row['kv_kib_per_token']:.0f}"
    ),
    Column("weights_gib", "Weights GiB", "right", _weights),
    Column("license", "Licence", drop_below=130),
    Column("gated", "Gated", drop_below=100),
)


@click.command()
@click.argument("words", nargs=-1)
@format_option
def models(words: tuple[str, ...], output_format: str) -> None:
    """List the models planner knows; WORDS keep those with all of them in name or id.

    Params and Active are billions of parameters; KV is the 16-bit cache of one token; Weights
    are at the precision they are published in.
    """
    found = [model for model in known_models.all_models() if _matches(model, words)]
    if not found:
        raise NotFoundError(f"no model matches {' '.join(words)!r}", advice="planner models")
    emit([_record(model) for model in found], _COLUMNS, output_format, fields=_FIELDS)


_FIELDS = (
    *("name", "hf_id", "params_b", "active_params_b", "max_context", "attention", "layers"),
    *("hidden", "heads", "kv_heads", "head_dim", "vocab", "moe_experts", "moe_active"),
    *("sliding_window", "full_attention_every", "kv_kib_per_token", "weights_gib"),
    *("native_precision", "license", "gated", "source"),
)


def _matches(model: Model, words: tuple[str, ...]) -> bool:
    text = " ".join((model.name, model.hf_id, *model.aliases)).casefold()
    return all(word.casefold() in text for word in words)


def _record(model: Model) -> Mapping[str, Any]:
    return {
        **asdict(model),
        "kv_kib_per_token": memory.kv_bytes_per_token(model) / 1024,
        "weights_gib": round(memory.weight_bytes(model, model.native_precision) / memory.GIB, 3),
    }
