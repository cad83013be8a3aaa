"""How many bits a weight takes at each precision, scales and zero points included.

Only the weights of linear layers are quantized; embeddings, the output head and norms stay at
16 bits, as published checkpoints keep them (a Llama 2 70B in AWQ: 36.6 GB on disk, not 34.5).
"""

from __future__ import annotations

from dataclasses import dataclass

from planner.errors import UnknownNameError

GROUP = 128  # weights that share one scale and zero point in AWQ and GPTQ checkpoints


@dataclass(frozen=True, slots=True)
class Precision:
    """One way to store weights.

    Args:
        name: What users write.
        bits: Bits of a quantized weight with its share of scales and zero points.
        aliases: Other names for it, schemes among them.
        experts_only: Only the experts of a mixture of experts are quantized.
        basis: Where ``bits`` comes from.
    """

    name: str
    bits: float
    aliases: tuple[str, ...]
    experts_only: bool
    basis: str

    @property
    def quantized(self) -> bool:
        """Whether weights take less than 16 bits."""
        return self.bits < 16  # noqa: PLR2004 - the width of fp16 and bf16


PRECISIONS = (
    Precision("bf16", 16, ("bfloat16",), experts_only=False, basis="2 bytes a weight"),
    Precision("fp16", 16, ("float16", "half"), experts_only=False, basis="2 bytes a weight"),
    Precision(
        "fp8",
        8 + 32 / 128**2,
        ("fp8-e4m3", "w8a8-fp8", "float8"),
        experts_only=False,
        basis="8 bits and an fp32 scale for each block of 128 x 128 (DeepSeek-V3 checkpoints)",
    ),
    Precision(
        "int8",
        8 + 32 / 4096,
        ("w8a8", "w8a8-int8", "w8a16"),
        experts_only=False,
        basis="8 bits and an fp32 scale for each output channel of 4096 inputs or more",
    ),
    Precision(
        "int4",
        4 + 16 / GROUP + 4 / GROUP,
        ("awq", "gptq", "awq-int4", "gptq-int4", "int4-awq", "int4-gptq", "w4a16"),
        experts_only=False,
        basis="4 bits, and an fp16 scale and a 4-bit zero point for each group of 128 (AWQ, GPTQ)",
    ),
    Precision(
        "fp4",
        4 + 8 / 16,
        ("nvfp4",),
        experts_only=False,
        basis="4 bits and an fp8 scale for each 16 weights (NVFP4)",
    ),
    Precision(
        "mxfp4",
        4 + 8 / 32,
        (),
        experts_only=True,
        basis="4 bits and an 8-bit exponent for each 32 expert weights (OCP MX, as gpt-oss)",
    ),
)

_BY_NAME = {name: item for item in PRECISIONS for name in (item.name, *item.aliases)}


def get(name: str) -> Precision:
    """Return the precision with this name or alias (any case, ``_`` as ``-``).

    Raises:
        UnknownNameError: No such precision.
    """
    found = _BY_NAME.get(name.casefold().replace("_", "-"))
    if found is None:
        raise UnknownNameError(
            "precision",
            name,
            (p.name for p in PRECISIONS),
            advice=f"--precision {'|'.join(p.name for p in PRECISIONS)}",
        )
    return found
