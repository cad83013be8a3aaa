"""Whether planner can put a plan there today: an adapter, a machine that suits, weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.serving import checkpoint_support, checkpoints, models, suitability

if TYPE_CHECKING:
    from planner.pricing.instance_types import InstanceType
    from planner.serving.layouts import Layout

DEPLOYS_TO = frozenset({"sagemaker", "ec2", "gce", "azure-vm", "local"})
"""Services that ``planner deploy --to`` takes; a test holds them to the adapters there are."""

_ENGINES = frozenset({"vllm", "tgi"})
_ONE_COPY = frozenset({"tgi"})


def deploy_to(item: InstanceType, model: str, layout: Layout) -> str | None:
    """Return what ``planner deploy --to`` takes for a plan; None where it cannot be deployed.

    Args:
        item: The machine.
        model: By its name.
        layout: How it runs there.
    """
    known = item.service in DEPLOYS_TO and layout.engine in _ENGINES
    known = known and (layout.replicas == 1 or layout.engine not in _ONE_COPY)
    known = known and not not_set_up(item, layout.engine)
    if known and checkpoints.exists(models.get(model), layout.precision, layout.engine):
        return item.service
    return None


def not_set_up(item: InstanceType, engine: str) -> tuple[str, ...]:
    """Return a warning where planner cannot set an engine up on a machine."""
    found = suitability.obstacle(machine(item), engine)
    return (f"planner deploy does not set it up: {found.why}",) if found is not None else ()


def missing_weights(model: str, precision: str) -> tuple[str, ...]:
    """Return a warning where planner knows no weights of a model at a precision."""
    subject = models.get(model)
    if checkpoints.exists(subject, precision) or not checkpoint_support.has_method(subject):
        return ()  # a checkpoint that the engine does not load is told by its method
    return (f"no {precision} weights of {subject.name} are known: deploy needs --weights",)


def machine(item: InstanceType) -> suitability.Machine:
    """Return an instance type as suitability knows it."""
    return suitability.Machine(
        item.service, item.instance_type, item.accelerator, float(item.accelerator_count)
    )
