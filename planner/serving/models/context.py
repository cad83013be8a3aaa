"""The longest context of a model, as vLLM derives it from a configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.serving.models import keys

if TYPE_CHECKING:
    from planner.serving.models.families import Family
    from planner.serving.models.keys import Words

NOT_NAMED = 2048
"""What vLLM plans for where no key names the positions."""

_STRETCHED = {"linear", "dynamic", "ntk"}
# These have the stretched length in max_position_embeddings already.
_POSITIONS = (
    *(*keys.POSITIONS, "max_target_positions", "max_context_length"),
    *("max_seq_length", "seq_len", "n_ctx"),
)


def longest(words: Words, family: Family) -> int | None:
    """Return the most tokens of a sequence; None where no key says it.

    Raises:
        KeyProblemError: A key of positions cannot be read.
    """
    override = words.integer("model_max_length")
    if override:
        return override
    found = [n for name in _POSITIONS if (n := words.integer(name))]
    if not found:
        return None
    return round(min(found) * _factor(words, family))


def _factor(words: Words, family: Family) -> float:
    """Return how far rotary scaling stretches what the positions name."""
    scaling = words.inner("rope_scaling")
    if not scaling.values:
        scaling = words.inner("rope_parameters")
    kind = scaling.text("rope_type", "type")
    if kind not in _STRETCHED or family.is_one_of("gemma3", "gemma3_text"):
        return 1.0
    factor = scaling.number("factor") or 1.0
    return factor if factor > 1 else 1.0
