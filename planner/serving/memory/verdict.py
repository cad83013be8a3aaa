"""The words of a verdict: the sum that decides, and what to know besides."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from planner.serving import memory
from planner.serving.memory import GIB, Footprint, Split

if TYPE_CHECKING:
    from planner.serving.accelerators import Accelerator
    from planner.serving.memory import Span


@dataclass(frozen=True, slots=True)
class Machine:
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
        """Devices of all instances together."""
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


@dataclass(frozen=True, slots=True)
class Held:
    """How many of the requests asked for the caches hold, at each end of the range."""

    asked: int
    low: int
    high: int

    @property
    def fits(self) -> bool:
        """Whether all fit at the low end."""
        return self.low >= self.asked

    @property
    def tight(self) -> bool:
        """Whether all fit at the high end only."""
        return self.low < self.asked <= self.high

    def word(self) -> str:
        """Return the verdict: ``yes``, ``tight`` or ``no``, with what fits where not all do."""
        if self.fits:
            return "yes"
        word = "tight" if self.tight else "no"
        if not self.high:
            return word
        some = f"{self.low}" if self.low == self.high else f"{self.low} to {self.high}"
        return f"{word} ({some} of {self.asked} requests fit)"


@dataclass(frozen=True, slots=True)
class Needs:
    """The sums behind a verdict, in bytes over all GPUs of one copy of the model.

    Attributes:
        kv: The cache asked for, with the ``copies`` that the split makes of it.
        runtime: What the engine may keep beside weights and cache.
        fullest: What the fullest GPU needs; ``room`` is what it has.
    """

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
        machine: Machine,
        split: Split,
        room: Span,
        *,
        context: int,
        concurrency: int,
    ) -> Needs:
        """Return the sums for so many requests on one copy.

        Args:
            footprint: Of the model.
            machine: What it runs on.
            split: How the copy is spread.
            room: What the engine leaves for the cache on the fullest GPU.
            context: Tokens of a request.
            concurrency: Requests of this copy.
        """
        copies = footprint.kv_share(split) * split.shards
        sequences = footprint.device_kv(Split(1), context) * concurrency
        usable = memory.usable_bytes(machine.accelerator, machine.count)
        weights = footprint.device_weights(split)
        runtime = usable - weights - room.low
        used = weights + footprint.device_kv(split, context) * concurrency
        return cls(
            weights=footprint.layers + footprint.embeddings,
            kv=sequences * copies,
            copies=copies,
            runtime=runtime * split.gpus,
            usable=usable * split.gpus,
            fullest=used + runtime,
            room=usable,
        )

    def sentence(self, machine: Machine, split: Split, held: Held, replicas: int) -> str:
        """Return the sum that decides, in one line."""
        kv = f"{self.kv / GIB:.1f} GiB KV"
        if self.copies > 1:
            kv += f" in {self.copies:g} copies"
        each = f"each of {replicas} copies " if replicas > 1 else ""
        text = f"{each}needs {self.weights / GIB:.1f} GiB for weights + {kv}"
        where = f"{machine.describe(split.gpus)} has {_usable(self.usable)} usable"
        if not held.fits and self.weights + self.kv <= self.usable:
            if self.weights + self.kv + self.runtime > self.usable:
                text += f" + {self.runtime / GIB:.1f} GiB runtime"
            else:
                where += f", but the fullest GPU needs {self.fullest / GIB:.1f}"
                where += f" of {self.room / GIB:.1f}"
        return f"{text}; {where}: {held.word()}"


def fit_warnings(footprint: Footprint, machine: Machine, context: int) -> list[str]:
    """Return what to know of a split that fits."""
    model, card = footprint.model, machine.accelerator
    found = []
    if context > model.max_context:
        found.append(
            f"{context} tokens are more than the {model.max_context} that {model.name} was made for"
        )
    if machine.count < 1 and card.vendor == "NVIDIA":
        found.append("a share of a card (vGPU) needs NVIDIA's GRID driver")
    return found


def machine_warnings(machine: Machine, split: Split, replicas: int) -> list[str]:
    """Return what to know of how the copies lie on the machines."""
    used_instances = -(-split.stages // (machine.per_instance // split.shards))
    found = []
    if used_instances < machine.instances:
        found.append(f"{used_instances} of the {machine.instances} instances would do")
    if used_instances > 1:
        found.append(f"spans {used_instances} instances: the engine must run multi-node")
    used = split.gpus * replicas
    if used_instances == 1 and used < machine.per_instance:
        spare = machine.per_instance - used
        more = "; copies can run on the rest" if spare >= split.gpus else ", the others idle"
        found.append(f"uses {used} of {machine.per_instance} GPUs{more}")
    return found


def host_warnings(
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


def _usable(size: float) -> str:
    gib = size / GIB
    return f"{gib:.0f}" if gib >= 10 else f"{gib:.1f}"  # noqa: PLR2004 - two figures are enough
