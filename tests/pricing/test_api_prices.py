"""Per-token prices of APIs that serve planner's models."""

from __future__ import annotations

import csv
from datetime import date
from decimal import Decimal
from importlib.metadata import version

import pytest

from planner.bundled import pricing_data
from planner.pricing.api_prices import api_prices, read_package
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


def test_an_offer_that_ended_or_that_nobody_saw_for_a_year_decides_nothing() -> None:
    found = api_prices("llama-3.3-70b", input_tokens=1, output_tokens=1, as_of=TODAY)
    status = {(p.provider, p.api_model): p.status for p in found.prices}
    assert status["groq", "llama-3.3-70b-versatile"] == "ended"
    assert status["cerebras", "llama-3.3-70b"] == "ended"
    assert status["novita", "meta-llama/llama-3.3-70b-instruct"] == "serving"
    assert status["together", "meta-llama/Llama-3.3-70B-Instruct-Turbo"] == "not_verified"
    assert {p.status for p in found.serving} == {"serving"}
    assert not api_prices("llama-2-70b", input_tokens=1, output_tokens=1, as_of=TODAY).serving


def test_an_offer_serves_until_the_day_of_its_end() -> None:
    def status(day: date) -> str:
        found = api_prices("llama-3.1-8b", input_tokens=1, output_tokens=1, as_of=day)
        return next(p.status for p in found.prices if p.provider == "groq")

    assert status(date(2026, 8, 15)) != "ended"
    assert status(date(2026, 8, 16)) == "ended"


def test_no_price_of_today_stands_for_a_day_long_ago() -> None:
    assert (
        api_prices(
            "llama-3.3-70b", input_tokens=1, output_tokens=1, as_of=date(2023, 10, 31)
        ).prices
        == ()
    )


def test_every_end_has_a_source_and_names_an_offer() -> None:
    with (pricing_data() / "api_ends.csv").open(encoding="utf-8", newline="") as file:
        ends = list(csv.DictReader(file))
    offers = {(row["provider"], row["api_model"]) for row in rows()}
    for end in ends:
        assert (end["provider"], end["api_model"]) in offers
        assert "looked up 2026-" in end["source"]
        assert bool(end["ends_on"]) != bool(end["verified_on"])


def test_the_table_is_what_the_package_of_its_version_says() -> None:
    with (pricing_data() / "api_prices.csv").open(encoding="utf-8", newline="") as file:
        held = list(csv.DictReader(file))
    (source,) = {row["source"] for row in held}
    live = {(e.provider, e.api_model, str(e.start or "")): e for e in read_package()}
    assert len({(r["provider"], r["api_model"]) for r in held}) == len(
        {r["provider"] + r["api_model"] for r in rows()}
    )
    if source == f"genai-prices {version('genai-prices')}":
        assert {(r["provider"], r["api_model"], r["start"]) for r in held} == set(live)
        for row in held:
            entry = live[row["provider"], row["api_model"], row["start"]]
            assert Decimal(row["output_usd_per_million"]) == entry.output_usd
            assert Decimal(row["input_usd_per_million"]) == entry.input_usd
