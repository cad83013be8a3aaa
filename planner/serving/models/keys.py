"""The words of model configurations: one meaning, the many keys that families use for it.

``Words`` reads values whatever their spelling: numbers as text or floats, one value a layer as a
list, null for "not there". What cannot be read is refused by its key.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

HIDDEN = ("hidden_size", "d_model", "n_embd", "n_embed", "dim", "hidden_dim", "model_dim")
LAYERS = ("num_hidden_layers", "n_layers", "n_layer", "num_layers")
HEADS = ("num_attention_heads", "n_heads", "n_head")
KV_HEADS = (
    *("num_key_value_heads", "num_kv_heads", "n_head_kv", "n_kv_heads", "kv_n_heads"),
    *("multi_query_group_num", "num_query_groups", "num_attention_groups"),
    "num_multi_query_heads",
)
HEAD_DIM = ("head_dim", "attention_head_dim", "hidden_size_per_head", "kv_channels")
WIDTH = (
    *("intermediate_size", "ffn_hidden_size", "ffn_dim", "n_inner", "d_ff", "block_ff_dim"),
    *("inner_hidden_size", "mlp_hidden_size"),
)
VOCABULARY = ("vocab_size", "padded_vocab_size", "n_vocab")
EXPERTS = (
    *("num_local_experts", "n_routed_experts", "num_experts", "moe_num_experts"),
    *("num_routed_experts", "num_moe_experts"),
)
ACTIVE_EXPERTS = (
    *("num_experts_per_tok", "num_experts_per_token", "experts_per_token", "moe_topk"),
    *("moe_top_k", "moe_k", "top_k_experts", "num_selected_experts", "moe_router_topk"),
)
EXPERT_WIDTH = (
    *("moe_intermediate_size", "expert_intermediate_size", "expert_ffn_hidden_size"),
    "moe_ffn_hidden_size",
)
SHARED_EXPERTS = (
    *("n_shared_experts", "num_shared_experts", "moe_num_shared_experts", "num_shared_expert"),
)
SHARED_WIDTH = (
    *("shared_expert_intermediate_size", "moe_shared_expert_intermediate_size"),
    *("shared_intermediate_size", "share_expert_dim", "shared_experts_intermediate_size"),
)
DENSE_WIDTH = ("dense_intermediate_size", "intermediate_size_mlp")
POSITIONS = (
    *("max_position_embeddings", "n_positions", "max_seq_len", "seq_length"),
    "max_sequence_length",
)

TEXT_PARTS = (
    *("text_config", "llm_config", "language_config", "language_model_config"),
    *("thinker_config", "decoder_config", "llm"),
)
_TOWER = re.compile(r"vision|visual|audio|image|speech|vit|projector|whisper")
_INNER_OBJECTS = ("attn_config", "ffn_config")
_MOST = 10**13
_MOST_LAYERS = 2000
_DEEPEST = 6


class KeyProblemError(Exception):
    """A key that is missing or cannot be read; the reader makes an error for users of it."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Words:
    """A configuration, or an object inside of one.

    Attributes:
        values: Keys and values as they stand in the file.
        layer: The layer that per-layer lists are read for; None for the model as a whole.
    """

    values: Mapping[str, Any]
    layer: int | None = None

    def at(self, layer: int) -> Words:
        """Return the same words as one layer reads them."""
        return replace(self, layer=layer)

    def has(self, *names: str) -> bool:
        """Tell whether one of the keys is there and not null."""
        return self.raw(*names) is not None

    def raw(self, *names: str) -> Any:  # noqa: ANN401 - what the file holds
        """Return the value of the first key that is there and not null."""
        return next((v for name in names if (v := self.values.get(name)) is not None), None)

    def integer(self, *names: str) -> int | None:
        """Return the whole number of the first key that is there.

        Raises:
            KeyProblemError: It is not a whole number of zero or more.
        """
        name, value = self._first(names)
        if value is None:
            return None
        number = _number(value)
        if number is None or number != int(number) or not 0 <= number < _MOST:
            raise KeyProblemError(f"{name} is {_short(value)}, not a whole number")
        return int(number)

    def number(self, *names: str) -> float | None:
        """Return the number of the first key that is there, or None where it is no number."""
        value = self._first(names)[1]
        return None if value is None else _number(value)

    def need(self, *names: str) -> int:
        """Return the whole number of the first key that is there, which must be above zero.

        Raises:
            KeyProblemError: None is there, or it is not such a number.
        """
        found = self.integer(*names)
        if not found:
            raise KeyProblemError(f"{names[0]} is missing" if found is None else f"{names[0]} is 0")
        return found

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Return a yes or no; ``default`` where the key is not there."""
        value = self.raw(name)
        if isinstance(value, str):
            return value.casefold() in {"true", "1", "yes"}
        return default if value is None else bool(value)

    def text(self, *names: str) -> str:
        """Return a text; empty where there is none."""
        value = self.raw(*names)
        return value if isinstance(value, str) else ""

    def items(self, name: str) -> list[Any] | None:
        """Return a list; None where there is none or it is empty."""
        value = self.raw(name)
        return value if isinstance(value, list) and value else None

    def inner(self, name: str) -> Words:
        """Return the words of an object inside; of none where there is none."""
        value = self.raw(name)
        return Words(value if isinstance(value, dict) else {}, self.layer)

    def _first(self, names: tuple[str, ...]) -> tuple[str, Any]:
        for name in names:
            value = self.values.get(name)
            if value is not None:
                return name, self._of_layer(name, value)
        return names[0], None

    def _of_layer(self, name: str, value: object) -> Any:  # noqa: ANN401 - what the file holds
        if not isinstance(value, list):
            return value
        if self.layer is not None and self.layer < len(value):
            return value[self.layer]
        if value and all(item == value[0] for item in value):
            return value[0]
        if self.layer is None and value:
            return max((n for item in value if (n := _number(item)) is not None), default=None)
        raise KeyProblemError(f"{name} is a list of {len(value)}, and there are more layers")


def language_part(config: Mapping[str, Any]) -> tuple[Words, dict[str, Words]]:
    """Return the words of the language model and those of the towers beside it.

    Inner keys win; outer plain keys fill gaps (the vocabulary, the tie of the embeddings and the
    quantization often stand outside).
    """
    values = dict(config)
    towers: dict[str, Words] = {}
    for _ in range(_DEEPEST):
        inner = next(
            (v for key in TEXT_PARTS if isinstance(v := values.get(key), dict) and v), None
        )
        for key, value in values.items():
            if _TOWER.search(key) and isinstance(value, dict) and value:
                towers.setdefault(key, Words(value))
        if inner is None:
            break
        outer = {k: v for k, v in values.items() if k not in TEXT_PARTS and not _TOWER.search(k)}
        values = {**outer, **{k: v for k, v in inner.items() if v is not None}}
    for key in _INNER_OBJECTS:
        inner = values.get(key)
        if isinstance(inner, dict):
            values = {**inner, **{k: v for k, v in values.items() if v is not None}}
    return Words(values), towers


def layer_count(words: Words) -> int:
    """Return the number of layers: named, or the length of the schedule.

    Raises:
        KeyProblemError: Neither is there.
    """
    found = words.integer(*LAYERS)
    if not found:
        schedules = ("layers_block_type", "layer_types", "block_configs", "hybrid_override_pattern")
        value = words.raw(*schedules)
        found = len(value) if isinstance(value, list | str) else 0
    if not found:
        raise KeyProblemError("num_hidden_layers is missing")
    if found > _MOST_LAYERS:
        raise KeyProblemError(f"num_hidden_layers is {found}")
    return found


def _number(value: object) -> float | None:
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if isinstance(value, int) or math.isfinite(value) else None


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."  # noqa: PLR2004 - a line of an error
