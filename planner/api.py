"""The public API's functions: a comparison, its reasons, a load and its fleets, by keywords.

The same as ``planner.planning`` with a ``Request``, for people who type. Take them from the
package itself: ``planner.compare``, ``planner.explain``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from planner import planning
from planner.planning import demand, sizing
from planner.planning.fleets import Rules
from planner.planning.servers import Buying
from planner.serving import models

if TYPE_CHECKING:
    from datetime import date
    from decimal import Decimal

    from planner.planning import Comparison, LocalCards
    from planner.planning.demand import Load
    from planner.planning.measured import Measured
    from planner.planning.sizing import Sizing
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
    kv_precision: str | None
    gpu_memory_utilization: float | None
    max_num_seqs: int | None
    most_replicas: int | None
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
    pricing_model: str
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


def load(
    *,
    requests_per_second: float | None = None,
    requests_per_day: float | None = None,
    tokens_per_month: float | None = None,
    users: float | None = None,
    requests_per_user_hour: float = 10.0,
    shape: str = demand.FLAT,
    peak: float | None = None,
    input_tokens: float = 1024,
    output_tokens: float = 256,
    input_tokens_p95: float | None = None,
    output_tokens_p95: float | None = None,
    cached_share: float = 0.0,
    growth: float = 0.0,
    months: int = 12,
) -> Load:
    """Return a load: requests by the hour of a week, given in exactly one way.

    >>> office = load(users=400, shape="office")
    >>> round(office.peak_rate, 2)
    1.11

    Args:
        requests_per_second: Mean over the week; requests_per_day likewise.
        requests_per_day: See above.
        tokens_per_month: Prompts and answers together.
        users: People at work at the busiest hour.
        requests_per_user_hour: What each of them asks then.
        shape: ``flat``, ``office`` or ``consumer``.
        peak: The busiest hour against the mean; None for the shape's own.
        input_tokens: Of a prompt, mean; output_tokens of an answer.
        output_tokens: See above.
        input_tokens_p95: None for 3.3 times the mean.
        output_tokens_p95: None for 3 times the mean.
        cached_share: Of the prompt, that the prefix cache holds.
        growth: Of the load, from month to month.
        months: For how long it is planned.

    Raises:
        UsageError: A number makes no sense.
        UnknownNameError: No such shape.
    """
    prompt = demand.Lengths(
        input_tokens, input_tokens_p95 or input_tokens * demand.PROMPT_P95_OVER_MEAN
    )
    answer = demand.Lengths(
        output_tokens, output_tokens_p95 or output_tokens * demand.ANSWER_P95_OVER_MEAN
    )
    volume = demand.Volume(
        requests_per_second, requests_per_day, tokens_per_month, users, requests_per_user_hour
    )
    return demand.build(
        volume,
        shape,
        prompt,
        answer,
        peak=peak,
        cached_share=cached_share,
        growth=growth,
        months=months,
    )


def size(
    model: str,
    asked: Load,
    *,
    buying: Buying | None = None,
    rules: Rules | None = None,
    credits_usd: float = 0.0,
    measured: Measured | None = None,
    catalog: Catalog | None = None,
    **options: Unpack[Options],
) -> Sizing:
    """Return the fleets that carry a load within the targets, cheapest first.

    Args:
        model: Its short name, an alias or its Hugging Face id, in any case.
        asked: What is asked of it (:func:`load`).
        buying: How machines may be bought; on demand or one year without upfront by default.
        rules: How the fleet is run.
        credits_usd: That pay the first bills.
        measured: A load test of one machine, in place of its prediction
            (:func:`planner.planning.measured_files.read`).
        catalog: The prices; those that planner knows by default.
        options: The fields of ``Request``. The time per token aims at 50 ms by default.

    Raises:
        UnknownNameError: The model, a region, an accelerator or an instance type is unknown.
        UsageError: A number is out of range.
        NotFoundError: No machine meets the targets, or none that does has a price.
    """
    models.find(model)
    options.setdefault("tpot_s", 0.05)
    request = sizing.SizeRequest(
        where=planning.Request(model, **options),
        load=asked,
        buying=buying or Buying(),
        rules=rules or Rules(),
        credits_usd=credits_usd,
        measured=measured,
    )
    return sizing.size(request, catalog)
