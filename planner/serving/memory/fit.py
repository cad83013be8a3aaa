"""Whether a set-up can serve a model, and why: one verdict, one line.

The rules are written out in ``docs/memory-fit.md``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from planner.errors import UsageError
from planner.serving import checkpoint_support, engines, memory
from planner.serving.memory import DEFAULTS, GIB, EngineSettings, Footprint, Split
from planner.serving.memory.verdict import (
    Held,
    Machine,
    Needs,
    fit_warnings,
    host_warnings,
    machine_warnings,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.serving.accelerators import Accelerator
    from planner.serving.models import Model

DEFAULT_CONTEXT = 4096
DEFAULT_CONCURRENCY = 4

# What loading takes of the host: planner's own allowance, not a measurement. Weights are
# memory-mapped files that the kernel may drop again, so the host holds one file, not all.
_HOST_GIB_PER_GPU = 3
_LARGEST_FILE_GB = 5  # transformers' default max_shard_size

# What is tried where the range decides, in the order that costs the user least.
_FEWER_REQUESTS = (512, 256, 128, 64, 32)
_MORE_UTILIZATION = 0.95


@dataclass(frozen=True, slots=True)
class Fit:
    """The verdict on one model on one set-up.

    Args:
        fits: Whether it can serve ``concurrency`` requests of ``context`` tokens at once, with
            the least memory that the engine may leave for the cache.
        tight: Whether it could with the most memory that the engine may leave, and only then.
        precision: What will really run: bf16 asked of a card without it runs as fp16.
        tensor_parallel: Accelerators that share each layer.
        pipeline_parallel: Stages that the layers are split into.
        replicas: Copies of the model on the machine.
        weights_gib: The weights of one copy.
        kv_gib: The KV cache asked for, with the copies that the split makes of it.
        usable_gib: 0.90 of the memory of the accelerators that one copy uses.
        kv_cache_tokens: Tokens that the cache of one copy holds, in sequences of ``context``:
            the middle of the range.
        kv_cache_tokens_low, kv_cache_tokens_high: The range.
        max_concurrency: Requests of ``context`` tokens that all caches hold, at the low end.
        reason: The verdict in one line.
        warnings: What to know besides, a line each.
        remedies: Options that make a tight fit a sure one, each by itself.
        needs_neuron: The model must be compiled with AWS Neuron first.
        download_gb: Disk that the weights take on each instance, decimal.
        host_memory_needed_gib: Host memory that loading takes on each instance, an allowance.
    """

    fits: bool
    tight: bool
    precision: str
    tensor_parallel: int
    pipeline_parallel: int
    replicas: int
    weights_gib: float
    kv_gib: float
    usable_gib: float
    kv_cache_tokens: int
    kv_cache_tokens_low: int
    kv_cache_tokens_high: int
    max_concurrency: int
    reason: str
    warnings: tuple[str, ...]
    remedies: tuple[str, ...]
    needs_neuron: bool
    download_gb: float
    host_memory_needed_gib: float


@dataclass(frozen=True, slots=True)
class _Case:
    """A model on a machine, and what is asked of each copy of it."""

    footprint: Footprint
    machine: Machine
    settings: EngineSettings
    context: int
    concurrency: int

    def tokens(self, split: Split) -> tuple[int, int]:
        """Return what the cache of a copy holds, both ends of the range."""
        return memory.cache_tokens(
            self.footprint,
            self.machine.accelerator,
            count=self.machine.count,
            split=split,
            settings=self.settings,
            context=self.context,
        )


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
    replicas: int = 1,
    settings: EngineSettings = DEFAULTS,
) -> Fit:
    """Return whether a set-up can serve a model, and why.

    The split is chosen, unless it is given: tensor parallel over as many accelerators of one
    instance as the heads divide into, and pipeline stages only where that is not enough.
    Stages may lie on different instances, the shards of one stage may not. Which split serves
    most is not asked here, but in ``planner.serving.layouts``.

    Args:
        model: The model.
        accelerator: What each instance has ``count`` of.
        count: Accelerators in an instance; 0.125 to 0.5 for a partition of one.
        precision: Asked of the weights.
        context: Tokens of a request, prompt and answer together.
        concurrency: Requests at once, all copies together.
        instances: Instances that serve the model together.
        host_memory_gib: Of an instance; None is not known.
        local_storage_gb: Of an instance; None is not known, 0 is a disk that can be sized.
        tensor_parallel: 1 is unsharded. Stages are 1 too then, unless given.
        pipeline_parallel: Stages; chosen by default.
        replicas: Copies of the model, each on its own GPUs.
        settings: What the engine is told about memory.

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
        replicas=replicas,
    )
    machine = Machine(accelerator, count, instances)
    supported = engines.support(model, accelerator, precision)
    runs = supported.precision or precision
    footprint = Footprint.of(model, runs, settings.kv_precision)
    case = _Case(footprint, machine, settings, context, math.ceil(concurrency / replicas))
    split = _split(case, tensor_parallel, pipeline_parallel)
    refusal = supported.reason or engines.cache_refusal(accelerator, settings.kv_precision)
    refusal = refusal or _impossible(model, machine, split, replicas)
    low, high = (0, 0) if refusal else case.tokens(split)
    held = Held(concurrency, low // context * replicas, high // context * replicas)
    room = memory.cache_bytes(footprint, accelerator, count=count, split=split, settings=settings)
    needs = Needs.of(footprint, machine, split, room, context=context, concurrency=case.concurrency)
    download_gb = memory.weight_bytes(model, runs) / 1e9
    ranks = min(split.gpus * replicas, machine.per_instance)
    host_gib = ranks * _HOST_GIB_PER_GPU + min(download_gb, _LARGEST_FILE_GB) * 1e9 / GIB
    remedies = tuple(_remedies(case, split)) if held.tight else ()
    warnings = list(supported.warnings)
    if held.fits:
        warnings += fit_warnings(footprint, machine, context)
        if runs == model.native_precision:
            warnings += checkpoint_support.splits(model, split.shards).warnings
        warnings += machine_warnings(machine, split, replicas)
        warnings += host_warnings(host_gib, download_gb, host_memory_gib, local_storage_gb)
    if remedies:
        warnings.append(f"tight: fits for sure with {' or '.join(remedies)}")
    return Fit(
        fits=held.fits,
        tight=held.tight,
        precision=runs,
        tensor_parallel=split.shards,
        pipeline_parallel=split.stages,
        replicas=replicas,
        weights_gib=needs.weights / GIB,
        kv_gib=needs.kv / GIB,
        usable_gib=needs.usable / GIB,
        kv_cache_tokens=(low + high) // 2,
        kv_cache_tokens_low=low,
        kv_cache_tokens_high=high,
        max_concurrency=held.low,
        reason=refusal or needs.sentence(machine, split, held, replicas),
        warnings=tuple(warnings),
        remedies=remedies,
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


def _split(case: _Case, shards: int | None, stages: int | None) -> Split:
    """Return the split asked for, or the one with the fewest stages that holds enough tokens.

    Where none does: the one that comes nearest.
    """
    if shards:
        return Split(shards, stages or 1)
    best, most = Split(1, stages or 1), (-1, 0, 0)
    for split in _splits(case.footprint.model, case.machine, stages):
        tokens, _ = case.tokens(split)
        if tokens // case.context >= case.concurrency:
            return split
        rank = (tokens, split.gpus, -split.stages)
        if rank > most:
            best, most = split, rank
    return best


def _splits(model: Model, machine: Machine, stages: int | None) -> list[Split]:
    """Return the splits that the machine allows: fewest stages first, then widest."""
    widths = memory.shard_widths(model, machine.accelerator, machine.per_instance)
    found = [
        Split(width, count)
        for width in widths
        for count in range(1, min(model.layers, _slots(machine, width)) + 1)
        if stages in (None, count)
    ]
    return sorted(found, key=lambda split: split.stages)


def _slots(machine: Machine, width: int) -> int:
    """Return how many stages of a width the machine has room for, none across instances."""
    return machine.instances * (machine.per_instance // width)


def _impossible(model: Model, machine: Machine, split: Split, replicas: int) -> str:
    """Return why a split that was asked for cannot be, or nothing."""
    shards, stages = split.shards, split.stages
    if shards > machine.per_instance:
        have = machine.per_instance
        return f"tensor parallel {shards} needs {shards} GPUs in one instance, it has {have}: no"
    if stages > _slots(machine, shards):
        return f"{stages} stages of {shards} GPUs need {split.gpus}, {machine.devices} are here: no"
    if split.gpus * replicas > machine.devices:
        need = split.gpus * replicas
        return f"{replicas} copies of {split.gpus} GPUs need {need}, {machine.devices} are here: no"
    if stages > model.layers:
        return f"{model.name} has {model.layers} layers, too few for {stages} stages: no"
    return _uncut(model, machine, shards)


def _uncut(model: Model, machine: Machine, shards: int) -> str:
    """Return why the layers of a model cannot be cut into so many shares, or nothing."""
    scales = checkpoint_support.splits(model, shards)
    if not scales.runs:
        return f"{scales.reason}; {scales.fix}: no"
    if not memory.can_shard(model, machine.accelerator, shards):
        heads = f"{model.heads} attention and {model.kv_heads} KV heads"
        return f"{heads} do not split over {shards} GPUs: no"
    return ""


def _remedies(case: _Case, split: Split) -> Iterator[str]:
    """Yield options of planner that let all requests fit at the low end, each by itself."""
    now = case.settings
    usual = now.most_requests or engines.most_requests(now.engine, case.machine.accelerator)
    for requests in _FEWER_REQUESTS:
        fewer = replace(now, most_requests=requests)
        if case.concurrency <= requests < usual and _fits(case, fewer, split):
            yield f"--max-num-seqs {requests}"
            break
    more = replace(now, utilization=_MORE_UTILIZATION)
    if (now.utilization or 0) < _MORE_UTILIZATION and _fits(case, more, split):
        yield f"--gpu-memory-utilization {_MORE_UTILIZATION}"
    card = case.machine.accelerator
    half = now.kv_precision != "fp8" and not engines.cache_refusal(card, "fp8")
    if half and _fits(case, replace(now, kv_precision="fp8"), split):
        yield "--kv-precision fp8"
    tokens, _ = case.tokens(split)
    shorter = tokens // case.concurrency // 256 * 256
    if shorter > 0:
        yield f"--context {shorter}"


def _fits(case: _Case, settings: EngineSettings, split: Split) -> bool:
    """Tell whether all requests fit at the low end once the engine is told something else."""
    of = case.footprint
    footprint = Footprint.of(of.model, of.precision, settings.kv_precision)
    low, _ = replace(case, footprint=footprint, settings=settings).tokens(split)
    return low // case.context >= case.concurrency
