"""What watches an endpoint beside its expiry. Pure; the adapters set it up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Guard:
    """What watches an endpoint beside its expiry.

    Attributes:
        idle: Without a request for so long, notify.
        notify: SNS topic (ARN) or, for the budget, also an e-mail address.
        budget_usd: A month.
        most_instances: Scale out up to so many machines; 0 for no autoscaling.
        requests_per_minute: Of one machine, that autoscaling aims at.
        off_hours: Cron expression at which to scale in to one machine, and ``on_hours`` at
            which to go back to the planned number, both UTC.
    """

    idle: timedelta | None = None
    notify: str = ""
    budget_usd: int = 0
    most_instances: int = 0
    requests_per_minute: int = 60
    off_hours: str = ""
    on_hours: str = ""

    @property
    def kinds(self) -> tuple[str, ...]:
        """Return which guards there are: ``alarm``, ``budget``, ``autoscaling``."""
        wanted = {
            "alarm": self.idle is not None,
            "budget": self.budget_usd > 0,
            "autoscaling": self.most_instances > 0,
        }
        return tuple(kind for kind, on in wanted.items() if on)
