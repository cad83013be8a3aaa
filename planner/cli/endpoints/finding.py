"""The endpoint that a command names, and the adapter of its service."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from planner.endpoints.interface import EndpointAdapter
    from planner.endpoints.model import Endpoint


def found(name: str, region: str) -> tuple[Endpoint, EndpointAdapter]:
    """Return an endpoint and its adapter.

    Raises:
        UnknownNameError: There is none of that name.
        UsageError: There are several.
    """
    from planner.endpoints.interface import adapter
    from planner.endpoints.watching import locate
    from planner.ledger import Ledger

    with Ledger() as ledger:
        endpoint = locate.one(name, ledger, region=region)
    return endpoint, adapter(endpoint.service)
