"""HTTP with manners: paced, retried with Retry-After, errors in planner's words."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from planner.errors import ThrottledError
from planner.pricing.sources.interface import DownloadError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import httpx2
    import tenacity
    from pyrate_limiter import Limiter

    from planner.pricing.sources.interface import Document

_LONGEST_WAIT = 120.0
_RETRIED_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})
NOT_MODIFIED = 304
_TOO_MANY = 429


@dataclass(frozen=True, slots=True)
class Manners:
    """How often a cloud is asked, and how patiently.

    Attributes:
        requests_per_second: No cloud publishes a figure; 20 queries at once have brought 429s
            from Azure.
        attempts: Failures in a row, without a byte gained, before giving up.
        first_wait: Seconds before the first retry; doubles, with jitter. ``Retry-After`` wins.
        timeout: Seconds without an answer.
    """

    requests_per_second: int = 4
    attempts: int = 6
    first_wait: float = 1.0
    timeout: float = 60.0


class Connection:
    """Connections to one cloud; threads may share it."""

    def __init__(self, manners: Manners | None = None) -> None:
        import httpx2
        from pyrate_limiter.limiter_factory import (
            create_token_bucket_limiter,
        )

        self._manners = manners or Manners()
        rate = self._manners.requests_per_second
        self._limiter: Limiter = create_token_bucket_limiter(rate, burst=rate)
        self.http = httpx2.Client(
            timeout=self._manners.timeout,
            follow_redirects=True,
            headers={"User-Agent": "gpu-planner"},
        )

    def request(
        self, document: Document, headers: Mapping[str, str] | None = None
    ) -> httpx2.Request:
        """Build the request of a document."""
        return self.http.build_request(
            "GET",
            document.url,
            params=dict(document.parameters) or None,
            headers={**document.headers, **(headers or {})},
        )

    def patience(self) -> Patience:
        """Return the patience for one download."""
        return Patience(self._manners.attempts)

    def attempts(self, patience: Patience) -> Iterator[tenacity.AttemptManager]:
        """Yield attempts, each paced, until one succeeds or patience ends."""
        import tenacity

        first = self._manners.first_wait
        grow = tenacity.wait_exponential(first, _LONGEST_WAIT) + tenacity.wait_random(0, first)
        for trial in tenacity.Retrying(
            retry=tenacity.retry_if_exception(patience.bears),
            wait=lambda state: grow(state) if patience.told is None else patience.told,
        ):
            self._limiter.try_acquire("request", blocking=True)
            yield trial


@dataclass(slots=True)
class Patience:
    """What is tried again: what may pass, as long as bytes are gained now and then.

    Attributes:
        attempts: Failures in a row, without a gain, before giving up.
        position: Bytes received so far; the download moves it.
        told: Seconds that the server asked to wait after the last failure; None where it did not.
    """

    attempts: int
    position: int = 0
    told: float | None = None
    _seen: int = 0
    _failures: int = 0

    def bears(self, error: BaseException) -> bool:
        """Tell whether to try again."""
        import httpx2

        self.told = None
        if isinstance(error, httpx2.HTTPStatusError):
            if error.response.status_code not in _RETRIED_STATUS:
                return False
            self.told = _retry_after(error.response.headers.get("retry-after", ""))
        elif not isinstance(error, httpx2.TransportError):
            return False
        if self.position > self._seen:
            self._seen, self._failures = self.position, 0
        self._failures += 1
        return not (self._failures >= self.attempts or (self.told or 0) > _LONGEST_WAIT)


def check_status(response: httpx2.Response) -> httpx2.Response:
    """Return the response, or raise httpx2.HTTPStatusError (304 is no error)."""
    if response.status_code != NOT_MODIFIED:
        response.raise_for_status()
    return response


@contextmanager
def translated(document: Document) -> Iterator[None]:
    """Turn what httpx2 raises inside the block into planner's errors, without the URL's key."""
    import httpx2

    try:
        yield
    except httpx2.HTTPStatusError as error:
        status = error.response.status_code
        kind = ThrottledError if status == _TOO_MANY else DownloadError
        raise kind(
            f"cannot fetch {document.name}",
            code=str(status),
            why=f"{httpx2.URL(document.url).host} answered {status} "
            f"{error.response.reason_phrase}".strip(),
            advice="planner refresh, later",
        ) from None
    except httpx2.TransportError as error:
        raise DownloadError(
            f"cannot fetch {document.name}",
            why=f"{httpx2.URL(document.url).host}: {str(error) or type(error).__name__}",
            advice="check the network, then: planner refresh",
        ) from None


def _retry_after(value: str) -> float | None:
    """Read a Retry-After header: seconds, or an HTTP date."""
    if value.strip().isdigit():
        return float(value)
    with suppress(ValueError):
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    return None
