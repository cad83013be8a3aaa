"""Names of modules in the lists of quantized checkpoints, matched as engines match them.

The lists differ in prefixes (``model.``, ``language_model.``) and in words for the same module
(``block_sparse_moe``, ``ffn``, ``mixer``), so both sides are brought to one spelling.
"""

from __future__ import annotations

import re
from fnmatch import translate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_PREFIX = re.compile(r"^(?:model\.|language_model\.|backbone\.|transformer\.|text_model\.|llm\.)+")
_SAME = (
    (re.compile(r"(?<![a-z])(?:block_sparse_moe|feed_forward|ffn|mixer)(?![a-z])"), "mlp"),
    (re.compile(r"(?<![a-z_])(?:attn|attention)(?![a-z_])"), "self_attn"),
    (re.compile(r"(?<![a-z_])shared_expert(?![a-z_])"), "shared_experts"),
    (re.compile(r"(?<=\.)w1$"), "gate_proj"),
    (re.compile(r"(?<=\.)w2$"), "down_proj"),
    (re.compile(r"(?<=\.)w3$"), "up_proj"),
    (re.compile(r"^(?:head|output)$"), "lm_head"),
    (re.compile(r"^(?:embed|embeddings|wte|tok_embeddings)$"), "embed_tokens"),
)


def spelled(name: str) -> str:
    """Return a module's name in planner's spelling."""
    text = _PREFIX.sub("", name)
    for pattern, word in _SAME:
        text = pattern.sub(word, text)
    return text


class Patterns:
    """A list of names, regular expressions (``re:...``) and globs that modules are held to.

    A plain name matches the module, everything below it, and a last part (``lm_head``, ``gate``).
    """

    def __init__(self, entries: Iterable[object]) -> None:
        self._names: set[str] = set()
        self._expressions: list[re.Pattern[str]] = []
        for entry in entries:
            if isinstance(entry, str) and entry:
                self._add(entry)

    def __bool__(self) -> bool:
        """Tell whether there is anything to match."""
        return bool(self._names or self._expressions)

    def match(self, path: str) -> bool:
        """Tell whether a module, in planner's spelling, is on the list."""
        if path in self._names or path.rpartition(".")[2] in self._names:
            return True
        parts = path.split(".")
        if any(".".join(parts[:end]) in self._names for end in range(1, len(parts))):
            return True
        return any(expression.search(path) for expression in self._expressions)

    def _add(self, entry: str) -> None:
        try:
            if entry.startswith("re:"):
                self._expressions.append(re.compile(_loosened(entry.removeprefix("re:"))))
            elif "*" in entry:
                self._expressions.append(re.compile(rf"^(?:{translate(spelled(entry))})"))
            else:
                self._names.add(spelled(entry))
        except re.error:
            return


def _loosened(expression: str) -> str:
    """Return an expression without its beginning, as prefixes differ between files."""
    text = re.sub(r"^\^?(?:model\\?\.|language_model\\?\.)*", "", expression)
    for pattern, word in _SAME[:3]:
        text = pattern.sub(word, text)
    return text
