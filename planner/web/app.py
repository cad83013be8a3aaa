"""The web application: every address reads, none changes anything."""

from __future__ import annotations

import gc
import time
from dataclasses import asdict, replace
from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING, Any

from jinja2 import ChoiceLoader, PackageLoader
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from planner import __version__
from planner.errors import PlannerError, UsageError
from planner.pricing.regions import GEOS
from planner.reporting import make_report
from planner.reports import charts, drawing, page, render
from planner.serving import models
from planner.web.guards import SameSite
from planner.web.query import (
    DEFAULT_MODEL,
    KV_PRECISIONS,
    PAYMENTS,
    PRECISIONS,
    State,
    in_words_of_the_form,
)
from planner.web.warm import WarmCatalog

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request as HttpRequest
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from planner.planning import Request
    from planner.pricing.catalog import Catalog
    from planner.reports import Report

# Only this machine may ask: a page elsewhere that resolves its name to 127.0.0.1 may not.
HOSTS = ("localhost", "127.0.0.1", "[::1]")
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}
_DOWNLOADS = {
    "html": "text/html; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "csv": "text/csv; charset=utf-8",
    "json": "application/json",
    "focus.csv": "text/csv; charset=utf-8",
}
_SIZES = {size.name: size for size in (drawing.WIDE, drawing.NARROW)}
_KEPT_REPORTS = 16


def create_app(catalog: Catalog | None = None) -> Starlette:
    """Return the application.

    Reads the prices first, so that it takes a second and no later answer waits for them.

    Args:
        catalog: The prices; the bundled and refreshed ones, kept in memory, by default.
    """
    explorer = _Explorer(catalog or WarmCatalog())
    explorer.warm_up()
    return Starlette(
        routes=[
            Route("/", explorer.page),
            Route("/fragment", explorer.fragment),
            Route("/charts/{name}.svg", explorer.chart),
            Route("/report.{end:path}", explorer.download),
            Mount(
                "/static",
                StaticFiles(packages=[("planner.web", "static"), ("planner.reports", "static")]),
            ),
        ],
        middleware=[
            Middleware(_SafeHeaders),
            Middleware(TrustedHostMiddleware, allowed_hosts=list(HOSTS)),
            Middleware(SameSite),
        ],
        exception_handlers={
            PlannerError: explorer.refused,
            HTTPException: explorer.no_such_page,
            500: explorer.failed,
        },
    )


