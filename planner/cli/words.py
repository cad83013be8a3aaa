"""Options that take what people type: any case, the names of other tools, ``8k``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

GEO_WORDS = {
    "usa": "us", "america": "us", "north-america": "us",
    "europe": "eu", "emea": "eu",
    "asia": "ap", "apac": "ap", "asia-pacific": "ap",
    "any": "all", "world": "all", "global": "all",
}  # fmt: skip
CLOUD_WORDS = {
    "amazon": "aws",
    "microsoft": "azure",
    "google": "gcp",
    "google-cloud": "gcp",
}
PRECISION_WORDS = {"bfloat16": "bf16", "float16": "fp16", "half": "fp16", "float8": "fp8"}
PRECISIONS = ("bf16", "fp16", "fp8", "int8", "int4", "fp4", "mxfp4")
_THOUSAND = 1024


class Choice(click.Choice[str]):
    """One of some words, in any case; ``words`` says which others mean the same."""

    def __init__(self, choices: Sequence[str], words: Mapping[str, str] | None = None) -> None:
        super().__init__(list(choices), case_sensitive=False)
        self._words = dict(words or {})

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Any:  # noqa: ANN401 - as click has it
        """Return the choice that a word means."""
        if isinstance(value, str):
            typed = value.strip().casefold()
            value = self._words.get(typed, self._words.get(typed.replace("_", "-"), typed))
        return super().convert(value, param, ctx)


class Tokens(click.ParamType[int]):
    """A number of tokens: ``8192``, ``8,192`` or ``8k`` (of 1,024)."""

    name = "tokens"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Return the number."""
        if isinstance(value, int):
            return value
        text = str(value).strip().casefold().replace(",", "").replace("_", "")
        times = _THOUSAND if text.endswith("k") else 1
        try:
            return int(float(text.removesuffix("k")) * times) if times > 1 else int(text)
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is no number of tokens; say 8192 or 8k", param, ctx)
