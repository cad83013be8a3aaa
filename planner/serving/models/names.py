"""Names that people type for a known model: another case, a variant, a quantized sibling.

Used where the hub is not asked: a chat variant has the shape of its base, and a quantized sibling
says its method in its name. Ollama's spelling (``llama3.1:70b``) is one of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from planner.serving.models.registry import Row

# What a name says of the precision: method, form for an engine, precision.
_QUANTIZED = (
    (re.compile(r"-(?:awq|awq-int4|int4-awq)$"), "awq", "w4a16", "int4"),
    (re.compile(r"-(?:gptq-int8|int8-gptq)$"), "gptq", "w8a16", "int8"),
    (re.compile(r"-(?:gptq-int4|int4-gptq|gptq-4bit|gptq)$"), "gptq", "w4a16", "int4"),
    (re.compile(r"-(?:bnb-4bit|bitsandbytes-4bit)$"), "bitsandbytes", "nf4", "int4"),
    (re.compile(r"-(?:quantized\.)?w4a16$"), "compressed-tensors", "w4a16", "int4"),
    (re.compile(r"-(?:quantized\.)?w8a8$"), "compressed-tensors", "int8", "int8"),
    (re.compile(r"-(?:nvfp4|fp4)$"), "modelopt", "nvfp4", "fp4"),
    (re.compile(r"-(?:fp8|fp8-dynamic|fp8-static|fp8-kv)$"), "fp8", "fp8", "fp8"),
    (re.compile(r"-int4$"), "not named", "w4a16", "int4"),
    (re.compile(r"-int8$"), "not named", "int8", "int8"),
)
_VARIANT = re.compile(
    r"-(?:instruct|chat|it|hf|base|pt|sft|dpo|latest|text|preview|unsloth|thinking|\d{4}"
    r"|v\d+(?:\.\d+)?)$"
)
_OWNER_WORDS = ("meta-",)
_SQUASHED = re.compile(r"[-_:. ]")


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a name says: the name of a known model, and how its weights are quantized.

    ``method`` and ``precision`` are empty for the model's own weights.
    """

    model: str
    method: str = ""
    form: str = ""
    precision: str = ""


def meaning(text: str, known: Iterable[Row]) -> Meaning | None:
    """Return which known model a name means; None where it means none of them for sure."""
    name = re.sub(r"[ _]", "-", text.rpartition("/")[2].casefold())
    index = _index(known)
    found = next((entry for entry in _QUANTIZED if entry[0].search(name)), None)
    if found:
        name = found[0].sub("", name)
    for candidate in _shorter(name):
        model = index.get(_squashed(candidate))
        if model is not None:
            return Meaning(model, *found[1:]) if found else Meaning(model)
    return None


def precision_of(text: str) -> str:
    """Return the precision that a name ends with; empty where it says none."""
    name = re.sub(r"[ _]", "-", text.rpartition("/")[2].casefold())
    return next((entry[3] for entry in _QUANTIZED if entry[0].search(name)), "")


def _shorter(name: str) -> Iterable[str]:
    """Yield a name, and what is left as its variant words are taken away, last first."""
    yield name
    while (short := _VARIANT.sub("", name)) != name:
        name = short
        yield name


def _index(known: Iterable[Row]) -> dict[str, str]:
    """Return the known models by their names without signs; a shorter name wins over a stem."""
    names: dict[str, str] = {}
    stems: dict[str, str] = {}
    for model in known:
        for name in (model.name, *model.aliases, model.hf_id.rpartition("/")[2]):
            names.setdefault(_squashed(name), model.name)
            for stem in _shorter(name.casefold()):
                stems.setdefault(_squashed(stem), model.name)
    return {**stems, **names}


def _squashed(name: str) -> str:
    text = name.casefold()
    for word in _OWNER_WORDS:
        text = text.removeprefix(word)
    return _SQUASHED.sub("", text)
