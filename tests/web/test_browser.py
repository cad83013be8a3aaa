"""The explorer and the report in Debian's Chromium, as a reader uses them."""

from __future__ import annotations

import csv
import json
import re
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from planner.bundled import pricing_data
from planner.planning import Request
from planner.pricing.catalog import Catalog
from planner.reporting import make_report
from planner.reports import write

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Locator, Page

MODELS = ("llama-2-70b", "codellama-34b", "mixtral-8x7b")
# Impacts of axe-core that count as a serious fault.
SERIOUS = {"serious", "critical"}


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Reports as files, by model."""
    folder, catalog = tmp_path_factory.mktemp("reports"), Catalog(pricing_data())
    made = {}
    for model in MODELS:
        report = make_report(Request(model, as_of=date(2026, 11, 23)), catalog)
        made[model] = write(report, folder / f"{model}.html")[0].as_uri()
    return made


def wait(what: Any) -> Any:
    """Return Playwright's assertions on a page or locator; they wait for what is to come."""
    from playwright.sync_api import expect

    # As long as it takes: the machine may be busy. Only what never comes is a fault.
    expect.set_options(timeout=60_000)
    return expect(what)


def values(tab: Page, field: str) -> list[str]:
    """Return the raw values of a column, shown rows only."""
    cells = tab.locator(f"table.sortable tbody tr:not([hidden]) [data-field={field}]")
    found: list[str] = cells.evaluate_all("cells => cells.map(cell => cell.dataset.value)")
    return found


def chosen(tab: Page, name: str) -> Locator:
    """Return the select that a screen reader calls by this name."""
    return tab.get_by_role("combobox", name=name, exact=True)


def faults(tab: Page) -> list[str]:
    """Return axe-core's serious faults of the page, once it no longer waits for an answer.

    What is replaced in a moment is dimmed on purpose.
    """
    from axe_playwright_python.sync_playwright import Axe

    wait(tab.locator("main.waiting")).to_have_count(0)
    found = Axe().run(tab).response["violations"]
    return [
        f"{fault['id']}: {fault['nodes'][0]['html'][:150]}"
        for fault in found
        if fault["impact"] in SERIOUS
    ]


def sideways(tab: Page) -> int:
    """Return by how many pixels the page is wider than the window."""
    wider: int = tab.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    return wider


@pytest.mark.long
@pytest.mark.parametrize(
    ("model", "scheme"), [*((model, "light") for model in MODELS), (MODELS[0], "dark")]
)
def test_a_report_has_no_serious_fault_for_those_who_cannot_see_it(
    tab: Page, files: dict[str, str], model: str, scheme: str
) -> None:
    tab.emulate_media(color_scheme=scheme)  # type: ignore[arg-type] # light or dark
    tab.goto(files[model])
    assert faults(tab) == []


@pytest.mark.long
@pytest.mark.parametrize("width", [375, 768, 1440])
@pytest.mark.parametrize("model", MODELS)
def test_a_report_fits_the_window_and_shows_the_charts_of_its_width(
    tab: Page, files: dict[str, str], model: str, width: int
) -> None:
    tab.set_viewport_size({"width": width, "height": 900})
    tab.goto(files[model])
    assert sideways(tab) == 0
    assert tab.locator(".drawing.wide").first.is_visible() == (width > 640)
    assert tab.locator(".drawing.narrow").first.is_visible() == (width <= 640)


@pytest.mark.long
def test_a_phone_shows_a_price_and_its_place_without_moving_the_table(
    tab: Page, files: dict[str, str]
) -> None:
    tab.set_viewport_size({"width": 375, "height": 800})
    tab.goto(files["llama-2-70b"])
    row = tab.locator("table.sortable tbody tr").first
    box = row.locator("[data-field=on_demand_monthly_usd]").bounding_box()
    assert box is not None
    assert box["x"] + box["width"] <= 375
    assert row.locator(".where").is_visible()
    assert not row.locator("[data-field=region]").is_visible()


@pytest.mark.long
def test_a_phone_s_first_screen_of_the_explorer_has_the_answer(tab: Page, address: str) -> None:
    tab.set_viewport_size({"width": 375, "height": 800})
    tab.goto(address)
    wait(tab.get_by_role("button", name="More fields")).to_be_visible()
    box = tab.locator("#answer").bounding_box()
    assert box is not None
    assert box["y"] < 500
    assert not tab.get_by_label("Used, %").is_visible()
    tab.get_by_role("button", name="More fields").click()
    tab.get_by_label("Used, %").fill("80")
    wait(tab.locator(".facts")).to_contain_text("80 % used")
    assert faults(tab) == []


