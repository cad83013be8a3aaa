"""How long-running operations of Azure are followed: as the server asks, and interruptibly."""

from __future__ import annotations

from typing import TYPE_CHECKING

from azure.mgmt.core.polling.arm_polling import ARMPolling

if TYPE_CHECKING:
    from planner.endpoints.interface import Context


class Polling(ARMPolling):
    """The SDK's own polling, whose waits end with the user's first signal.

    The SDK polls in a thread of its own; what is raised there comes out of ``result()``.

    Args:
        context: How often to look where the server does not say, and what interrupts.
    """

    def __init__(self, context: Context) -> None:
        super().__init__(timeout=context.pace.poll_s / 10)
        self._context = context

    def _sleep(self, delay: float) -> None:
        self._context.interruption.pause(delay)
