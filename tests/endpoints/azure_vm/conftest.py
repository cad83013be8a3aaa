"""What the tests of this service share: a sandbox with breakable calls, and a plan for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from azure_rig import TOKEN, Rig, cheapest, rig

from planner.clouds import settings
from planner.endpoints.azure_vm import access

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.plan import Plan


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    """Start a sandbox in which a deploy goes through."""
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.delenv(access.FROM, raising=False)
    made = rig()
    yield made
    settings.use(None)
    made.sandbox.stop()


@pytest.fixture(scope="session")
def plan() -> Plan:
    """Return the plan that a deploy would take."""
    return cheapest(regions=("eastus",))
