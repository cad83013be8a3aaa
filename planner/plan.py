"""Plan: a model on an instance type in a region at a price. What travels through planner.

Made by ``planner.planning``; reports, quotas and endpoints take it and never import
comparison.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import date
    from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Plan:
    """One row of a comparison.

    Money, speed and capacity are for all ``instances`` together; ``None`` is not known. The
    committed price is the cheapest one-year commitment by effective hourly cost, of the kinds
    asked for.

    Attributes:
        accelerator_count: On one instance; below 1 for a partition of a card.
        instances: Machines. Each serves the whole model, but where ``spans_machines`` is set.
        context: Tokens of a request that the caches hold; None where nobody said.
        replicas: Copies of the model on one machine, each ``tensor_parallel`` x
            ``pipeline_parallel`` GPUs.
        max_num_seqs: Requests that the engine of one copy has in flight at most, where it is
            told; None for its default.
        gpu_memory_utilization: Share of a card that the engine takes; None for its default.
        kv_cache_tokens: Of one copy: the middle of the range, whose low end the verdict rests on.
        precision: What really runs (fp16 where bf16 was asked of a card without it).
        committed_1y_basis: ``published`` or ``estimated`` (``planner.pricing.estimates``).
        break_even_hours_per_month: From here on the commitment is cheaper than on demand.
        within_targets: Whether even one request in flight answers within the targets.
        capacity_requests_per_second: The most within the targets; 0 where none is.
        concurrent_requests: In flight at that capacity.
        time_to_first_token_s, time_per_output_token_s: What 19 of 20 requests stay under at
            that capacity; of a request alone where none is within the targets.
        tokens_per_second: Output tokens at that capacity, all requests together; None where
            nothing is known and where no request is within the targets.
        throughput_basis: ``measured``, ``modelled`` or ``unvalidated``.
        throughput_software: The engine and generation that the speed is stated for.
        usd_per_million_tokens: Of output tokens, at that capacity and the on-demand price.
        deployable: Whether planner can put it there today.
        deploy_to: What ``planner deploy --to`` takes for it.
        weights_known: Whether planner knows weights of the model at ``precision``.
        committed_1y_due_now_usd: What the commitment asks for on the first day.
        on_demand_confidence: How far the source is trusted: ``high``, ``medium``, ``low``.
        as_of: The date of the on-demand price (of the committed one where there is no other).
        spot_hourly_usd: Moves from day to day, and the machine may be taken back.
        capacity_block_hourly_usd: Booked ahead for a block of fixed days, paid when booked.
        flex_start_hourly_usd: Google starts the machine when there is room, for seven days.
        pricing_model: How the machines are bought: ``on_demand``, ``spot``, ``capacity_block``
            or ``flex_start``.
    """

    model: str
    cloud: str
    service: str
    region: str
    instance_type: str
    accelerator: str
    accelerator_count: float
    instances: int
    precision: str
    tensor_parallel: int
    pipeline_parallel: int
    fits: bool
    fit_reason: str
    warnings: tuple[str, ...]
    kv_cache_tokens: int
    on_demand_hourly_usd: Decimal | None
    on_demand_monthly_usd: Decimal | None
    committed_1y_hourly_usd: Decimal | None
    committed_1y_monthly_usd: Decimal | None
    committed_1y_upfront_usd: Decimal | None
    committed_1y_kind: str | None
    committed_1y_payment_option: str | None
    committed_1y_basis: str | None
    saving_percent: Decimal | None
    break_even_hours_per_month: Decimal | None
    tokens_per_second: float | None
    tokens_per_second_low: float | None
    tokens_per_second_high: float | None
    throughput_basis: str
    throughput_source: str
    throughput_software: str
    usd_per_million_tokens: float | None
    committed_1y_usd_per_million_tokens: float | None
    on_demand_confidence: str | None
    committed_1y_confidence: str | None
    as_of: date | None
    source: str
    committed_1y_as_of: date | None
    committed_1y_source: str
    note: str
    spot_hourly_usd: Decimal | None = None
    spot_as_of: date | None = None
    spot_source: str = ""
    capacity_block_hourly_usd: Decimal | None = None
    capacity_block_as_of: date | None = None
    capacity_block_source: str = ""
    flex_start_hourly_usd: Decimal | None = None
    flex_start_as_of: date | None = None
    flex_start_source: str = ""
    pricing_model: str = "on_demand"
    replicas: int = 1
    spans_machines: bool = False
    context: int | None = None
    engine: str = "vllm"
    engine_generation: str = ""
    kv_precision: str = "fp16"
    max_num_seqs: int | None = None
    gpu_memory_utilization: float | None = None
    kv_cache_tokens_low: int = 0
    kv_cache_tokens_high: int = 0
    within_targets: bool | None = None
    capacity_requests_per_second: float | None = None
    concurrent_requests: int | None = None
    time_to_first_token_s: float | None = None
    time_per_output_token_s: float | None = None
    deployable: bool = False
    deploy_to: str | None = None
    weights_known: bool = True
    committed_1y_due_now_usd: Decimal | None = None

    @property
    def hourly_usd(self) -> Decimal | None:
        """Return the price of an hour as the machines are to be bought; None: not known."""
        price: Decimal | None = getattr(self, f"{self.pricing_model}_hourly_usd")
        return price

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as the JSON contract names them."""
        return asdict(self)
