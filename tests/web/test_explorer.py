"""The explorer's answers: safe headers, only from this machine, read-only, quick."""

from __future__ import annotations

import io
import json
from datetime import date
from typing import TYPE_CHECKING

import openpyxl
import pytest
from starlette.testclient import TestClient

from planner.bundled import pricing_data
from planner.errors import UsageError
from planner.planning import Request, compare
from planner.pricing.catalog import Catalog, Query
from planner.web.query import State
from planner.web.warm import WarmCatalog

if TYPE_CHECKING:
    from starlette.applications import Starlette


@pytest.fixture(scope="module")
def client(app: Starlette) -> TestClient:
    return TestClient(app, base_url="http://localhost:8765", raise_server_exceptions=False)


@pytest.mark.long
@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/fragment",
        "/charts/monthly.svg",
        "/report.json",
        "/static/report.js",
        "/nope",
        "/?context=x",
    ],
)
def test_every_answer_has_safe_headers(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "192.168.1.5"])
def test_only_this_machine_s_names_are_answered(client: TestClient, host: str) -> None:
    assert client.get("/", headers={"host": host}).status_code == 400


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize("path", ["/", "/fragment", "/report.json"])
def test_nothing_can_be_changed(client: TestClient, method: str, path: str) -> None:
    assert client.request(method, path).status_code == 405


def test_the_address_decides_what_is_shown(client: TestClient) -> None:
    page = client.get("/?model=codellama-34b&precision=int4&geo=eu&utilization=70&hours=200")
    assert page.status_code == 200
    assert "What it costs to serve CodeLlama 34B" in page.text
    assert "<option selected>int4</option>" in page.text
    assert (
        "planner report codellama-34b --precision int4 --geo eu --utilization 0.7 "
        "--hours-per-month 200 -o report.html"
    ) in page.text


@pytest.mark.long
def test_the_downloads_hold_the_comparison_that_the_address_means(client: TestClient) -> None:
    query = "model=llama-2-7b&geo=eu&as_of=2026-11-23"
    request = Request("llama-2-7b", geo="eu", as_of=date(2026, 11, 23))
    expected = compare(request, Catalog(pricing_data())).plans
    plans = json.loads(client.get(f"/report.json?{query}").text)["plans"]
    assert [plan["instance_type"] for plan in plans] == [plan.instance_type for plan in expected]
    book = client.get(f"/report.xlsx?{query}")
    assert 'filename="llama-2-7b.xlsx"' in book.headers["content-disposition"]
    assert openpyxl.load_workbook(io.BytesIO(book.content))["Plans"].max_row == len(expected) + 1
    for end in ("html", "csv", "focus.csv"):
        assert client.get(f"/report.{end}?{query}").status_code == 200


@pytest.mark.parametrize("size", ["wide", "narrow"])
@pytest.mark.parametrize("name", ["monthly", "cumulative", "tokens", "history"])
def test_charts_are_drawings_of_their_own(client: TestClient, name: str, size: str) -> None:
    answer = client.get(f"/charts/{name}.svg?size={size}")
    assert answer.headers["content-type"] == "image/svg+xml"
    assert answer.text.startswith("<svg")


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/?model=llama-9", 400, "Unknown model"),
        ("/?context=abc", 400, "Context cannot be"),
        ("/?context=9999999", 400, "handles at most"),
        ("/?context=1&input_tokens=9", 400, "Prompt 9 and Answer 1024 are"),
        ("/?utilization=900", 400, "Used cannot be"),
        ("/?geo=moon", 400, "Geo cannot be"),
        ("/?as_of=2001-01-01", 404, "no prices are known"),
        ("/nope", 404, "There is no such page"),
        ("/report.exe", 404, "There is no such page"),
        ("/charts/none.svg", 404, "There is no such page"),
        ("/charts/monthly.svg?size=huge", 404, "There is no such page"),
        ("/static/../app.py", 404, ""),
        ("/static/%2e%2e/app.py", 404, ""),
    ],
)
def test_a_mistake_is_told_on_a_page_of_its_own(
    client: TestClient, path: str, status: int, said: str
) -> None:
    answer = client.get(path)
    assert answer.status_code == status
    assert said.casefold() in answer.text.casefold()
    assert "Traceback" not in answer.text


def test_what_the_address_holds_is_escaped(client: TestClient) -> None:
    text = client.get("/?model=%3Cscript%3Ealert(1)%3C/script%3E&context=%22%3E%3Cimg%3E").text
    assert "<script>alert" not in text
    assert "<img" not in text


@pytest.mark.long
@pytest.mark.parametrize(
    "query",
    [
        Query(as_of=date(2026, 11, 23)),
        Query(as_of=date(2023, 12, 1), clouds=("azure", "gcp"), limit=7),
        Query(
            as_of=date(2026, 11, 23),
            services=("ec2",),
            instance_types=("p4d.24xlarge", "g5.48xlarge", "none"),
            pricing_models=("committed",),
            term_years=(1,),
            payment_options=("no_upfront",),
        ),
        Query(as_of=date(2026, 11, 23), regions=("us-east-1",), commitments=("savings_plan",)),
    ],
)
def test_the_warm_catalog_answers_as_the_catalog_does(query: Query) -> None:
    cold, warm = Catalog(pricing_data()), WarmCatalog(pricing_data())
    for _ in range(2):
        assert warm.offers(query) == cold.offers(query)
    # One day may hold equal offers of several snapshots in either order.
    assert (
        sorted(map(repr, warm.history(query)))
        == sorted(map(repr, cold.history(query)))[: query.limit]
        or query.limit
    )


def test_a_state_survives_its_address() -> None:
    from urllib.parse import parse_qsl

    state = State(model="phi-4", precision="fp8", geo="all", utilization="35", payment="no_upfront")
    assert State.of(dict(parse_qsl(state.address()))) == state
    assert State().address() == ""


@pytest.mark.parametrize("text", ["", "1e99", "-1", "0", "nan", "١٢", "9" * 40, "4096 "])
def test_odd_numbers_are_refused_or_harmless(text: str) -> None:
    state = State.of({"context": text})
    try:
        context = state.request().context
    except UsageError:
        return
    assert context is None or isinstance(context, int)
