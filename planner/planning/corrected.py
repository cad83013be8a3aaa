"""Put a load test in the place of what is predicted for its machine."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from planner.errors import UnknownNameError, UsageError
from planner.planning import measured, servers
from planner.serving import accelerators, layouts, models
from planner.serving.load import LoadShape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from planner.planning.demand import Load
    from planner.planning.measured import Measured
    from planner.planning.request import Request
    from planner.pricing.catalog import Catalog
    from planner.pricing.instance_types import InstanceType
    from planner.serving.layouts import Layout
    from planner.serving.load import Question
    from planner.serving.models import Model

Able = list[tuple["InstanceType", "Layout"]]


def by(
    test: Measured, request: Request, load: Load, found: Able, catalog: Catalog
) -> tuple[Able, str]:
    """Return the machines that meet the targets, one of them as it was measured.

    The others stay as predicted. Where the test's requests had other lengths than the load's, the
    prediction says what one is worth against the other.

    Args:
        test: The load test.
        request: What is asked.
        load: What is asked of the model.
        found: The machines, as predicted.
        catalog: Knows the machine.

    Returns:
        The machines, and what was done, in words.

    Raises:
        UnknownNameError: There is no such machine.
        UsageError: It is of another model, the model does not fit on it, or no load was within
            the targets.
    """
    model = models.get(request.model)
    _check_model(test, model)
    kinds = _kinds(test, catalog)
    test = replace(test, instance_type=kinds[0].instance_type)
    precision = test.precision or model.native_precision
    question = servers.question_for(request, model, precision, load)
    capacity = measured.capacity(test, question.targets)
    made, factor = [], 1.0
    for item in kinds:
        layout = _best(model, item, question)
        if layout is None:
            raise UsageError(
                f"{model.name} at {precision} does not fit on {item.instance_type}",
                why=f"{test.source} was measured there",
                advice="--precision NAME, as it was measured",
            )
        factor = 1.0 if _is_like(test, load) else _worth(test, model, item, question, layout)
        made.append((item, measured.applied(layout, capacity, factor)))
    tested = {item.key for item in kinds}
    rest = [
        (item, layout)
        for item, layout in found
        if item.key not in tested or layout.precision != precision
    ]
    held = test.has_times_for(question.targets)
    return [*rest, *made], _words(test, precision, capacity, factor, held=held)


def _check_model(test: Measured, model: Model) -> None:
    """Refuse a test of another model, where its name says so."""
    try:
        tested = models.get(test.model)
    except UnknownNameError:
        return  # a name of the user's own, or none
    if tested.name != model.name:
        raise UsageError(
            f"{test.source} is a load test of {tested.name}, not of {model.name}",
            advice=f"planner size {tested.name} --measured ..., or a test of {model.name}",
        )


def _kinds(test: Measured, catalog: Catalog) -> Sequence[InstanceType]:
    name = catalog.instance_types.get(test.instance_type).instance_type
    return [item for item in catalog.instance_types if item.instance_type == name]


def _is_like(test: Measured, load: Load) -> bool:
    return test.is_like(load.input_tokens.mean, load.output_tokens.mean)


def _best(model: Model, item: InstanceType, question: Question) -> Layout | None:
    card = accelerators.get(item.accelerator, item.interconnect)
    return layouts.best(model, card, item.accelerator_count, question)


def _worth(
    test: Measured, model: Model, item: InstanceType, question: Question, layout: Layout
) -> float:
    """Return how many of the load's requests a machine serves for each of the test's."""
    shape = LoadShape(round(test.input_tokens), round(test.output_tokens))
    as_tested = _best(model, item, replace(question, shape=shape))
    before = as_tested.capacity_requests_per_second if as_tested is not None else None
    if not before or not layout.capacity_requests_per_second:
        raise UsageError(
            f"{test.source} was measured with requests of {test.input_tokens:,.0f} tokens in and "
            f"{test.output_tokens:,.0f} out",
            why="planner has no prediction to compare them with those of the load",
            advice=f"--input-tokens {test.input_tokens:.0f} --output-tokens "
            f"{test.output_tokens:.0f}, or another test",
        )
    return layout.capacity_requests_per_second / before


def _words(
    test: Measured, precision: str, found: measured.Capacity, factor: float, *, held: bool
) -> str:
    limit = "" if found.is_limit else "; no load was beyond that, so it may serve more"
    other = "" if factor == 1.0 else f", times {factor:.2f} for requests of the load's lengths"
    of = f" of {test.model}" if test.model else ""
    within = f"within the targets, by {test.percentile}{other}{limit}"
    if not held:
        within = f"in that test, which lacks times to hold all your targets against{other}"
    return (
        f"{test.instance_type} at {precision} as measured ({test.source}{of}): "
        f"{found.requests_per_second:.3g} requests/s {within}"
    )
