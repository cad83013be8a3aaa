"""What a run knows of its own endpoint, so that a rollback takes nothing away from under it.

SageMaker's reads are behind its writes: an endpoint that was just made may not be found. So its
absence is believed only where nothing was asked for, or after a while; until then its model, its
configuration and above all its expiry stay.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.errors import CloudError

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(slots=True)
class Hold:
    """Whether the endpoint may use what this run has made.

    Attributes:
        endpoint_may_exist: From the request that makes or changes the endpoint, until it is
            known that it was not made, is gone, or has its old settings back.
    """

    endpoint_may_exist: bool = False

    def unless_used(self, what: str, undo: Callable[[], None]) -> Callable[[], None]:
        """Return how to take a part back once the endpoint cannot use it."""

        def undo_if_free() -> None:
            if self.endpoint_may_exist:
                raise CloudError(f"{what} stays: the endpoint may still be there and need it")
            undo()

        return undo_if_free
