"""Per-token prices of APIs that serve planner's models."""

from __future__ import annotations

import csv
from datetime import date
from decimal import Decimal

import pytest

from planner.bundled import pricing_data
from planner.pricing.api_prices import api_prices
from planner.serving import models

TODAY = date(2026, 11, 23)


def rows() -> list[dict[str, str]]:
    with (pricing_data() / "api_models.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_reviewed_row_names_a_model_of_planner_once() -> None:
    found = [(row["model"], row["provider"], row["api_model"]) for row in rows()]
    assert len(found) == len(set(found))
    for row in rows():
        assert models.get(row["model"]).name == row["model"]


def test_every_reviewed_row_is_priced_by_the_package() -> None:
    wanted = {(row["model"], row["provider"], row["api_model"]) for row in rows()}
    priced = {
        (model, price.provider, price.api_model)
        for model in {row["model"] for row in rows()}
        for price in api_prices(model, input_tokens=1024, output_tokens=1024, as_of=TODAY).prices
    }
    assert priced == wanted


def test_the_price_of_output_includes_the_prompts_that_led_to_it() -> None:
    found = api_prices("llama-2-70b", input_tokens=2048, output_tokens=512, as_of=TODAY)
    together = next(price for price in found.prices if price.provider == "together")
    assert together.input_usd_per_million == Decimal("0.9")
    assert together.usd_per_million_output_tokens == Decimal("0.9") * (1 + 4)


def test_prices_come_cheapest_first_with_their_source_and_date() -> None:
    found = api_prices("llama-3.3-70b", input_tokens=1024, output_tokens=1024, as_of=TODAY)
    totals = [price.usd_per_million_output_tokens for price in found.prices]
    assert totals == sorted(totals)
    assert found.source.startswith("genai-prices ")
    assert found.newest_change is not None
    assert date(2026, 1, 1) < found.newest_change <= TODAY


@pytest.mark.parametrize("model", ["falcon-7b", "qwen3-0.6b", "no such model"])
def test_a_model_that_no_api_serves_has_no_price(model: str) -> None:
    assert api_prices(model, input_tokens=1, output_tokens=1, as_of=TODAY).prices == ()


def test_a_date_before_the_package_s_first_has_no_newest_change() -> None:
    found = api_prices("llama-2-70b", input_tokens=1, output_tokens=1, as_of=date(2020, 1, 1))
    assert found.newest_change is None
