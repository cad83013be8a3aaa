"""Whether a set-up can serve a model, and why: one verdict, one line.

The rules are written out in ``docs/memory-fit.md``.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from planner.errors import UsageError
from planner.serving import engines, memory
from planner.serving.memory import GIB, Footprint, Layout

if TYPE_CHECKING:
    from planner.serving.accelerators import Accelerator
    from planner.serving.models import Model

DEFAULT_CONTEXT = 4096
DEFAULT_CONCURRENCY = 4

# What loading takes of the host: planner's own allowance, not a measurement. Weights are
# memory-mapped files that the kernel may drop again, so the host holds one file, not all.
_HOST_GIB_PER_GPU = 3
_LARGEST_FILE_GB = 5  # transformers' default max_shard_size


@dataclass(frozen=True, slots=True)
class Fit:
    """The verdict on one model on one set-up.

    Args:
        fits: Whether it can serve ``concurrency`` requests of ``context`` tokens at once.
        precision: What will really run: bf16 asked of a card without it runs as fp16.
        tensor_parallel: Accelerators that share each layer.
        pipeline_parallel: Stages that the layers are split into.
        weights_gib: All weights.
        kv_gib: The KV cache asked for, with the copies that the layout makes of it.
        usable_gib: 0.90 of the memory of the accelerators used.
        kv_cache_tokens: Tokens that the cache holds, in sequences of ``context``.
        max_concurrency: Requests of ``context`` tokens that the cache holds at once.
        reason: The verdict in one line.
        warnings: What to know besides, a line each.
        needs_neuron: The model must be compiled with AWS Neuron first.
        download_gb: Disk that the weights take on each instance, decimal.
        host_memory_needed_gib: Host memory that loading takes on each instance, an allowance.
    """

    fits: bool
    precision: str
    tensor_parallel: int
    pipeline_parallel: int
    weights_gib: float
    kv_gib: float
    usable_gib: float
    kv_cache_tokens: int
    max_concurrency: int
    reason: str
    warnings: tuple[str, ...]
    needs_neuron: bool
    download_gb: float
    host_memory_needed_gib: float


@dataclass(frozen=True, slots=True)
class _Request:
    """What is asked: ``concurrency`` sequences of ``context`` tokens, and maybe a layout."""

    context: int
    concurrency: int
    shards: int | None
    stages: int | None

    @property
    def tokens(self) -> int:
        return self.context * self.concurrency


@dataclass(frozen=True, slots=True)
class _Machine:
    """What is rented: ``count`` accelerators in each of some instances."""

    accelerator: Accelerator
    count: float
    instances: int

    @property
    def per_instance(self) -> int:
        """Devices an engine sees in one instance; a partition of a card is one."""
        return max(1, int(self.count))

    @property
    def devices(self) -> int:
        return self.per_instance * self.instances

    def describe(self, used: int) -> str:
        """Return ``4x24 GiB``, ``2 x 8x80 GiB``, ``1/8 of 24 GiB`` or ``1 of 4x16 GiB``."""
        size = f"{self.accelerator.memory_gib:g} GiB"
        if self.count < 1:
            return f"{Fraction(self.count).limit_denominator(16)} of {size}"
        text = f"{self.count:g}x{size}"
        if self.instances > 1:
            text = f"{self.instances} x {text}"
        return text if used == self.devices else f"{used} of {text}"


def fit(
    model: Model,
    accelerator: Accelerator,
    *,
    count: float,
    precision: str,
    context: int = DEFAULT_CONTEXT,
    concurrency: int = DEFAULT_CONCURRENCY,
    instances: int = 1,
    host_memory_gib: float | None = None,
    local_storage_gb: float | None = None,
    tensor_parallel: int | None = None,
    pipeline_parallel: int | None = None,
    kv_precision: str = "fp16",
) -> Fit:
    """Return whether a set-up can serve a model, and why.

    The layout is chosen, unless it is given: tensor parallel over as many accelerators of one
    instance as the heads divide into, and pipeline stages only where that is not enough.
    Stages may lie on different instances, the shards of one stage may not.

    Args:
        model: The model.
        accelerator: What each instance has ``count`` of.
        count: Accelerators in an instance; 0.125 to 0.5 for a partition of one.
        precision: Asked of the weights.
        context: Tokens of a request, prompt and answer together.
        concurrency: Requests at once.
        instances: Instances that serve the model together.
        host_memory_gib: Of an instance; None is not known.
        local_storage_gb: Of an instance; None is not known, 0 is a disk that can be sized.
        tensor_parallel: 1 is unsharded. Stages are 1 too then, unless given.
        pipeline_parallel: Stages; chosen by default.
        kv_precision: ``fp16`` or ``fp8``.

    Raises:
        UsageError: A number that makes no sense.
        UnknownNameError: No such precision.
    """
    _check(
        count,
        context=context,
        concurrency=concurrency,
        instances=instances,
        tensor_parallel=tensor_parallel,
        pipeline_parallel=pipeline_parallel,
    )
    machine = _Machine(accelerator, count, instances)
    supported = engines.support(model, accelerator, precision)
    runs = supported.precision or precision
    footprint = Footprint.of(model, runs, kv_precision)
    request = _Request(context, concurrency, tensor_parallel, pipeline_parallel)
    layout = _layout(footprint, machine, request)
    refusal = supported.reason or _impossible(model, machine, layout)
    budget = memory.device_budget(accelerator, count)
    tokens = 0 if refusal else footprint.kv_tokens(budget, layout, context)
    fits = tokens >= request.tokens
    needs = _Needs.of(footprint, machine, layout, request)
    download_gb = memory.weight_bytes(model, runs) / 1e9
    ranks = min(layout.gpus, machine.per_instance)
    host_gib = ranks * _HOST_GIB_PER_GPU + min(download_gb, _LARGEST_FILE_GB) * 1e9 / GIB
    warnings = list(supported.warnings)
    if fits:
        warnings += _fit_warnings(footprint, machine, layout, request)
        warnings += _host_warnings(host_gib, download_gb, host_memory_gib, local_storage_gb)
    return Fit(
        fits=fits,
        precision=runs,
        tensor_parallel=layout.shards,
        pipeline_parallel=layout.stages,
        weights_gib=needs.weights / GIB,
        kv_gib=needs.kv / GIB,
        usable_gib=needs.usable / GIB,
        kv_cache_tokens=tokens,
        max_concurrency=tokens // context,
        reason=refusal or needs.verdict(machine, layout, tokens // context, concurrency),
        warnings=tuple(warnings),
        needs_neuron=engines.needs_neuron(accelerator),
        download_gb=download_gb,
        host_memory_needed_gib=host_gib,
    )


def _check(count: float, **at_least_one: int | None) -> None:
    for name, value in at_least_one.items():
        if value is not None and value < 1:
            raise UsageError(f"{name.replace('_', ' ')} must be 1 or more, not {value}")
    if count <= 0 or (count > 1 and count != int(count)):
        raise UsageError(
            f"a set-up cannot have {count:g} accelerators",
            why="a whole number, or a part of one below 1 (0.125 is an eighth)",
        )


def _layout(footprint: Footprint, machine: _Machine, request: _Request) -> Layout:
    """Return the layout asked for, or the one with the fewest stages that holds enough tokens.

    Where none does: the one that comes nearest.
    """
    if request.shards:
        return Layout(request.shards, request.stages or 1)
    layouts = _layouts(footprint.model, machine, request.stages)
    budget = memory.device_budget(machine.accelerator, machine.count)
    best, most = Layout(1, request.stages or 1), (-1, 0, 0)
    for layout in layouts:
        tokens = footprint.kv_tokens(budget, layout, request.context)
        if tokens >= request.tokens:
            return layout
        rank = (tokens, layout.gpus, -layout.stages)
        if rank > most:
            best, most = layout, rank
    return best


def _layouts(model: Model, machine: _Machine, stages: int | None) -> list[Layout]:
    """Return the layouts that the machine allows: fewest stages first, then widest."""
    widths = memory.shard_widths(model, machine.accelerator, machine.per_instance)
    layouts = [
        Layout(width, count)
        for width in widths
        for count in range(1, min(model.layers, _slots(machine, width)) + 1)
        if stages in (None, count)
    ]
    return sorted(layouts, key=lambda layout: layout.stages)


def _slots(machine: _Machine, width: int) -> int:
    """Return how many stages of a width the machine has room for, none across instances."""
    return machine.instances * (machine.per_instance // width)


def _impossible(model: Model, machine: _Machine, layout: Layout) -> str:
    """Return why a layout that was asked for cannot be, or nothing."""
    shards, stages = layout.shards, layout.stages
    if shards > machine.per_instance:
        have = machine.per_instance
        return f"tensor parallel {shards} needs {shards} GPUs in one instance, it has {have}: no"
    if stages > _slots(machine, shards):
        return (
            f"{stages} stages of {shards} GPUs need {layout.gpus}, {machine.devices} are here: no"
        )
    if stages > model.layers:
        return f"{model.name} has {model.layers} layers, too few for {stages} stages: no"
    if not memory.can_shard(model, machine.accelerator, shards):
        heads = f"{model.heads} attention and {model.kv_heads} KV heads"
        return f"{heads} do not split over {shards} GPUs: no"
    return ""


@dataclass(frozen=True, slots=True)
class _Needs:
    """The sums behind a verdict, in bytes over all GPUs used; ``fullest`` and ``room`` of one."""

    weights: float
    kv: float
    copies: float
    runtime: float
    usable: float
    fullest: float
    room: float

    @classmethod
    def of(
        cls,
        footprint: Footprint,
        machine: _Machine,
        layout: Layout,
        request: _Request,
    ) -> _Needs:
        copies = footprint.kv_share(layout) * layout.shards
        sequences = footprint.device_kv(Layout(1), request.context) * request.concurrency
        room = memory.usable_bytes(machine.accelerator, machine.count)
        used = footprint.device_weights(layout)
        used += footprint.device_kv(layout, request.context) * request.concurrency
        return cls(
            weights=footprint.layers + footprint.embeddings,
            kv=sequences * copies,
            copies=copies,
            runtime=memory.RUNTIME_BYTES * layout.gpus,
            usable=room * layout.gpus,
            fullest=used + memory.RUNTIME_BYTES,
            room=room,
        )

    def verdict(self, machine: _Machine, layout: Layout, held: int, asked: int) -> str:
        """Return the sum that decides, in one line; ``held`` of ``asked`` requests fit."""
        kv = f"{self.kv / GIB:.1f} GiB KV"
        if self.copies > 1:
            kv += f" in {self.copies:g} copies"
        text = f"needs {self.weights / GIB:.1f} GiB for weights + {kv}"
        where = f"{machine.describe(layout.gpus)} has {_usable(self.usable)} usable"
        if held >= asked:
            return f"{text}; {where}: yes"
        if self.weights + self.kv <= self.usable:
            if self.weights + self.kv + self.runtime > self.usable:
                text += f" + {self.runtime / GIB:.1f} GiB runtime"
            else:
                where += f", but the fullest GPU needs {self.fullest / GIB:.1f}"
                where += f" of {self.room / GIB:.1f}"
        return f"{text}; {where}: no" + (f" ({held} of {asked} requests fit)" if held else "")


def _usable(size: float) -> str:
    gib = size / GIB
    return f"{gib:.0f}" if gib >= 10 else f"{gib:.1f}"  # noqa: PLR2004 - two figures are enough


def _fit_warnings(
    footprint: Footprint, machine: _Machine, layout: Layout, request: _Request
) -> list[str]:
    """Return what to know of a layout that fits."""
    model, card = footprint.model, machine.accelerator
    found = []
    if request.context > model.max_context:
        found.append(
            f"{request.context} tokens are more than the {model.max_context}"
            f" that {model.name} was made for"
        )
    if card.usable_gib is not None and card.usable_gib < card.memory_gib:
        scale = card.usable_gib / card.memory_gib
        budget = memory.usable_bytes(card, machine.count) * scale - memory.RUNTIME_BYTES
        if footprint.kv_tokens(budget, layout, request.context) < request.tokens:
            found.append(
                f"tight: {card.name} reports {card.usable_gib:g} of its {card.memory_gib:g} GiB;"
                " vLLM may need --gpu-memory-utilization above 0.90"
            )
    if machine.count < 1 and card.vendor == "NVIDIA":
        found.append("a share of a card (vGPU) needs NVIDIA's GRID driver")
    found += _layout_warnings(machine, layout)
    return found


def _layout_warnings(machine: _Machine, layout: Layout) -> list[str]:
    here = min(layout.gpus, machine.per_instance)
    used_instances = -(-layout.stages // (machine.per_instance // layout.shards))
    found = []
    if used_instances < machine.instances:
        found.append(f"{used_instances} of the {machine.instances} instances would do")
    if used_instances > 1:
        found.append(f"spans {used_instances} instances: the engine must run multi-node")
    if here < machine.per_instance:
        found.append(f"uses {here} of {machine.per_instance} GPUs; copies can run on the rest")
    return found


def _host_warnings(
    needed_gib: float, download_gb: float, host_gib: float | None, disk_gb: float | None
) -> list[str]:
    """Return what loading the weights asks of the host: never a refusal, disks can be sized."""
    found = []
    if host_gib is None:
        found.append(f"host memory is not known; loading takes about {needed_gib:.0f} GiB")
    elif host_gib < needed_gib:
        found.append(f"host memory of {host_gib:g} GiB is small: loading takes {needed_gib:.0f}")
    if disk_gb and disk_gb < download_gb:
        found.append(
            f"local disk of {disk_gb:g} GB is too small for {download_gb:.0f} GB of weights:"
            " add a larger one"
        )
    return found
