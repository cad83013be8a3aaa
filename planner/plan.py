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

    Money is US dollars for all ``instances`` together; ``None`` is not known. The committed
    price is the cheapest one-year commitment by effective hourly cost, of the kinds asked for.

    Attributes:
        accelerator_count: On one instance; below 1 for a partition of a card.
        precision: What really runs (fp16 where bf16 was asked of a card without it).
        committed_1y_basis: ``published`` or ``estimated`` (``planner.pricing.estimates``).
        break_even_hours_per_month: From here on the commitment is cheaper than on demand.
        tokens_per_second: Output tokens, all requests together, when the machine is saturated.
        throughput_basis: ``measured``, ``modelled`` or ``unvalidated``.
        throughput_software: The engine's generation that the speed was measured on; it differs
            between accelerators, so part of a difference in cost per token may be software.
        usd_per_million_tokens: At the on-demand price and the stated utilisation.
        on_demand_confidence: How far the source is trusted: ``high``, ``medium``, ``low``.
        as_of: The date of the on-demand price (of the committed one where there is no other).
        spot_hourly_usd: Moves from day to day, and the machine may be taken back.
        pricing_model: How a deploy buys the machines: ``on_demand`` or ``spot``.
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
    pricing_model: str = "on_demand"

    @property
    def hourly_usd(self) -> Decimal | None:
        """Return the price of an hour as the machines are to be bought; None: not known."""
        return self.spot_hourly_usd if self.pricing_model == "spot" else self.on_demand_hourly_usd

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as the JSON contract names them."""
        return asdict(self)
