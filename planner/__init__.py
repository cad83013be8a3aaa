"""planner: find the cheapest place that can really serve an open LLM.

What notebooks and other programs use. Names are loaded when first used, so that
``import planner`` costs nothing::

    import planner

    comparison = planner.compare("llama-2-70b", geo="us")
    comparison.to_dataframe()
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_PUBLIC: dict[str, str] = {}

__all__ = ["__version__", *sorted(_PUBLIC)]  # noqa: PLE0604 - all entries are strings


def __getattr__(name: str) -> Any:  # noqa: ANN401 - the type of a module attribute
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'planner' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
