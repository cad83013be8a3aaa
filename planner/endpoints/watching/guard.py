"""What watches an endpoint beside its expiry. Pure; the adapters set it up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Guard:
    """What watches an endpoint beside its expiry.

    Attributes:
        idle: Without a request for so long, do the ``idle_action``.
        idle_action: ``notify``, or ``delete`` (and notify, where someone is named).
        notify: SNS topic (ARN) or, for the budget, also an e-mail address.
        budget_usd: A month.
        least_instances: Scale in to so many machines, to none with 0; None: to the planned
            number.
        most_instances: Scale out up to so many machines; 0 for no autoscaling.
        requests_per_minute: Of one machine, that autoscaling aims at.
        off_hours: Cron expression at which to scale in to one machine (to none where that is
            allowed), and ``on_hours`` at which to go back to the planned number, both UTC.
    """

    idle: timedelta | None = None
    idle_action: str = "notify"
    notify: str = ""
    budget_usd: int = 0
    least_instances: int | None = None
    most_instances: int = 0
    requests_per_minute: int = 60
    off_hours: str = ""
    on_hours: str = ""

    @property
    def to_zero(self) -> bool:
        """Tell whether it may scale in to no machine at all."""
        return self.least_instances == 0

    @property
    def deletes_idle(self) -> bool:
        """Tell whether the cloud deletes what nobody uses."""
        return self.idle is not None and self.idle_action == "delete"

    @property
    def kinds(self) -> tuple[str, ...]:
        """Return which guards there are: all that must be removed with the endpoint."""
        wanted = {
            "alarm": self.idle is not None and self.notify.startswith("arn:"),
            "idle-delete": self.deletes_idle,
            "budget": self.budget_usd > 0,
            "autoscaling": self.most_instances > 0 and not self.to_zero,
            "zero": self.to_zero,
        }
        return tuple(kind for kind, on in wanted.items() if on)


@dataclass(frozen=True, slots=True)
class GuardProof:
    """What was found out about the order that ends an endpoint.

    Attributes:
        by: Who keeps the order: ``EventBridge Scheduler``.
        acts_at: When it begins to act; None where there is no order.
        may_act: Whether it may do what it is told; None where that cannot be found out.
        why: Why it would not act, or why it is not known.
    """

    by: str
    acts_at: datetime | None
    may_act: bool | None = True
    why: str = ""

    @property
    def holds(self) -> bool:
        """Tell whether something ends the endpoint, as far as one can know."""
        return self.acts_at is not None and self.may_act is not False
