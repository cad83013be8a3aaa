"""The user's own machine: its cards through NVIDIA's management library, else its CPU."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from planner.errors import UnknownNameError
from planner.serving import accelerators
from planner.serving.accelerators import Accelerator

if TYPE_CHECKING:
    from collections.abc import Iterator

GIB = 1024**3
CPU = "CPU"
# A card's memory is sold in round numbers; the driver keeps a little of it for itself.
_SAME_MEMORY = 0.12
# NVIDIA, CUDA programming guide, "compute capabilities": major and minor version to generation.
_ARCHITECTURES = {
    (3, 5): "Kepler",
    (3, 7): "Kepler",
    (6, 0): "Pascal",
    (6, 1): "Pascal",
    (7, 0): "Volta",
    (7, 5): "Turing",
    (8, 0): "Ampere",
    (8, 6): "Ampere",
    (8, 7): "Ampere",
    (8, 9): "Ada",
    (9, 0): "Hopper",
    (10, 0): "Blackwell",
    (10, 3): "Blackwell",
    (12, 0): "Blackwell",
    (12, 1): "Blackwell",
}


@dataclass(frozen=True, slots=True)
class Card:
    """A graphics card as its driver describes it.

    Attributes:
        capability: CUDA compute capability: ``(8, 6)``.
    """

    name: str
    memory_bytes: int
    capability: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Machine:
    """What there is to run a model on.

    Attributes:
        accelerator: None where only the CPU is there.
        count: Cards of that kind; those of other kinds are left alone.
        memory_bytes: Of the host.
        note: Why there is no card, where that is worth saying.
    """

    accelerator: Accelerator | None
    count: int
    cores: int
    memory_bytes: int
    note: str = ""

    @property
    def title(self) -> str:
        """Return what to call it: ``your own RTX-3080-10GB``."""
        if self.accelerator is None:
            return f"your own CPU ({self.cores} cores, {self.memory_bytes / GIB:.1f} GiB)"
        many = f"{self.count}x " if self.count > 1 else ""
        return f"your own {many}{self.accelerator.name}"


def detect() -> Machine:
    """Return this machine: its strongest kind of card, else its CPU."""
    import psutil

    cards, note = _cards()
    cores, memory = psutil.cpu_count() or 1, psutil.virtual_memory().total
    if not cards:
        return Machine(None, 0, cores, memory, note)
    best = max(cards, key=lambda card: card.memory_bytes)
    same = [card for card in cards if card.name == best.name]
    return Machine(accelerator_of(best), len(same), cores, memory)


def accelerator_of(card: Card) -> Accelerator:
    """Return planner's own row of a card, or what its driver says of one that has none."""
    memory_gib = card.memory_bytes / GIB
    for name in _names(card, memory_gib):
        try:
            found = accelerators.get(name)
        except UnknownNameError:
            continue
        if abs(found.memory_gib - memory_gib) <= _SAME_MEMORY * found.memory_gib:
            return found
    return _unknown(card, memory_gib)


def _names(card: Card, memory_gib: float) -> Iterator[str]:
    short = re.sub(r"\b(NVIDIA|GeForce|Tesla|Quadro)\b", "", card.name).strip()
    short = re.sub(r"\s+", "-", short)
    yield f"{short}-{memory_gib:.0f}GB"
    yield short
    # "A100-SXM4-80GB", "H100 80GB HBM3": the family, then the memory.
    family = re.match(r"[A-Za-z]*-?\d+[A-Za-z]*", short)
    if family:
        yield f"{family[0]}-{memory_gib:.0f}GB"
        yield family[0]


def _unknown(card: Card, memory_gib: float) -> Accelerator:
    """Return a card by its driver's words alone; nothing is known of its speed."""
    major, minor = card.capability
    return Accelerator(
        name=card.name,
        accelerator=card.name,
        aliases=(),
        vendor="NVIDIA",
        memory_gib=memory_gib,
        usable_gib=None,
        bandwidth_gbs=None,
        fp16_tflops=None,
        fp8_tflops=None,
        int8_tops=None,
        fp4_tflops=None,
        interconnect="PCIe",
        interconnect_gbs=None,
        architecture=_ARCHITECTURES.get(card.capability, ""),
        compute_capability=float(f"{major}.{minor}"),
        launch_year=None,
        tdp_w=None,
        source="the NVIDIA driver of this machine",
        notes="",
    )


def _cards() -> tuple[list[Card], str]:
    """Return the cards that the driver reports, or none and why."""
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        return [], f"no NVIDIA card is usable here ({error})"
    try:
        handles = [pynvml.nvmlDeviceGetHandleByIndex(n) for n in range(pynvml.nvmlDeviceGetCount())]
        return [_card(pynvml, handle) for handle in handles], ""
    except pynvml.NVMLError as error:
        return [], f"the NVIDIA driver does not answer ({error})"
    finally:
        pynvml.nvmlShutdown()


def _card(nvml: Any, handle: Any) -> Card:  # noqa: ANN401 - pynvml has no types
    major, minor = nvml.nvmlDeviceGetCudaComputeCapability(handle)
    return Card(
        str(nvml.nvmlDeviceGetName(handle)),
        int(nvml.nvmlDeviceGetMemoryInfo(handle).total),
        (int(major), int(minor)),
    )