def test_a_report_opens_without_any_request(tab: Page, files: dict[str, str]) -> None:
    asked: list[str] = []
    tab.on("request", lambda request: asked.append(request.url))
    tab.goto(files["llama-2-70b"])
    assert asked == [files["llama-2-70b"]]


@pytest.mark.long
def test_a_heading_sorts_up_and_down_by_value_and_what_is_not_known_comes_last(
    tab: Page, files: dict[str, str]
) -> None:
    tab.goto(files["llama-2-70b"])
    heading = tab.get_by_role("button", name="1 year, $ a month")
    for reverse, state in ((False, "ascending"), (True, "descending")):
        heading.click()
        shown = values(tab, "committed_1y_monthly_usd")
        known = [float(value) for value in shown if value]
        assert known == sorted(known, reverse=reverse)
        assert shown[len(known) :] == [""] * (len(shown) - len(known))
        assert tab.locator(f"th[aria-sort={state}]").count() == 1


@pytest.mark.long
def test_filters_narrow_the_table_and_clear(tab: Page, files: dict[str, str]) -> None:
    tab.goto(files["llama-2-70b"])
    every = values(tab, "cloud")
    chosen(tab, "Cloud").select_option("gcp")
    assert set(values(tab, "cloud")) == {"gcp"}
    assert tab.locator(".count").inner_text() == f"{every.count('gcp')} of {len(every)} plans"
    chosen(tab, "Accelerator").select_option("L4")
    assert set(values(tab, "accelerator")) == {"L4"}
    tab.get_by_role("button", name="Clear").click()
    wait(tab.locator(".count")).to_have_text(f"{len(every)} of {len(every)} plans")
    assert values(tab, "cloud") == every


@pytest.mark.long
def test_the_table_is_sorted_by_keyboard_alone(tab: Page, files: dict[str, str]) -> None:
    tab.goto(files["llama-2-70b"])
    tab.get_by_role("button", name="1 year saves").focus()
    tab.keyboard.press("Enter")
    assert tab.locator("th[aria-sort=ascending]").inner_text().startswith("1 year saves")


