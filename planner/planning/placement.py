"""Try a model on instance types: what can hold it, and why the others cannot."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from planner.planning import deployable
from planner.planning.replicas_kept import remembering
from planner.planning.request import (
    ANY_PRECISION,
    CLOUDS,
    SERVICES,
    check_names,
    check_numbers,
    context_of,
    question_of,
    settings_of,
)
from planner.pricing.catalog import Catalog
from planner.serving import accelerators, layouts, models
from planner.serving.memory import fit as fitting

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

    from planner.planning.request import Request
    from planner.pricing.instance_types import InstanceType
    from planner.serving.accelerators import Accelerator
    from planner.serving.layouts import Layout
    from planner.serving.memory.fit import Fit
    from planner.serving.models import Model

_PRECISIONS_OF_ANY = ("fp8", "int8", "int4", "fp4")
_OF_EXPERTS = "mxfp4"
# How many machines are tried together when no single one can hold the model.
_INSTANCES_WHEN_NEEDED = 4


@dataclass(frozen=True, slots=True)
class Placement:
    """A model that fits on one or more machines of an instance type.

    Attributes:
        fit: The verdict on one machine; on all together where a copy spans them.
        layout: How one machine runs the model; None where a copy spans several, whose speed
            nobody has measured.
        instances: Machines. Each serves the whole model unless a copy spans them.
    """

    instance_type: InstanceType
    accelerator: Accelerator
    fit: Fit
    layout: Layout | None
    instances: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why one instance type can or cannot serve the model."""

    instance_type: InstanceType
    fit: Fit


@remembering()
def place(request: Request, catalog: Catalog) -> tuple[list[Placement], list[Verdict]]:
    """Try the model on every instance type asked for.

    One machine serves it, or several of which each does: more load means more machines. Only
    where no single machine holds the model is one copy spread over several.

    Returns:
        What can serve it, and the verdicts on what cannot.
    """
    types = wanted_types(request, catalog)
    placements, rejected = _place_on(request, types, range(1, (request.max_instances or 1) + 1))
    most = request.max_instances or _INSTANCES_WHEN_NEEDED
    if not placements and request.max_instances is None:
        placements, _ = _place_on(request, types, range(2, most + 1))
    if not placements and not any(verdict.fit.max_concurrency for verdict in rejected):
        placements = list(_spanning(request, types, range(2, most + 1)))
    return placements, rejected


@remembering()
def explain(request: Request, catalog: Catalog | None = None) -> list[dict[str, Any]]:
    """Return the verdict on every instance type asked for, as records; fitting ones first.

    Each has the fields of ``Fit`` and says which machine, and how many, it is about. Machines
    that need a Neuron-compiled model are among them only where asked for.

    Raises:
        UnknownNameError: The model or a filter's name is unknown.
        UsageError: A number is out of range.
    """
    check_numbers(request, models.get(request.model))
    types = wanted_types(request, catalog or Catalog())
    instances = range(1, (request.max_instances or 1) + 1)
    placements, rejected = _place_on(request, types, instances)
    if not placements and not any(verdict.fit.max_concurrency for verdict in rejected):
        spanning = list(_spanning(request, types, instances[1:]))
        there = {placement.instance_type.key for placement in spanning}
        rejected = [verdict for verdict in rejected if verdict.instance_type.key not in there]
        placements = spanning
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
            "warnings": (*fit.warnings, *deployable.not_set_up(item, request.engine)),
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
    accelerators.check_sold(
        request.accelerators, {item.accelerator for item in catalog.instance_types}
    )
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
    for precision in precisions(request, model):
        question = question_of(request, model, precision)
        for count in instances:
            of_each = math.ceil(request.concurrency / count)
            layout = layouts.best(
                model,
                card,
                item.accelerator_count,
                replace(question, concurrency=of_each),
                shards=request.tensor_parallel,
            )
            if layout is None:
                continue
            fit = _fit(request, item, precision, concurrency=of_each, layout=layout)
            if request.include_neuron or not fit.needs_neuron:
                yield Placement(item, card, fit, layout, count)
                break
        else:
            yield Verdict(item, _fit(request, item, precision, concurrency=request.concurrency))


def layouts_on(request: Request, item: InstanceType, but: Container[str]) -> Iterator[Layout]:
    """Yield how one machine runs the model best at each precision asked for, but for some."""
    model = models.get(request.model)
    card = accelerators.get(item.accelerator, item.interconnect)
    for precision in precisions(request, model):
        if precision in but:
            continue
        question = question_of(request, model, precision)
        shards = request.tensor_parallel
        layout = layouts.best(model, card, item.accelerator_count, question, shards=shards)
        if layout is not None:
            yield layout


def _spanning(
    request: Request, types: list[InstanceType], instances: Iterable[int]
) -> Iterator[Placement]:
    """Yield one copy spread over as few machines of each type as hold it."""
    model = models.get(request.model)
    for item in types:
        card = accelerators.get(item.accelerator, item.interconnect)
        for precision in precisions(request, model):
            for count in instances:
                fit = _fit(
                    request, item, precision, concurrency=request.concurrency, instances=count
                )
                if fit.fits and (request.include_neuron or not fit.needs_neuron):
                    yield Placement(item, card, fit, None, count)
                    break


def _fit(
    request: Request,
    item: InstanceType,
    precision: str,
    *,
    concurrency: int,
    layout: Layout | None = None,
    instances: int = 1,
) -> Fit:
    """Return the verdict on an instance type, as one layout runs the model or as fits best."""
    model = models.get(request.model)
    return fitting.fit(
        model,
        accelerators.get(item.accelerator, item.interconnect),
        count=item.accelerator_count,
        precision=precision,
        context=context_of(request, model),
        concurrency=concurrency,
        instances=instances,
        host_memory_gib=item.memory_gib,
        local_storage_gb=item.local_storage_gb,
        tensor_parallel=layout.tensor_parallel if layout else request.tensor_parallel,
        pipeline_parallel=layout.pipeline_parallel if layout else None,
        replicas=layout.replicas if layout else 1,
        settings=settings_of(request, precision),
    )


def _place_on(
    request: Request, types: Iterable[InstanceType], instances: range
) -> tuple[list[Placement], list[Verdict]]:
    found = [result for item in types for result in try_on(request, item, instances)]
    placements = [result for result in found if isinstance(result, Placement)]
    return placements, [result for result in found if isinstance(result, Verdict)]


def precisions(request: Request, model: Model) -> tuple[str, ...]:
    """Return the precisions to try, the model's own first."""
    if request.precision == ANY_PRECISION:
        experts = (_OF_EXPERTS,) if model.moe_experts else ()
        own = (model.native_precision,) if model.native_precision else ()
        return tuple(dict.fromkeys((*own, *_PRECISIONS_OF_ANY, *experts)))
    return (model.precision(request.precision),)
