"""The public API's two functions: a comparison, and its reasons, from keyword arguments.

The same as ``planner.planning`` with a ``Request``, for people who type. Take them from the
package itself: ``planner.compare``, ``planner.explain``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from planner import planning
from planner.serving import models

if TYPE_CHECKING:
    from datetime import date
    from decimal import Decimal

    from planner.planning import Comparison, LocalCards
    from planner.pricing.catalog import Catalog


class Options(TypedDict, total=False):
    """What a ``Request`` holds besides the model; see there for what each field means."""

    precision: str | None
    context: int | None
    concurrency: int
    input_tokens: int
    output_tokens: int
    cached_share: float
    ttft_s: float | None
    tpot_s: float | None
    engine: str
    engine_generation: str | None
    kv_precision: str
    gpu_memory_utilization: float | None
    max_num_seqs: int | None
    utilization: float
    hours_per_month: Decimal
    as_of: date | None
    geo: str
    clouds: tuple[str, ...]
    services: tuple[str, ...]
    regions: tuple[str, ...]
    accelerators: tuple[str, ...]
    instance_types: tuple[str, ...]
    payment_options: tuple[str, ...]
    max_monthly: Decimal | None
    max_instances: int | None
    tensor_parallel: int | None
    include_neuron: bool
    estimates: bool
    every_region: bool
    sort: str
    top: int | None
    local: LocalCards


def compare(
    model: str, *, catalog: Catalog | None = None, **options: Unpack[Options]
) -> Comparison:
    """Return the plans that can serve a model, cheapest first.

    >>> import planner
    >>> from datetime import date
    >>> comparison = planner.compare("llama-2-70b", geo="us", as_of=date(2026, 11, 23))
    >>> comparison.plans[0].instance_type
    'Standard_NC48ads_A100_v4'

    Args:
        model: A short name or alias in any case, a Hugging Face id, or the path of a folder, a
            GGUF file or a LoRA adapter.
        catalog: The prices; those that planner knows by default.
        options: The fields of ``Request``.

    Raises:
        UnknownNameError: The model, a region, an accelerator or an instance type is unknown.
        UsageError: A number is out of range.
        NotFoundError: No instance type fits, or none that fits has a price.
    """
    models.find(model)
    return planning.compare(planning.Request(model, **options), catalog)


def explain(
    model: str, *, catalog: Catalog | None = None, **options: Unpack[Options]
) -> list[dict[str, Any]]:
    """Return why each instance type can or cannot serve a model, fitting ones first.

    Raises:
        UnknownNameError: The model or a filter's name is unknown.
        UsageError: A number is out of range.
    """
    models.find(model)
    return planning.explain(planning.Request(model, **options), catalog)