@pytest.mark.long
def test_the_export_holds_what_the_table_shows(
    tab: Page, files: dict[str, str], tmp_path: Path
) -> None:
    tab.goto(files["llama-2-70b"])
    chosen(tab, "Cloud").select_option("azure")
    with tab.expect_download() as download:
        tab.get_by_role("button", name="Download CSV").click()
    download.value.save_as(tmp_path / "plans.csv")
    with (tmp_path / "plans.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["instance_type"] for row in rows] == values(tab, "instance_type")
    for row, value in zip(rows, values(tab, "on_demand_monthly_usd"), strict=True):
        assert float(row["on_demand_monthly_usd"]) == float(value)
    data = json.loads(tab.locator("#data").inner_text())
    assert list(rows[0]) == data["fields"]


@pytest.mark.long
def test_a_report_prints_to_a_few_pages(tab: Page, files: dict[str, str]) -> None:
    tab.goto(files["llama-2-70b"])
    pages = re.findall(rb"/Type\s*/Page\b", tab.pdf(format="A4"))
    assert 3 <= len(pages) <= 12


@pytest.mark.long
def test_the_explorer_has_no_serious_fault_and_draws_its_charts(tab: Page, address: str) -> None:
    tab.goto(address)
    wait(tab.locator(".drawing svg")).to_have_count(4)
    assert faults(tab) == []
    for width in (375, 1440):
        tab.set_viewport_size({"width": width, "height": 900})
        drawn = "340" if width < 640 else "920"
        wait(tab.locator(".drawing svg").first).to_have_attribute("width", drawn)
        assert sideways(tab) == 0


@pytest.mark.long
def test_choosing_another_model_changes_the_answer_and_the_address(tab: Page, address: str) -> None:
    tab.goto(address)
    chosen(tab, "Model").select_option("codellama-34b")
    tab.wait_for_selector("h1:has-text('CodeLlama 34B')")
    chosen(tab, "Geography").select_option("eu")
    wait(tab).to_have_url(re.compile("geo=eu"))
    assert "model=codellama-34b" in tab.url
    assert "CodeLlama" in tab.locator("#status").inner_text()
    wait(tab.locator(".drawing svg").first).to_be_visible()


@pytest.mark.long
def test_a_deep_link_opens_the_same_view(tab: Page, address: str) -> None:
    tab.goto(f"{address}/?model=llama-2-7b")
    chosen(tab, "Cloud").select_option("aws")
    tab.get_by_role("button", name="1 year saves").click()
    tab.get_by_role("button", name="1 year saves").click()
    wait(tab).to_have_url(re.compile("sort=-saving_monthly"))
    shown, link = values(tab, "instance_type"), tab.url
    assert "show.cloud=aws" in link
    tab.goto("about:blank")
    tab.goto(link)
    assert values(tab, "instance_type") == shown
    assert tab.locator("th[aria-sort=descending]").count() == 1


@pytest.mark.long
def test_the_table_keeps_its_filter_when_the_form_changes(tab: Page, address: str) -> None:
    tab.goto(address)
    chosen(tab, "Cloud").select_option("aws")
    tab.get_by_label("Used, %").fill("80")
    wait(tab.locator(".facts")).to_contain_text("80 % used")
    assert set(values(tab, "cloud")) == {"aws"}


@pytest.mark.long
def test_a_wrong_field_is_told_and_put_right(tab: Page, address: str) -> None:
    tab.goto(address)
    tab.get_by_label("Context, tokens").fill("999999")
    tab.wait_for_selector("[role=alert]")
    assert "handles at most 4096 tokens" in tab.locator("[role=alert]").inner_text()
    tab.get_by_label("Context, tokens").fill("2048")
    tab.wait_for_selector("#answer")


@pytest.mark.long
def test_the_last_of_several_changes_is_what_the_page_shows(tab: Page, address: str) -> None:
    tab.goto(address)
    held: list[Any] = []

    def slow(route: Any) -> None:
        """Keep the first answer back until the second has come."""
        if "utilization=80" in route.request.url:
            held.append(route)
        else:
            route.continue_()

    tab.route("**/fragment?*", slow)
    tab.get_by_label("Used, %").fill("80")
    wait(tab.locator("#main")).to_have_attribute("aria-busy", "true")
    tab.get_by_label("Used, %").fill("60")
    wait(tab.locator(".facts")).to_contain_text("60 % used")
    for route in held:
        route.abort()
    wait(tab.locator("#main")).not_to_have_attribute("aria-busy", "true")
    assert "60 % used" in tab.locator(".facts").inner_text()
    assert "utilization=60" in tab.url


@pytest.mark.long
def test_the_back_button_takes_the_last_change_back(tab: Page, address: str) -> None:
    tab.goto(address)
    tab.get_by_label("Used, %").fill("80")
    wait(tab.locator(".facts")).to_contain_text("80 % used")
    tab.go_back()
    wait(tab.locator(".facts")).to_contain_text("fully used")
    assert tab.get_by_label("Used, %").input_value() == ""
    tab.go_forward()
    wait(tab.locator(".facts")).to_contain_text("80 % used")
    assert tab.get_by_label("Used, %").input_value() == "80"


@pytest.mark.long
def test_figures_go_where_the_server_does_not_answer(browser: Any, address: str) -> None:
    page = browser.new_page()
    page.goto(address)
    page.route("**/fragment?*", lambda route: route.abort())
    page.get_by_label("Used, %").fill("80")
    wait(page.locator("[role=alert]")).to_contain_text("planner does not answer")
    assert page.locator(".facts").count() == 0
    page.unroute("**/fragment?*")
    page.get_by_label("Used, %").fill("70")
    wait(page.locator(".facts")).to_contain_text("70 % used")
    page.close()


@pytest.mark.long
def test_an_unknown_page_leads_back(tab: Page, address: str) -> None:
    tab.goto(f"{address}/nope")
    assert "There is no such page" in tab.locator("h1").inner_text()
    assert faults(tab) == []
    tab.get_by_role("link", name="Start again").click()
    tab.wait_for_selector("#answer")


@pytest.mark.long
def test_the_page_is_usable_without_scripts(browser: object, address: str) -> None:
    page = browser.new_page(java_script_enabled=False)  # type: ignore[attr-defined] # a Browser
    page.goto(f"{address}/?model=llama-2-7b")
    assert page.locator("noscript button, form.ask button").count() >= 1
    assert page.locator(".chart img").count() == 4
    page.close()