class _Explorer:
    """The pages, and the reports they were made of."""

    def __init__(self, catalog: Catalog) -> None:
        self._templates = page.environment().overlay(
            loader=ChoiceLoader([PackageLoader("planner.web"), PackageLoader("planner.reports")])
        )

        # One report at a time: the charts of a page ask for the same one at once, and many
        # questions at once would each hold their own memory.
        making = Lock()

        @lru_cache(_KEPT_REPORTS)
        def made(request: Request, command: str) -> Report:
            return make_report(request, catalog, command=command)

        def report_of(request: Request, command: str) -> Report:
            with making:
                return made(request, command)

        self._report_of: Callable[[Request, str], Report] = report_of

    def warm_up(self) -> None:
        """Do once what makes first answers slow: read the prices, start the drawing engine."""
        drawing.warm_up()
        self._html("explorer.html.j2", State(), self._body(State()))
        gc.collect()
        gc.freeze()  # the prices stay; the collector need not look through them again

    def page(self, request: HttpRequest) -> Response:
        """Return the whole page."""
        state = State.of(request.query_params)
        return self._html("explorer.html.j2", state, self._body(state))

    def fragment(self, request: HttpRequest) -> Response:
        """Return what changes when the form does."""
        state = State.of(request.query_params)
        return self._html("fragment.html.j2", state, self._body(state))

    def chart(self, request: HttpRequest) -> Response:
        """Return one drawing."""
        report = self._report(State.of(request.query_params))
        size = _SIZES.get(request.query_params.get("size", drawing.WIDE.name))
        found = [c for c in charts.charts(report) if c.name == request.path_params["name"]]
        if not found or size is None:
            raise HTTPException(404)
        # In an <img> a drawing needs its own style; placed in the page it follows the page's.
        alone = "alone" in request.query_params
        return Response(found[0].svg(size, alone=alone), media_type="image/svg+xml")

    def download(self, request: HttpRequest) -> Response:
        """Return the report as a file."""
        end = request.path_params["end"]
        if end not in _DOWNLOADS:
            raise HTTPException(404)
        state = State.of(request.query_params)
        name = f"{models.get(state.model).name}.{end}"
        content = render(self._report(state), name)[name]
        return Response(
            content,
            media_type=_DOWNLOADS[end],
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )

    def refused(self, request: HttpRequest, error: Exception) -> Response:
        """Return the page with what was wrong in place of a report."""
        state = State.of(request.query_params)
        template = "fragment.html.j2" if request.url.path == "/fragment" else "explorer.html.j2"
        status = 400 if isinstance(error, UsageError) else 404
        said = {
            "text": in_words_of_the_form(str(error)),
            "why": in_words_of_the_form(getattr(error, "why", "")),
            "advice": _advice(error),
        }
        return self._html(template, state, {"error": said}, status)

    def no_such_page(self, _: HttpRequest, error: Exception) -> Response:
        """Return the page for an address that does not exist, or a method that is not GET."""
        status = error.status_code if isinstance(error, HTTPException) else 404
        said = "there is no such page" if status == 404 else "this server only reads"  # noqa: PLR2004 - HTTP
        shown = {"text": said, "why": "", "advice": ""}
        return self._html("explorer.html.j2", State(), {"error": shown, "gone": True}, status)

    def failed(self, _: HttpRequest, error: Exception) -> Response:
        """Return the page for an error of planner's own."""
        shown = {
            "text": "planner failed unexpectedly",
            "why": f"{type(error).__name__}. The terminal that runs planner serve shows more.",
            "advice": "",
        }
        return self._html("explorer.html.j2", State(), {"error": shown, "gone": True}, 500)

    def _report(self, state: State) -> Report:
        known = replace(state, model=models.get(state.model).name)
        return self._report_of(known.request(), known.command())

    def _body(self, state: State) -> dict[str, Any]:
        query = state.address()

        def source(chart: charts.Chart) -> dict[str, str]:
            address = f"/charts/{chart.name}.svg?{query}{'&' if query else ''}size="
            return {
                "src": f"{address}wide&alone=1",
                "wide": f"{address}wide",
                "narrow": f"{address}narrow",
            }

        return {"error": None, **page.context(self._report(state), source)}

    def _html(
        self, template: str, state: State, body: dict[str, Any], status: int = 200
    ) -> Response:
        text = self._templates.get_template(template).render(
            state=asdict(state),
            query=state.address(),
            models=list(models.rows()),
            first_model=DEFAULT_MODEL,
            precisions=PRECISIONS,
            kv_precisions=KV_PRECISIONS,
            geos=GEOS,
            payments=PAYMENTS,
            downloads=list(_DOWNLOADS),
            version=__version__,
            **{"gone": False, **body},
        )
        return HTMLResponse(text, status)


def _advice(error: Exception) -> str:
    """Return what to try in the form; commands are for a terminal and are left out."""
    advice = str(getattr(error, "advice", "") or "")
    return "" if advice.startswith("planner ") else in_words_of_the_form(advice)


class _SafeHeaders:
    """Adds the safe headers, and the time the server took, to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.perf_counter()

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                took = (time.perf_counter() - began) * 1000
                headers = {**_HEADERS, "Server-Timing": f"total;dur={took:.1f}"}
                message["headers"] = [
                    *message["headers"],
                    *((name.lower().encode(), value.encode()) for name, value in headers.items()),
                ]
            await send(message)

        await self._app(scope, receive, send_with_headers)
