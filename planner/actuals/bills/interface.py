"""What a source of bills offers."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from decimal import Decimal

    from planner.actuals.model import Bill, Period

SOURCES = {
    "aws": "planner.actuals.bills.aws",
    "azure": "planner.actuals.bills.azure",
    "gcp": "planner.actuals.bills.gcp",
}
"""The clouds' own cost interfaces, for accounts without a FOCUS export."""


class BillSource(Protocol):
    """A cloud's cost interface, asked by planner's tag."""

    title: str
    """What people call it: ``AWS Cost Explorer``."""

    def fee_usd(self, period: Period) -> Decimal:
        """Return what the question itself costs, at most where it is not known exactly."""

    def read(self, period: Period) -> Bill:
        """Return what the cloud bills for what carries planner's tag.

        Raises:
            AccessError: No credentials, or they may not read costs.
            CloudError: The cloud refused.
        """


def source(cloud: str, *, table: str = "") -> BillSource:
    """Return the cost interface of a cloud.

    Args:
        cloud: A key of ``SOURCES``.
        table: Google: the BigQuery table of the billing export, ``project.dataset.table``.
    """
    made: BillSource = import_module(SOURCES[cloud]).Source(table)
    return made
