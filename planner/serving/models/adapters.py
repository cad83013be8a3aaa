"""LoRA adapters: what they add to the model they were trained on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from planner.errors import DataError
from planner.serving.models.model import Adapter, Part

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from planner.serving.models.model import Model

# vLLM gives every adapter room for one of these ranks (--max-lora-rank).
RANKS = (8, 16, 32, 64, 128, 256, 320, 512)
_USUAL_TARGETS = ("q_proj", "v_proj")
_EVERY_LINEAR = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


def base_of(config: Mapping[str, Any], location: str) -> str:
    """Return the model that an adapter was trained on, as it names it.

    Raises:
        DataError: It names none.
    """
    base = config.get("base_model_name_or_path")
    if isinstance(base, str) and base:
        return base
    raise DataError(
        f"{location} is an adapter that does not name its model",
        why="base_model_name_or_path is missing in adapter_config.json",
        advice="planner models, and plan the model that it was trained on",
    )


def on(base: Model, config: Mapping[str, Any], *, location: str, name: str) -> Model:
    """Return a base with an adapter served on top of it.

    Args:
        base: The model it was trained on.
        config: The content of ``adapter_config.json``.
        location: Folder or id of the adapter.
        name: What the two together are called.

    Raises:
        DataError: The rank cannot be read.
    """
    rank = config.get("r", 8)
    if isinstance(rank, bool) or not isinstance(rank, int) or not 0 < rank <= RANKS[-1]:
        raise DataError(
            f"{location} is not a usable adapter",
            why=f"its rank r is {rank!r}; engines serve ranks of 1 to {RANKS[-1]}",
        )
    room = served_rank(rank)
    parameters = _parameters(base, config, rank)
    size = 2.0 * parameters * room / rank
    adapter = Adapter(location, base.hf_id, rank, parameters, size)
    note = (
        f"an adapter of rank {rank} on {base.hf_id}: planned with {size / 1e9:.2f} GB"
        f" for it (an engine makes room for rank {room})"
    )
    loaded = None if base.loaded_bytes is None else base.loaded_bytes + size
    return replace(
        base,
        name=name,
        aliases=(),
        parts=(*base.parts, Part("adapter", parameters, size, linear=False)),
        loaded_bytes=loaded,
        warnings=(note, *base.warnings),
        adapter=adapter,
    )


def served_rank(rank: int) -> int:
    """Return the rank that an engine makes room for."""
    return next(room for room in RANKS if room >= rank)


def _parameters(base: Model, config: Mapping[str, Any], rank: int) -> int:
    """Return the weights of an adapter: rank times (in + out) of each target, and whole copies."""
    total = 0
    for target, times in _targets(base, config).items():
        sides = _sides(base, target)
        total += rank * sum(sides) * times
    table = base.vocab * base.hidden
    copies = config.get("modules_to_save") or ()
    saved = [str(name) for name in copies] if isinstance(copies, list | tuple) else []
    return total + table * sum("embed" in name or "lm_head" in name for name in saved)


def _targets(base: Model, config: Mapping[str, Any]) -> dict[str, int]:
    """Return the modules that the adapter changes, and in how many places each."""
    named = config.get("target_modules")
    names: Iterable[str]
    if isinstance(named, str):
        names = _EVERY_LINEAR
    else:
        names = [str(item) for item in named] if isinstance(named, list) else _USUAL_TARGETS
    layers = config.get("layers_to_transform")
    count = len(layers) if isinstance(layers, list) and layers else base.layers
    found: dict[str, int] = {}
    for name in names:
        in_one_layer = any(part.isdigit() for part in name.split("."))
        last = name.rpartition(".")[2]
        found[last] = found.get(last, 0) + (1 if in_one_layer else count)
    return found


def _sides(base: Model, target: str) -> tuple[int, int]:
    """Return the two widths of a module; of a mixture, those of all its experts."""
    hidden, width = base.hidden, base.head_dim or base.hidden // max(base.heads, 1)
    queries, keys = base.heads * width, base.kv_heads * width
    experts = base.moe_experts or 1
    inner = base.moe_intermediate or base.intermediate
    known = {
        "q_proj": (hidden, queries),
        "k_proj": (hidden, keys),
        "v_proj": (hidden, keys),
        "o_proj": (queries, hidden),
        "qkv_proj": (hidden, queries + 2 * keys),
        "query_key_value": (hidden, queries + 2 * keys),
        "gate_proj": (experts * hidden, experts * inner),
        "up_proj": (experts * hidden, experts * inner),
        "down_proj": (experts * inner, experts * hidden),
        "lm_head": (hidden, base.vocab),
        "embed_tokens": (base.vocab, hidden),
    }
    return known.get(target, (hidden, hidden))
