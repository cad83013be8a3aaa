"""Which weights of a model exist at a precision, ready to be served.

``deploy_templates/sagemaker/weights.csv`` has the checkpoints that planner knows beside each
model's own; vLLM quantizes 16-bit weights to fp8 while loading, and nothing else.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from planner.bundled import deploy_templates
from planner.serving import table

if TYPE_CHECKING:
    from planner.serving.models import Model

SIXTEEN_BITS = frozenset({"bf16", "fp16"})
QUANTIZED_WHILE_LOADING = {"fp8": "fp8"}
"""Precisions that vLLM makes of 16-bit weights, and what its ``--quantization`` calls them."""


def exists(model: Model, precision: str) -> bool:
    """Tell whether planner knows weights that an engine can load at this precision."""
    return (
        is_own(model, precision)
        or precision in QUANTIZED_WHILE_LOADING
        or (model.name, precision) in known()
    )


def is_own(model: Model, precision: str) -> bool:
    """Tell whether the published weights run at this precision as they are."""
    return precision in SIXTEEN_BITS or precision == model.native_precision


@cache
def known() -> dict[tuple[str, str], dict[str, str]]:
    """Return the table's rows by model and precision (``native`` for the model's own)."""
    rows = table.read(deploy_templates() / "sagemaker" / "weights.csv")
    return {(row["model"], row["precision"]): row for row in rows}
