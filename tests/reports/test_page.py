"""The page says what the comparison says, needs nothing from outside and cannot be hijacked."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from decimal import ROUND_HALF_EVEN, Decimal
from html.parser import HTMLParser
from typing import Any

import pytest

from planner.bundled import pricing_data
from planner.planning import Request, compare
from planner.pricing.catalog import Catalog
from planner.reports import Report, document, headline, render

TWO_MEGABYTES = 2_000_000


class Page(HTMLParser):
    """Collects elements, attributes, and the text of cells and scripts."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.cells: list[tuple[dict[str, str], str, int | None]] = []
        self.data = ""
        self.text = ""
        self._plan: int | None = None
        self._cell: dict[str, str] | None = None
        self._in_data = False
        self._in_code = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.tags.append((tag, found))
        if tag == "tr":
            self._plan = int(found["data-plan"]) if "data-plan" in found else None
        if "data-value" in found:
            self._cell = found
            self.cells.append((found, "", self._plan))
        self._in_data = found.get("id") == "data"
        self._in_code = tag in {"script", "style"}

    def handle_endtag(self, tag: str) -> None:
        if tag in {"td", "th"}:
            self._cell = None
        self._in_code = self._in_code and tag not in {"script", "style"}

    def handle_data(self, data: str) -> None:
        if self._in_data:
            self.data += data
            self._in_data = False
        elif not self._in_code:
            self.text += data
        if self._cell is not None:
            found, text, plan = self.cells[-1]
            self.cells[-1] = (found, text + data, plan)


@pytest.fixture(scope="module")
def html(report: Report) -> str:
    return render(report, "report.html")["report.html"].decode()


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


@pytest.fixture(scope="module")
def compared(request_: Request) -> dict[str, Any]:
    """The comparison asked for again, as JSON has it."""
    result = compare(request_, Catalog(pricing_data())).to_dict()
    plain: dict[str, Any] = json.loads(json.dumps(result, default=_plain))
    return plain


def _plain(value: object) -> object:
    return float(value) if isinstance(value, Decimal) else str(value)


def test_every_figure_of_the_table_is_the_comparison_s_own(
    page: Page, compared: dict[str, Any]
) -> None:
    checked = 0
    for found, text, plan in page.cells:
        if plan is None:
            continue
        record = compared["plans"][plan]
        if found["data-field"] == "saving_monthly":
            prices = (record["on_demand_monthly_usd"], record["committed_1y_monthly_usd"])
            if None not in prices:
                assert float(found["data-value"]) == pytest.approx(prices[0] - prices[1])
                assert rounds_to(abs(prices[0] - prices[1]), text.removesuffix(" more"))
            continue
        value = record[found["data-field"]]
        if isinstance(value, float):
            assert float(found["data-value"]) == value
            assert rounds_to(value, text), (found, text)
            checked += 1
        elif value is None:
            assert found["data-value"] == ""
            assert not re.search(r"\d", text)
        else:
            assert found["data-value"] == str(value)
    assert checked > 4 * len(compared["plans"])


def test_the_data_that_the_page_exports_is_the_comparison(
    page: Page, compared: dict[str, Any]
) -> None:
    assert json.loads(page.data)["plans"] == compared["plans"]


@pytest.mark.long
def test_the_figures_behind_charts_and_apis_are_those_of_the_json_report(
    page: Page, report: Report
) -> None:
    figures = json.dumps(document.build(report), default=_plain)
    numbers = {float(number) for number in re.findall(r"-?\d+\.?\d*(?:e[+-]?\d+)?", figures)}
    behind = [found for found, _, plan in page.cells if plan is None and found["data-value"]]
    assert len(behind) > 100
    for found in behind:
        assert float(found["data-value"]) in numbers, found


def test_the_answer_and_the_key_figures_are_the_headline_plan_s(page: Page, report: Report) -> None:
    plan = headline.plan_of(report)
    assert plan.on_demand_monthly_usd is not None
    assert plan.committed_1y_monthly_usd is not None
    assert headline.said(report) in page.text
    assert f"${plan.committed_1y_monthly_usd:,.0f} a month" in headline.said(report)
    for value in (plan.on_demand_monthly_usd, plan.committed_1y_monthly_usd):
        assert page.text.count(f"${value:,.0f}") >= 2


def test_the_page_is_small_and_asks_for_nothing_outside(html: str, page: Page) -> None:
    assert len(html) < TWO_MEGABYTES
    addresses = [
        value
        for _, found in page.tags
        for name, value in found.items()
        if name in {"src", "href", "srcset", "action", "data", "poster"}
    ]
    assert all(address.startswith("#") for address in addresses), addresses
    styles = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    assert not any("url(" in style or "@import" in style for style in styles)


@pytest.mark.long
def test_the_policy_allows_exactly_the_page_s_own_script_and_style(html: str, page: Page) -> None:
    policy = next(
        found["content"]
        for _, found in page.tags
        if found.get("http-equiv") == "Content-Security-Policy"
    )
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for tag, name in (("script", "script-src"), ("style", "style-src")):
        (code,) = re.findall(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
        assert f"{name} 'sha256-{digest}'" in policy


def test_hostile_names_are_text_and_never_markup(hostile: Report) -> None:
    text = render(hostile, "report.html")["report.html"].decode()
    attacked = Page(text)
    tags = [tag for tag, _ in attacked.tags]
    assert "img" not in tags
    assert tags.count("script") == 2  # the data and the page's own
    assert not any(name.startswith("on") for _, found in attacked.tags for name in found), (
        "an event handler came in"
    )
    assert "<script>alert('type')</script>" in attacked.text
    assert "{{ 7*7 }}" in attacked.text
    assert json.loads(attacked.data)["plans"][0]["source"] == hostile.plans[0].source


def rounds_to(value: float, text: str) -> bool:
    """Tell whether the number a reader sees is the value, rounded."""
    seen = re.sub(r"[^\d.,-]", "", text).replace(",", "")
    digits = Decimal(seen)
    step = Decimal(1).scaleb(int(digits.as_tuple().exponent))
    return Decimal(value).quantize(step, ROUND_HALF_EVEN) == digits
