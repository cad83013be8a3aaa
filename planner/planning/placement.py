"""Try a model on instance types: what can hold it, and why the others cannot."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from planner.errors import UnknownNameError
from planner.planning.request import (
    ANY_PRECISION,
    CLOUDS,
    SERVICES,
    check_names,
    check_numbers,
    context_of,
)
from planner.pricing.catalog import Catalog
from planner.serving import accelerators, models
from planner.serving.memory import fit as fitting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.planning.request import Request
    from planner.pricing.instance_types import InstanceType
    from planner.serving.accelerators import Accelerator
    from planner.serving.memory.fit import Fit
    from planner.serving.models import Model

_PRECISIONS_OF_ANY = ("fp8", "int8", "int4")
# How many machines are tried together when no single one can hold the model.
_INSTANCES_WHEN_NEEDED = 4


@dataclass(frozen=True, slots=True)
class Placement:
    """A model that fits on one or more machines of an instance type."""

    instance_type: InstanceType
    accelerator: Accelerator
    fit: Fit
    instances: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why one instance type can or cannot serve the model."""

    instance_type: InstanceType
    fit: Fit


def place(request: Request, catalog: Catalog) -> tuple[list[Placement], list[Verdict]]:
    """Try the model on every instance type asked for.

    Returns:
        What can serve it, and the verdicts on what cannot.
    """
    placements, rejected = _place_on(request, catalog, range(1, (request.max_instances or 1) + 1))
    if not placements and request.max_instances is None:
        several = range(2, _INSTANCES_WHEN_NEEDED + 1)
        placements, _ = _place_on(request, catalog, several)
    return placements, rejected


def explain(request: Request, catalog: Catalog | None = None) -> list[dict[str, Any]]:
    """Return the verdict on every instance type asked for, as records; fitting ones first.

    Each has the fields of ``Fit`` and says which machine, and how many, it is about. Machines
    that need a Neuron-compiled model are among them only where asked for.

    Raises:
        UnknownNameError: The model or a filter's name is unknown.
        UsageError: A number is out of range.
    """
    check_numbers(request, models.get(request.model))
    instances = range(1, (request.max_instances or 1) + 1)
    placements, rejected = _place_on(request, catalog or Catalog(), instances)
    found = [(p.instance_type, p.fit, p.instances) for p in placements]
    named = request.include_neuron or request.instance_types or request.accelerators
    found += [(v.instance_type, v.fit, 1) for v in rejected if named or not v.fit.needs_neuron]
    found.sort(key=lambda entry: not entry[1].fits)
    return [
        {
            "cloud": item.cloud,
            "service": item.service,
            "instance_type": item.instance_type,
            "accelerator": item.accelerator,
            "accelerator_count": item.accelerator_count,
            "instances": instances,
            **asdict(fit),
        }
        for item, fit, instances in found
    ]


def wanted_types(request: Request, catalog: Catalog) -> list[InstanceType]:
    """Return the instance types that the request's filters leave.

    Raises:
        UnknownNameError: A filter names something planner does not know.
    """
    check_names("cloud", request.clouds, CLOUDS)
    check_names("service", request.services, SERVICES)
    for name in request.accelerators:
        known = {item.accelerator for item in catalog.instance_types}
        if not any(accelerators.matches(name, have) for have in known):
            raise UnknownNameError("accelerator", name, known, advice="planner gpus")
    names = {catalog.instance_types.get(name).instance_type for name in request.instance_types}
    return [
        item
        for item in catalog.instance_types
        if (not request.clouds or item.cloud in request.clouds)
        and (not request.services or item.service in request.services)
        and (not names or item.instance_type in names)
        and (
            not request.accelerators
            or any(accelerators.matches(name, item.accelerator) for name in request.accelerators)
        )
    ]


def try_on(request: Request, item: InstanceType, instances: range) -> Iterator[Placement | Verdict]:
    """Try the model on one instance type, with as few machines as will do.

    Yields:
        One placement or verdict for each precision asked for.
    """
    model = models.get(request.model)
    card = accelerators.get(item.accelerator, item.interconnect)
    for precision in _precisions(request, model):
        for count in instances:
            fit = fitting.fit(
                model,
                card,
                count=item.accelerator_count,
                precision=precision,
                context=context_of(request, model),
                concurrency=request.concurrency,
                instances=count,
                host_memory_gib=item.memory_gib,
                local_storage_gb=item.local_storage_gb,
                tensor_parallel=request.tensor_parallel,
            )
            if fit.fits and (request.include_neuron or not fit.needs_neuron):
                yield Placement(item, card, fit, count)
                break
        else:
            yield Verdict(item, fit)


def _place_on(
    request: Request, catalog: Catalog, instances: range
) -> tuple[list[Placement], list[Verdict]]:
    found = [
        result
        for item in wanted_types(request, catalog)
        for result in try_on(request, item, instances)
    ]
    placements = [result for result in found if isinstance(result, Placement)]
    return placements, [result for result in found if isinstance(result, Verdict)]


def _precisions(request: Request, model: Model) -> tuple[str, ...]:
    if request.precision == ANY_PRECISION:
        return tuple(dict.fromkeys((model.native_precision, *_PRECISIONS_OF_ANY)))
    return (request.precision or model.native_precision,)
