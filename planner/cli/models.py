"""``planner models``: the models planner knows."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from planner.cli.options import parameters_of, parameters_option
from planner.cli.output import emit, format_option
from planner.cli.tables import Column
from planner.errors import NotFoundError, UnknownNameError, nearest
from planner.serving import memory
from planner.serving import models as known_models

if TYPE_CHECKING:
    from collections.abc import Mapping

    from planner.serving.models import Model


def _weights(row: Mapping[str, Any]) -> str:
    return f"{row['weights_gib']:.1f} {row['native_precision']}"


def _context(row: Mapping[str, Any]) -> str:
    # Whole: 128,000 and 131,072 tokens are both called 128k.
    return f"{row['max_context']:,}"


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
@parameters_option
@format_option
@click.pass_context
def models(ctx: click.Context, /, words: tuple[str, ...], output_format: str) -> None:
    """List the models planner knows, or explain one.

    WORDS keep the models with all of them in name or id. One that is a name, an id, a folder, a
    GGUF file or an adapter is explained: parameters, bytes by part, cache and state by kind of
    layer, precisions, and the evidence for each figure; csv gives its row.

    Params and Active are billions of parameters; KV is the 16-bit cache of one token; Weights
    are at the precision they are published in.

    \b
    planner models
    planner models qwen
    planner models llama-3.1-70b
    planner models Qwen/Qwen3-235B-A22B-FP8
    planner models ./my-finetune --format json
    """  # noqa: D301 - click reads the backspace as "keep these lines"
    subject = _subject(words, parameters_of(ctx))
    if subject is not None and output_format in {"table", "json"}:
        from planner.cli import model_view

        model_view.show(subject, output_format)
        return
    listed = known_models.all_models() if subject is None else (subject,)
    found = [model for model in listed if subject is not None or _matches(model, words)]
    if not found:
        near = nearest(words[0], known_models.rows())
        raise NotFoundError(
            f"no model matches {' '.join(words)!r}",
            why=f"did you mean {', '.join(near)}?" if near else "",
            advice="planner models",
        )
    emit([row(model) for model in found], _COLUMNS, output_format, fields=_FIELDS)


def _subject(words: tuple[str, ...], parameters: int | None) -> Model | None:
    """Return the one model that is meant; None where words are to be looked for."""
    if len(words) != 1:
        return None
    try:
        return known_models.find(words[0], parameters=parameters)
    except UnknownNameError:
        return None


_FIELDS = (
    *("name", "hf_id", "params_b", "active_params_b", "max_context", "attention", "layers"),
    *("hidden", "heads", "kv_heads", "head_dim", "vocab", "moe_experts", "moe_active"),
    *("sliding_window", "full_attention_every", "kv_kib_per_token", "weights_gib"),
    *("native_precision", "license", "gated", "source"),
)


def _matches(model: Model, words: tuple[str, ...]) -> bool:
    text = " ".join((model.name, model.hf_id, *model.aliases)).casefold()
    return all(word.casefold() in text for word in words)


def row(model: Model) -> dict[str, Any]:
    """Return a model's row: the columns of the table, without its parts and caches."""
    whole = asdict(model)
    for inside in ("parts", "caches", "quantization", "adapter"):
        del whole[inside]
    return {
        **whole,
        "kv_kib_per_token": model.kv_bytes_per_token() / 1024,
        "weights_gib": round((model.loaded_bytes or 0) / memory.GIB, 3),
    }
