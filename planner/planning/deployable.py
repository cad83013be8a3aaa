"""Whether planner can put a plan there today: ``planner deploy`` knows the service and weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.serving import checkpoint_support, checkpoints, models

if TYPE_CHECKING:
    from planner.serving.layouts import Layout

DEPLOYS_TO = frozenset({"sagemaker", "gce", "azure-vm", "local"})
"""Services that ``planner deploy --to`` takes; a test holds them to the adapters there are."""

_ENGINES = frozenset({"vllm", "tgi"})
_ONE_COPY = frozenset({"tgi"})


def deploy_to(service: str, model: str, layout: Layout) -> str | None:
    """Return what ``planner deploy --to`` takes for a plan; None where it cannot be deployed.

    Args:
        service: That rents the machine.
        model: By its name.
        layout: How it runs there.
    """
    known = service in DEPLOYS_TO and layout.engine in _ENGINES
    known = known and (layout.replicas == 1 or layout.engine not in _ONE_COPY)
    subject = models.get(model)
    if known and checkpoints.exists(subject, layout.precision, layout.engine):
        return service
    return None


def missing_weights(model: str, precision: str) -> tuple[str, ...]:
    """Return a warning where planner knows no weights of a model at a precision."""
    subject = models.get(model)
    if checkpoints.exists(subject, precision) or not checkpoint_support.has_method(subject):
        return ()  # a checkpoint that the engine does not load is told by its method
    return (f"no {precision} weights of {subject.name} are known: deploy needs --weights",)
