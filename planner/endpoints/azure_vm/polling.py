"""How long-running operations of Azure are followed: as the server asks, and interruptibly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from azure.mgmt.core.polling.arm_polling import ARMPolling

from planner.clouds import clock

if TYPE_CHECKING:
    from planner.endpoints.interface import Context

_MISSING = 404
_EVERY_S = 2


class Polling(ARMPolling):
    """The SDK's own polling, whose waits end with the user's first signal.

    The SDK polls in a thread of its own; what is raised there comes out of ``result()``.

    Args:
        context: How often to look where the server does not say, and what interrupts.
    """

    def __init__(self, context: Context) -> None:
        super().__init__(timeout=context.pace.poll_s / 10)
        self._context = context

    def request_status(self, status_link: str) -> Any:  # noqa: ANN401 - the SDK's pipeline response
        """Look at what was made; a copy that is behind does not know it yet.

        Of a deletion, not to be found is the end.
        """
        deadline = clock.monotonic() + self._context.pace.settle_s
        while True:
            response = super().request_status(status_link)
            known = response.http_response.status_code != _MISSING
            if known or self._deletes or clock.monotonic() > deadline:
                return response
            self._sleep(_EVERY_S)

    @property
    def _deletes(self) -> bool:
        return str(self._initial_response.http_request.method) == "DELETE"

    def _sleep(self, delay: float) -> None:
        self._context.interruption.pause(delay)
