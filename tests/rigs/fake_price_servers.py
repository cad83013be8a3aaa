"""Price servers on loopback, in the shape of the clouds' own.

Documented and seen in recorded answers: the paths of AWS's index and price files, five lines
of metadata before the CSV header, the columns used here, ``Upfront Fee`` rows per
``Quantity``, the columns of Savings Plans files; Azure's envelope (``Items``,
``NextPageLink`` with a port, ``Count``), its ``$filter`` and ``$skip``; Google's ``skus``,
``nextPageToken``, ``units`` as an absent or text field, and its key in ``x-goog-api-key``.

Assumed: that AWS's server honours ``Range``, ``If-Range`` and ``If-None-Match`` with a strong
ETag (it is S3 behind a CDN), and that the SageMaker CSV titles its columns in EC2's manner.
Prices are invented, small, and chosen so that every trap would change an expected offer.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import re
import threading
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

AWS_VERSION = "20261120184523"
GCP_KEY = "test-key"  # what the fake Google accepts; guards nothing


@dataclass(frozen=True, slots=True)
class Throttle:
    """Answer 429 once."""

    retry_after: str = "0"


@dataclass(frozen=True, slots=True)
class Cut:
    """Close the connection after so many bytes of the body, once."""

    after: int


@dataclass(frozen=True, slots=True)
class ShortLength:
    """State a Content-Length smaller than the file, once: the client sees less than there is."""

    missing: int


Fault = Throttle | Cut | ShortLength


@dataclass(frozen=True, slots=True)
class Seen:
    """A request that came in."""

    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    status: int


@dataclass
class PriceServer:
    """Everything the three price interfaces serve.

    Attributes:
        files: Path to body, of AWS.
        azure_items: What Azure lists.
        gcp_skus: What Google lists.
        faults: Path to what goes wrong there, in order, each once.
        gzip_paths: Paths served compressed whatever the client accepts.
        chunk: Bytes per write.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    azure_items: list[dict[str, Any]] = field(default_factory=list)
    gcp_skus: list[dict[str, Any]] = field(default_factory=list)
    azure_page: int = 4
    gcp_page: int = 5
    faults: dict[str, list[Fault]] = field(default_factory=lambda: defaultdict(list))
    gzip_paths: set[str] = field(default_factory=set)
    seen: list[Seen] = field(default_factory=list)
    url: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def statuses(self, path: str) -> list[int]:
        """Return the statuses answered for a path, in order."""
        return [request.status for request in self.seen if request.path == path]

    def answer(self, path: str, query: Mapping[str, list[str]], headers: Mapping[str, str]) -> Any:
        """Return (status, body) of a request."""
        if path == "/api/retail/prices":
            return 200, self._azure(query)
        if path.startswith("/v1/services/"):
            if headers.get("x-goog-api-key") != GCP_KEY or "key" in query:
                return 403, json.dumps({"error": {"code": 403, "message": "no key"}}).encode()
            return 200, self._gcp(query)
        body = self.files.get(path)
        return (200, body) if body is not None else (404, b"not found")

    def _azure(self, query: Mapping[str, list[str]]) -> bytes:
        wanted = query.get("$filter", [""])[0]
        kind = re.search(r"priceType eq '(\w+)'", wanted)
        regions = re.findall(r"armRegionName eq '(\w+)'", wanted)
        preview = query.get("api-version") == ["2023-01-01-preview"]
        found = []
        for item in self.azure_items:
            if kind and item["type"] != kind[1]:
                continue
            if regions and item["armRegionName"] not in regions:
                continue
            if "Standard_N" not in item["armSkuName"]:
                continue
            found.append(item if preview else {k: v for k, v in item.items() if k != "savingsPlan"})
        skip = int(query.get("$skip", ["0"])[0])
        page = found[skip : skip + self.azure_page]
        following = None
        if skip + self.azure_page < len(found):
            keep = "&".join(
                f"{name}={value}"
                for name, values in query.items()
                for value in values
                if name != "$skip"
            )
            following = f"{self.url}/api/retail/prices?{keep}&$skip={skip + self.azure_page}"
        return json.dumps(
            {
                "BillingCurrency": "USD",
                "CustomerEntityId": "Default",
                "CustomerEntityType": "Retail",
                "Items": page,
                "NextPageLink": following,
                "Count": len(page),
            }
        ).encode()

    def _gcp(self, query: Mapping[str, list[str]]) -> bytes:
        start = int(query.get("pageToken", ["0"])[0] or 0)
        size = min(self.gcp_page, int(query.get("pageSize", ["5000"])[0]))
        following = str(start + size) if start + size < len(self.gcp_skus) else ""
        page = self.gcp_skus[start : start + size]
        return json.dumps({"skus": page, "nextPageToken": following}).encode()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    prices: PriceServer

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = parse_qs(parts.query)
        server = self.prices
        with server.lock:
            fault = server.faults[parts.path].pop(0) if server.faults[parts.path] else None
        headers = {name.lower(): value for name, value in self.headers.items()}
        if isinstance(fault, Throttle):
            self._send(parts.path, query, 429, b"slow down", {"Retry-After": fault.retry_after})
            return
        status, body = server.answer(parts.path, query, headers)
        extra: dict[str, str] = {}
        if parts.path in server.gzip_paths:
            body, extra["Content-Encoding"] = gzip.compress(body, mtime=0), "gzip"
        etag = f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'
        extra["ETag"] = etag
        if status == 200 and headers.get("if-none-match") == etag:
            self._send(parts.path, query, 304, b"", extra)
            return
        wanted = re.fullmatch(r"bytes=(\d+)-", headers.get("range", ""))
        if status == 200 and wanted and headers.get("if-range", etag) == etag:
            start = int(wanted[1])
            extra["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
            if start >= len(body):
                extra["Content-Range"] = f"bytes */{len(body)}"
                self._send(parts.path, query, 416, b"", extra)
                return
            status, body = 206, body[start:]
        self._send(parts.path, query, status, body, extra, fault=fault)

    def _send(
        self,
        path: str,
        query: Mapping[str, list[str]],
        status: int,
        body: bytes,
        extra: Mapping[str, str],
        *,
        fault: Fault | None = None,
    ) -> None:
        seen = Seen(path, query, dict(self.headers.items()), status)
        with self.prices.lock:
            self.prices.seen.append(seen)
        length = len(body)
        if isinstance(fault, ShortLength):
            length -= fault.missing
            body = body[:length]
        self.send_response(status)
        for name, value in extra.items():
            self.send_header(name, value)
        if status != 304:
            self.send_header("Content-Length", str(length))
        self.end_headers()
        if isinstance(fault, Cut):
            self.wfile.write(body[: fault.after])
            self.wfile.flush()
            self.close_connection = True
            return
        if status != 304:
            self.wfile.write(body)


@contextmanager
def serve(prices: PriceServer) -> Iterator[PriceServer]:
    """Serve on a free port of 127.0.0.1 until the block ends."""
    handler = type("Handler", (_Handler,), {"prices": prices})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    prices.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield prices
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def price_file(columns: Sequence[str], rows: Sequence[Mapping[str, str]], code: str) -> bytes:
    """Return a CSV file of the Price List: five lines of metadata, the header, the rows."""
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(["FormatVersion", "v1.0"])
    writer.writerow(["Disclaimer", "This pricing list is for informational purposes only."])
    writer.writerow(["Publication Date", "2026-11-20T18:45:23Z"])
    writer.writerow(["Version", AWS_VERSION])
    writer.writerow(["OfferCode", code])
    writer.writerow(columns)
    writer.writerows([row.get(column, "") for column in columns] for row in rows)
    return text.getvalue().encode()
