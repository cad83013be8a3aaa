"""What per-token APIs ask for the open models that planner knows, and which of them still serve.

Prices are those of the ``genai-prices`` package; ``pricing_data/api_models.csv`` says which of
its entries serve the same weights as one of planner's models (quantised or chat-tuned copies of
the same size among them, finetunes of others not). ``pricing_data/api_prices.csv`` is what the
package says of these, so that the package itself is imported only where a newer one is installed
(``pricing_data/read_api_prices.py`` writes the file).

The package neither dates most prices nor tells whether a provider still serves a model. A price
decides only where its provider surely served the model within the year: a change of the price is
dated so, or ``pricing_data/api_ends.csv`` names a page that says so. That file holds the ends that
providers announced, too.
"""

from __future__ import annotations

import csv
import sys
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from planner.bundled import pricing_data

if TYPE_CHECKING:
    from collections.abc import Iterator

    from genai_prices.types import ModelInfo, Provider

_PACKAGE = "genai-prices"
_A_YEAR = timedelta(days=365)

Status = Literal["serving", "ended", "not_verified"]


@dataclass(frozen=True, slots=True)
class ApiPrice:
    """What one provider asks for tokens of one model.

    Prices are US dollars per million tokens.

    Attributes:
        api_model: The provider's name of the model.
        usd_per_million_output_tokens: The output tokens and the prompts that led to them.
        deprecated: The provider has announced the model's end, or it has come.
        status: ``serving`` where that is known of the year before; only these decide anything.
        verified_on: The newest day on which the provider is known to have served the model.
        ends_on: The day of the end, where it is known.
    """

    provider: str
    provider_name: str
    api_model: str
    input_usd_per_million: Decimal
    output_usd_per_million: Decimal
    usd_per_million_output_tokens: Decimal
    deprecated: bool
    status: Status
    verified_on: date | None
    ends_on: date | None


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

    @property
    def serving(self) -> tuple[ApiPrice, ...]:
        """The offers that are known to be alive."""
        return tuple(price for price in self.prices if price.status == "serving")


@dataclass(frozen=True, slots=True)
class _Entry:
    """A price of the package; ``start`` is None for one that stood before any dated change."""

    provider: str
    provider_name: str
    api_model: str
    start: date | None
    input_usd: Decimal
    output_usd: Decimal
    deprecated: bool


@dataclass(frozen=True, slots=True)
class _End:
    ends_on: date | None
    verified_on: date | None


def api_prices(model: str, *, input_tokens: int, output_tokens: int, as_of: date) -> ApiPrices:
    """Return what the per-token APIs that serve a model ask for requests of this shape.

    Nothing is known of days more than a year before the package's first dated change.

    Args:
        model: planner's short name.
        input_tokens: Of one request.
        output_tokens: Of one request.
        as_of: The day; dated prices of the package count from their day on.
    """
    wanted = _api_models().get(model, ())
    source, entries = _entries() if wanted else (f"{_PACKAGE} {_installed()}", ())
    dates = [entry.start for entry in entries if entry.start is not None]
    newest = max((day for day in dates if day <= as_of), default=None)
    found = []
    if not dates or as_of >= min(dates) - _A_YEAR:
        for key in wanted:
            own = [entry for entry in entries if (entry.provider, entry.api_model) == key]
            found += [
                _price(entry, input_tokens / output_tokens, as_of)
                for entry in _in_force(own, as_of)
            ]
    found.sort(key=lambda p: (p.usd_per_million_output_tokens, p.provider, p.api_model))
    return ApiPrices(tuple(found), source, newest)


def _in_force(entries: list[_Entry], as_of: date) -> list[_Entry]:
    """Return the entry whose price stood on a day, in a list; an empty one where none did."""
    begun = [entry for entry in entries if entry.start is None or entry.start <= as_of]
    return sorted(begun, key=lambda entry: entry.start or date.min)[-1:]


def _price(entry: _Entry, prompts: float, as_of: date) -> ApiPrice:
    end = _ends().get((entry.provider, entry.api_model), _End(None, None))
    known = [day for day in (entry.start, end.verified_on) if day is not None and day <= as_of]
    seen = max(known, default=None)
    has_ended = entry.deprecated or (end.ends_on is not None and end.ends_on <= as_of)
    is_fresh = seen is not None and as_of - seen <= _A_YEAR
    per_output = entry.output_usd + entry.input_usd * Decimal(str(prompts))
    return ApiPrice(
        provider=entry.provider,
        provider_name=entry.provider_name,
        api_model=entry.api_model,
        input_usd_per_million=entry.input_usd,
        output_usd_per_million=entry.output_usd,
        usd_per_million_output_tokens=per_output,
        deprecated=has_ended,
        status="ended" if has_ended else "serving" if is_fresh else "not_verified",
        verified_on=seen,
        ends_on=end.ends_on,
    )


def _installed() -> str:
    """Return the package's version; empty where it is not installed.

    Its folder of metadata is named after it. Asking ``importlib.metadata`` costs more than the
    prices do.
    """
    name = f"{_PACKAGE.replace('-', '_')}-"
    for folder in sys.path:
        for found in Path(folder).glob(f"{name}*.dist-info"):
            return found.name.removeprefix(name).removesuffix(".dist-info")
    return ""


@cache
def _entries() -> tuple[str, tuple[_Entry, ...]]:
    """Return the source and its prices: the file, unless a newer package is installed."""
    with (pricing_data() / "api_prices.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    held = rows[0]["source"]
    installed = f"{_PACKAGE} {_installed()}"
    if _number(installed) > _number(held):
        return installed, tuple(read_package())
    return held, tuple(
        _Entry(
            row["provider"],
            row["provider_name"],
            row["api_model"],
            date.fromisoformat(row["start"]) if row["start"] else None,
            Decimal(row["input_usd_per_million"]),
            Decimal(row["output_usd_per_million"]),
            row["deprecated"] == "yes",
        )
        for row in rows
    )


def _number(source: str) -> tuple[int, ...]:
    """Return the version in a source's name, to be compared."""
    return tuple(int(part) for part in source.rpartition(" ")[2].split(".") if part.isdigit())


def read_package() -> Iterator[_Entry]:
    """Yield the prices that the installed package has of planner's models.

    Free offers are left out, and those whose price depends on more than the number of tokens.
    """
    from genai_prices import data_snapshot

    wanted = {key for keys in _api_models().values() for key in keys}
    for provider in data_snapshot.get_snapshot().providers:
        for model in provider.models:
            if (provider.id, model.id) in wanted:
                yield from _of_model(provider, model)


def _of_model(provider: Provider, model: ModelInfo) -> Iterator[_Entry]:
    listed = model.prices if isinstance(model.prices, list) else None
    dated = (
        [(getattr(p.constraint, "start_date", None), p.prices) for p in listed]
        if listed is not None
        else [(None, model.prices)]
    )
    for start, price in dated:
        asked, answered = price.input_mtok, price.output_mtok  # type: ignore[union-attr]
        if isinstance(asked, Decimal) and isinstance(answered, Decimal) and asked + answered > 0:
            yield _Entry(
                provider.id, provider.name, model.id, start, asked, answered, bool(model.deprecated)
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
def _ends() -> dict[tuple[str, str], _End]:
    with (pricing_data() / "api_ends.csv").open(encoding="utf-8", newline="") as file:
        return {
            (row["provider"], row["api_model"]): _End(
                _day(row["ends_on"]), _day(row["verified_on"])
            )
            for row in csv.DictReader(file)
        }


def _day(text: str) -> date | None:
    return date.fromisoformat(text) if text else None
