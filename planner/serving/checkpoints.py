"""Which weights of a model exist at a precision, ready to be served.

``deploy_templates/sagemaker/weights.csv`` has the checkpoints that planner knows beside each
model's own; vLLM quantizes 16-bit weights to fp8 while loading, and nothing else.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from planner.bundled import deploy_templates
from planner.serving import checkpoint_support, table

if TYPE_CHECKING:
    from planner.serving.models import Model

SIXTEEN_BITS = frozenset({"bf16", "fp16"})
QUANTIZED_WHILE_LOADING = {"fp8": "fp8"}
"""Precisions that vLLM makes of 16-bit weights, and what its ``--quantization`` calls them."""


def exists(model: Model, precision: str, engine: str = checkpoint_support.VLLM) -> bool:
    """Tell whether planner knows weights that an engine can load at this precision."""
    if (model.name, precision) in known():
        return True
    if is_own(model, precision):
        return checkpoint_support.has_method(model, engine)
    return precision in QUANTIZED_WHILE_LOADING and model.native_precision in SIXTEEN_BITS


def is_own(model: Model, precision: str) -> bool:
    """Tell whether the published weights run at this precision as they are.

    16-bit weights run in both 16-bit types; quantized ones are not turned back into 16 bits.
    """
    plain = model.native_precision in SIXTEEN_BITS
    return precision == model.native_precision or (plain and precision in SIXTEEN_BITS)


@cache
def known() -> dict[tuple[str, str], dict[str, str]]:
    """Return the table's rows by model and precision (``native`` for the model's own)."""
    rows = table.read(deploy_templates() / "sagemaker" / "weights.csv")
    return {(row["model"], row["precision"]): row for row in rows}
