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
    from planner.api import compare, explain, load, size
    from planner.errors import PlannerError
    from planner.plan import Plan
    from planner.planning import Comparison, LocalCards, Request, list_offers
    from planner.planning.demand import Load
    from planner.planning.fleets import Rules
    from planner.planning.servers import Buying
    from planner.planning.sizing import Sizing
    from planner.pricing.catalog import Catalog, Query
    from planner.pricing.cost import TotalCost, total_cost
    from planner.pricing.offer import Commitment, Offer, PaymentOption, PricingModel
    from planner.serving.speed.predict import Throughput

__version__ = "0.1.0"

# Where each public name is found when it is first used; the imports above are for type checkers.
_PUBLIC = {
    "Buying": "planner.planning.servers",
    "Catalog": "planner.pricing.catalog",
    "Commitment": "planner.pricing.offer",
    "Comparison": "planner.planning",
    "Load": "planner.planning.demand",
    "LocalCards": "planner.planning",
    "Offer": "planner.pricing.offer",
    "PaymentOption": "planner.pricing.offer",
    "Plan": "planner.plan",
    "PlannerError": "planner.errors",
    "PricingModel": "planner.pricing.offer",
    "Query": "planner.pricing.catalog",
    "Request": "planner.planning",
    "Rules": "planner.planning.fleets",
    "Sizing": "planner.planning.sizing",
    "Throughput": "planner.serving.speed.predict",
    "TotalCost": "planner.pricing.cost",
    "compare": "planner.api",
    "explain": "planner.api",
    "list_offers": "planner.planning",
    "load": "planner.api",
    "size": "planner.api",
    "total_cost": "planner.pricing.cost",
}

__all__ = [
    "Buying",
    "Catalog",
    "Commitment",
    "Comparison",
    "Load",
    "LocalCards",
    "Offer",
    "PaymentOption",
    "Plan",
    "PlannerError",
    "PricingModel",
    "Query",
    "Request",
    "Rules",
    "Sizing",
    "Throughput",
    "TotalCost",
    "__version__",
    "compare",
    "explain",
    "list_offers",
    "load",
    "size",
    "total_cost",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - the type of a module attribute
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'planner' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
