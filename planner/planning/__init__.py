"""Join prices with what a model needs: ranked plans.

The one place where ``pricing`` and ``serving`` meet.
"""

from planner.planning.listing import list_offers
from planner.planning.placement import explain
from planner.planning.ranking import SORTS, Comparison, compare
from planner.planning.request import ANY_PRECISION, CLOUDS, SERVICES, LocalCards, Request

__all__ = [
    "ANY_PRECISION",
    "CLOUDS",
    "SERVICES",
    "SORTS",
    "Comparison",
    "LocalCards",
    "Request",
    "compare",
    "explain",
    "list_offers",
]
