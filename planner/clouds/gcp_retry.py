"""How calls to Google are repeated: by google-api-core's own ``Retry``.

What reads, deletes or carries a request id may be sent again: after an answer that says that the
server has a problem, after a connection that broke, and where no answer came in time.
"""

from __future__ import annotations

import http.client
from typing import TYPE_CHECKING

from google.api_core import exceptions
from google.api_core.retry import Retry, if_exception_type
from google.auth.exceptions import TransportError
from requests.exceptions import ChunkedEncodingError, ConnectionError, Timeout  # noqa: A004 - the library's name

from planner.clouds import settings

if TYPE_CHECKING:
    from collections.abc import Callable

ATTEMPTS = 6
"""Of one call: the first, and five more within half a minute."""
_TRANSIENT = if_exception_type(
    exceptions.ServerError,
    exceptions.TooManyRequests,
    ChunkedEncodingError,
    ConnectionError,
    Timeout,
    TransportError,
    http.client.HTTPException,
)
_SIMULATED_S = 0.02


def patient() -> Retry:
    """Return how one call is repeated; ask for a new one for each call, for it counts."""
    simulated = settings.current().simulated
    return Retry(
        predicate=_at_most(ATTEMPTS),
        initial=_SIMULATED_S if simulated else 0.5,
        maximum=_SIMULATED_S if simulated else 10,
        timeout=120,
    )


def _at_most(attempts: int) -> Callable[[Exception], bool]:
    """Return what tells whether an error is worth another attempt, so many times in all."""
    left = attempts

    def worth_it(error: Exception) -> bool:
        nonlocal left
        left -= 1
        return left > 0 and _TRANSIENT(error)

    return worth_it
