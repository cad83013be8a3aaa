"""planner: find the cheapest place that can really serve an open LLM.

What notebooks and other programs use. Names are loaded when first used, so that
``import planner`` costs nothing::

    import planner

    comparison = planner.compare("llama-2-70b", geo="us")
    comparison.to_dataframe()
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from planner.api import compare, explain
    from planner.errors import PlannerError
    from planner.plan import Plan
    from planner.planning import Comparison, LocalCards, Request, list_offers
    from planner.pricing.catalog import Catalog, Query
    from planner.pricing.cost import TotalCost, total_cost
    from planner.pricing.offer import Commitment, Offer, PaymentOption, PricingModel
    from planner.serving.speed.predict import Throughput

__version__ = "0.1.0"

# Where each public name is found when it is first used; the imports above are for type checkers.
_PUBLIC = {
    "Catalog": "planner.pricing.catalog",
    "Commitment": "planner.pricing.offer",
    "Comparison": "planner.planning",
    "LocalCards": "planner.planning",
    "Offer": "planner.pricing.offer",
    "PaymentOption": "planner.pricing.offer",
    "Plan": "planner.plan",
    "PlannerError": "planner.errors",
    "PricingModel": "planner.pricing.offer",
    "Query": "planner.pricing.catalog",
    "Request": "planner.planning",
    "Throughput": "planner.serving.speed.predict",
    "TotalCost": "planner.pricing.cost",
    "compare": "planner.api",
    "explain": "planner.api",
    "list_offers": "planner.planning",
    "total_cost": "planner.pricing.cost",
}

__all__ = [
    "Catalog",
    "Commitment",
    "Comparison",
    "LocalCards",
    "Offer",
    "PaymentOption",
    "Plan",
    "PlannerError",
    "PricingModel",
    "Query",
    "Request",
    "Throughput",
    "TotalCost",
    "__version__",
    "compare",
    "explain",
    "list_offers",
    "total_cost",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - the type of a module attribute
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'planner' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
