"""Whether planner's images can serve a model on a machine at all: one table for all who ask.

``compare`` marks by it what it can deploy, ``deploy`` chooses and refuses by it, ``fit`` and a
hunt tell by it. What it refuses is never recommended. Memory and precision are judged elsewhere
(:mod:`planner.serving.memory`, :mod:`planner.serving.engines`).

Source: ``deploy_templates/suitability.csv``, each row with its own. The first row that fits counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from typing import TYPE_CHECKING

from planner.bundled import deploy_templates
from planner.serving import checkpoints, table

if TYPE_CHECKING:
    from planner.serving.models import Model

_OWN = "local"


@dataclass(frozen=True, slots=True)
class Obstacle:
    """What stands in the way.

    Attributes:
        aspect: ``driver``, ``architecture``, ``confidential``, ``engine`` or ``weights``.
        why: In words that follow "is not set up: ".
    """

    aspect: str
    why: str


@dataclass(frozen=True, slots=True)
class Machine:
    """What is asked about.

    Attributes:
        service: That rents it: ``azure-vm``.
        accelerator: ``A100-80GB``.
        accelerator_count: Below 1 for a share of a card.
    """

    service: str
    instance_type: str
    accelerator: str
    accelerator_count: float


def obstacle(machine: Machine, engine: str = "vllm") -> Obstacle | None:
    """Return why an engine cannot be set up on a machine; None where it can.

    The user's own machine has its own engine and driver: nothing is said of it.
    """
    if machine.service == _OWN:
        return None
    share = "yes" if 0 < machine.accelerator_count < 1 else ""
    for row in _rows():
        if (
            fnmatchcase(machine.service, row["service"])
            and fnmatchcase(machine.instance_type, row["instance_type"])
            and fnmatchcase(machine.accelerator, row["accelerator"])
            and fnmatchcase(engine, row["engine"])
            and row["share"] in {"", share}
        ):
            return Obstacle(row["aspect"], row["why"])
    return None


def without_weights(model: Model, precision: str) -> Obstacle | None:
    """Return why no engine can load a model at a precision; None where one can."""
    if checkpoints.exists(model, precision):
        return None
    return Obstacle("weights", f"no {precision} weights of {model.name} are known")


@cache
def _rows() -> tuple[dict[str, str], ...]:
    return tuple(table.read(deploy_templates() / "suitability.csv"))
