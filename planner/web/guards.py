"""What a page of another site may not do: make this server work, or read what it says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

# What a browser says of who asks: this page itself, or the person who typed the address. Other
# programs do not send the header. https://www.w3.org/TR/fetch-metadata/
_OWN = ("same-origin", "none")


class SameSite:
    """Refuses what another site's page asks for, before any work is done."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or refuse it."""
        asked_by = Headers(scope=scope).get("sec-fetch-site", "none")
        if asked_by in _OWN:
            await self._app(scope, receive, send)
            return
        said = "Another site asked for this page. Type its address into the browser yourself.\n"
        await PlainTextResponse(said, 403)(scope, receive, send)
