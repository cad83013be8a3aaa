"""What per-token APIs ask for the open models that planner knows.

Prices are those of the ``genai-prices`` package; ``pricing_data/api_models.csv`` says which of
its entries serve the same weights as one of planner's models (quantised or chat-tuned copies of
the same size among them, finetunes of others not). The package dates only the changes it has
seen, so what can be said of its age is its version and its newest dated change; it does not say
whether a provider still serves a model.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING

from planner.bundled import pricing_data

if TYPE_CHECKING:
    from genai_prices.types import PriceCalculation

_PACKAGE = "genai-prices"
_MILLION = Decimal(1_000_000)


@dataclass(frozen=True, slots=True)
class ApiPrice:
    """What one provider asks for tokens of one model.

    Prices are US dollars per million tokens.

    Attributes:
        api_model: The provider's name of the model.
        usd_per_million_output_tokens: The output tokens and the prompts that led to them.
        deprecated: The provider has announced the model's end.
    """

    provider: str
    provider_name: str
    api_model: str
    input_usd_per_million: Decimal
    output_usd_per_million: Decimal
    usd_per_million_output_tokens: Decimal
    deprecated: bool


@dataclass(frozen=True, slots=True)
class ApiPrices:
    """The prices of one model, cheapest first, and where they come from.

    Attributes:
        newest_change: The newest dated change of any price in the package, up to the date
            asked about; no price here is known to be newer. None where it dates none so early.
    """

    prices: tuple[ApiPrice, ...]
    source: str
    newest_change: date | None


def api_prices(model: str, *, input_tokens: int, output_tokens: int, as_of: date) -> ApiPrices:
    """Return what the per-token APIs that serve a model ask for requests of this shape.

    Args:
        model: planner's short name.
        input_tokens: Of one request; some APIs ask more for long prompts.
        output_tokens: Of one request.
        as_of: The day; dated prices of the package count from their day on.
    """
    found = [
        _price(result, input_tokens, output_tokens)
        for provider, api_model in _api_models().get(model, ())
        if (result := _calculate(provider, api_model, input_tokens, output_tokens, as_of))
    ]
    found.sort(key=lambda p: (p.usd_per_million_output_tokens, p.provider, p.api_model))
    return ApiPrices(tuple(found), f"{_PACKAGE} {version(_PACKAGE)}", _newest_change(as_of))


def _calculate(
    provider: str, api_model: str, input_tokens: int, output_tokens: int, as_of: date
) -> PriceCalculation | None:
    """Return what one request costs, or None where the installed package lacks the model."""
    from genai_prices import Usage, calc_price

    try:
        result = calc_price(
            Usage(input_tokens=input_tokens, output_tokens=output_tokens),
            api_model,
            provider_id=provider,
            genai_request_timestamp=datetime.combine(as_of, time(23, 59), UTC),
        )
    except LookupError:
        return None
    # The package matches by pattern; only the very entry that was reviewed counts.
    return result if result.model.id == api_model and result.total_price > 0 else None


def _price(result: PriceCalculation, input_tokens: int, output_tokens: int) -> ApiPrice:
    return ApiPrice(
        provider=result.provider.id,
        provider_name=result.provider.name,
        api_model=result.model.id,
        input_usd_per_million=_MILLION * result.input_price / input_tokens,
        output_usd_per_million=_MILLION * result.output_price / output_tokens,
        usd_per_million_output_tokens=_MILLION * result.total_price / output_tokens,
        deprecated=bool(result.model.deprecated),
    )


@cache
def _api_models() -> dict[str, list[tuple[str, str]]]:
    """Return (provider, name there) of each model that an API serves."""
    found: dict[str, list[tuple[str, str]]] = {}
    with (pricing_data() / "api_models.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            found.setdefault(row["model"], []).append((row["provider"], row["api_model"]))
    return found


@cache
def _newest_change(as_of: date) -> date | None:
    from genai_prices import data_snapshot
    from genai_prices.types import StartDateConstraint

    dates = (
        price.constraint.start_date
        for provider in data_snapshot.get_snapshot().providers
        for model in provider.models
        if isinstance(model.prices, list)
        for price in model.prices
        if isinstance(price.constraint, StartDateConstraint)
    )
    return max((day for day in dates if day <= as_of), default=None)
