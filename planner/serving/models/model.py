"""A model, as memory, speed and deployment see it: its weights by part, and what each layer keeps.

Three figures are never mixed: the bytes of the files (disk and download), the bytes an engine
loads on GPUs (does it fit), and the parameters (speed).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

WINDOWED = ("window", "chunk")
"""Kinds of cache that hold the last tokens only."""


@dataclass(frozen=True, slots=True)
class Part:
    """Weights of one sort, over all layers.

    Attributes:
        name: ``embeddings``, ``head``, ``attention``, ``latent`` (what leads to the latent of
            MLA), ``mixer`` (state-space and linear attention), ``feed_forward``, ``experts``,
            ``shared_experts``, ``router``, ``norms``, ``tower`` (vision, audio), ``adapter``.
        parameters: How many weights.
        stored_bytes: What they take as the checkpoint stores them and an engine loads them.
        linear: Whether a quantization method takes them: tables, norms and routers stay as
            they are.
    """

    name: str
    parameters: int
    stored_bytes: float
    linear: bool


@dataclass(frozen=True, slots=True)
class Cache:
    """What some layers of one kind keep of a sequence. A layer may keep two (Falcon-H1 does).

    Attributes:
        kind: ``full``, ``window``, ``chunk``, ``latent`` (MLA), ``compressed`` (DeepSeek V4), or
            a kind of state: ``mamba1``, ``mamba2``, ``delta``, ``kda``, ``lightning``, ``conv``.
        layers: How many layers keep this.
        values: Numbers kept for one token in one layer: keys and values of all heads.
        fixed_bytes: Bytes kept for one token in one layer whatever the precision of the cache
            (the keys of an indexer, stored in fp8 with their scales).
        heads: KV heads that GPUs share out; None where every GPU keeps the whole.
        window: Tokens that are kept; None for the whole sequence.
        state_bytes: Kept for one sequence in one layer, however long it is.
    """

    kind: str
    layers: int
    values: float = 0.0
    fixed_bytes: float = 0.0
    heads: int | None = None
    window: int | None = None
    state_bytes: float = 0.0

    def bytes_per_token(self, value_bytes: float = 2.0) -> float:
        """Return the cache of one token over these layers, with values of so many bytes."""
        return self.layers * (self.values * value_bytes + self.fixed_bytes)


@dataclass(frozen=True, slots=True)
class Quantization:
    """How a checkpoint is quantized.

    Attributes:
        method: As the checkpoint names it: ``awq``, ``gptq``, ``fp8``, ``compressed-tensors``,
            ``modelopt``, ``gguf``, ...
        bits: Of a quantized weight with its scales, the most common one; None where not known.
        group: Weights that share a scale along a row; None for a whole channel or tensor.
        block: Rows and columns that share a scale (block fp8); None where there are no blocks.
        unquantized: What the method leaves alone, as the checkpoint lists it.
        form: The format inside a method that has several: ``nvfp4``, ``w4a16``, ...
        kv_cache: The precision that the checkpoint asks for its KV cache; empty for 16 bits.
    """

    method: str
    bits: float | None
    group: int | None = None
    block: tuple[int, int] | None = None
    unquantized: tuple[str, ...] = ()
    form: str = ""
    kv_cache: str = ""


@dataclass(frozen=True, slots=True)
class Adapter:
    """A LoRA adapter that is served on top of its base.

    Attributes:
        location: Folder or Hugging Face id of the adapter.
        base: The model it was trained on, as the adapter names it.
        rank: Of its matrices.
        parameters: All of its weights.
        weights_bytes: What they take on GPUs, 16-bit.
    """

    location: str
    base: str
    rank: int
    parameters: int
    weights_bytes: float


@dataclass(frozen=True, slots=True)
class Model:
    """The shape of one model: what memory and speed depend on.

    Parameters are in billions (``active_params_b``: those used per token, less than all in a
    mixture of experts). ``head_dim`` is None for multi-head latent attention (MLA), whose cache
    is ``kv_lora_rank + qk_rope_head_dim`` values a token and layer.

    ``sliding_window`` is how many tokens a windowed (or chunked) layer looks back;
    ``full_attention_every`` 6 means that of each six layers one looks back without limit, None
    that none does. ``native_precision`` is the precision that the published weights come
    nearest to, empty where nobody knows; ``fp16_safe`` is False where fp16 overflows and only
    bf16 works. For layers that differ, ``caches`` says what each kind keeps.

    Attributes:
        parts: The weights by sort; empty where only totals are known.
        caches: What the layers keep of a sequence.
        loaded_bytes: What an engine loads on GPUs of the checkpoint as it is published; None
            where the width of its weights is not known.
        files_bytes: Of the weight files on disk and in a download; None where not known.
        quantization: Of the checkpoint; None for 16-bit and 32-bit weights.
        family: The configuration's ``model_type``, or GGUF's architecture.
        evidence: The rung the size of the weights stands on: ``files``, ``index``, ``config``
            or ``table``.
        warnings: What to know of these figures, a line each.
        location: The folder, file or ``s3://`` prefix of the weights where they are not the
            published ones of ``hf_id``; empty otherwise.
        adapter: A LoRA adapter to serve with it.
    """

    name: str
    aliases: tuple[str, ...]
    hf_id: str
    params_b: float
    active_params_b: float
    layers: int
    hidden: int
    intermediate: int
    heads: int
    kv_heads: int
    head_dim: int | None
    vocab: int
    max_context: int
    attention: str
    kv_lora_rank: int | None
    qk_rope_head_dim: int | None
    moe_experts: int | None
    moe_active: int | None
    moe_intermediate: int | None
    shared_experts: int | None
    dense_layers: int | None
    sliding_window: int | None
    full_attention_every: int | None
    tied_embeddings: bool
    native_precision: str
    fp16_safe: bool
    license: str
    gated: str
    source: str
    parts: tuple[Part, ...] = ()
    caches: tuple[Cache, ...] = ()
    loaded_bytes: float | None = None
    files_bytes: float | None = None
    quantization: Quantization | None = None
    family: str = ""
    evidence: str = "table"
    warnings: tuple[str, ...] = ()
    location: str = ""
    adapter: Adapter | None = None

    @property
    def full_attention_layers(self) -> int:
        """Layers whose cache grows with the whole context."""
        return sum(c.layers for c in self.caches if c.window is None and c.bytes_per_token())

    @property
    def parameters(self) -> int:
        """All weights."""
        return sum(part.parameters for part in self.parts) or round(self.params_b * 1e9)

    @property
    def active_parameters(self) -> int:
        """Weights of the matrices that a token passes.

        The input table is a look-up and does not count, unless it is the output head as well:
        that gives the published numbers (DeepSeek V3: 36.6 of "37 B").
        """
        looked_up = 0 if self.tied_embeddings else self.vocab * self.hidden
        return round(self.active_params_b * 1e9) - looked_up

    @property
    def state_bytes(self) -> float:
        """What state-space and linear-attention layers keep of one sequence, in bytes."""
        return sum(cache.layers * cache.state_bytes for cache in self.caches)

    def part_parameters(self, *names: str) -> int:
        """Return how many weights the parts of these names have."""
        return sum(part.parameters for part in self.parts if part.name in names)

    def kv_bytes_per_token(self, value_bytes: float = 2.0, *, beyond_window: bool = False) -> float:
        """Return the cache of one token over all layers, in bytes.

        Args:
            value_bytes: Of one number in the cache.
            beyond_window: Of a token that windowed layers do not keep any more.
        """
        kept = (c for c in self.caches if c.window is None or not beyond_window)
        return sum(cache.bytes_per_token(value_bytes) for cache in kept)

    def precision(self, asked: str | None) -> str:
        """Return the precision asked for, or the checkpoint's own.

        Raises:
            UsageError: None is asked for, and how wide the checkpoint's weights are is not known.
        """
        if asked or self.native_precision:
            return asked or self.native_precision
        method = self.quantization.method if self.quantization else "not named"
        raise UsageError(
            f"the width of the weights of {self.name} is not known",
            why=f"planner does not know the quantization method {method!r}, and sees no weight"
            " files to measure",
            advice="--precision int4 (or what it is), or a folder with its weight files",
        )


def window_of(caches: Iterable[Cache]) -> int | None:
    """Return how many tokens windowed layers keep; None where there are none."""
    return next((cache.window for cache in caches if cache.window is not None), None)
