"""Fixtures that tests of several packages share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from planner.sandbox.server import Sandbox


@pytest.fixture(autouse=True)
def own_state_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep every test away from the user's ledger, sandbox and refreshed prices."""
    folder = tmp_path / "state"
    monkeypatch.setenv("PLANNER_STATE_DIR", str(folder))
    monkeypatch.delenv("PLANNER_SANDBOX", raising=False)
    # Refreshed prices of the machine the tests run on are not the bundled ones.
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return folder


@pytest.fixture(scope="session")
def running_sandbox() -> Iterator[Sandbox]:
    """Start the simulated clouds once; tests use ``sandbox``."""
    from planner.sandbox.server import Sandbox  # noqa: PLC0415 - heavy

    with Sandbox() as running:
        yield running


@pytest.fixture
def sandbox(running_sandbox: Sandbox) -> Iterator[Sandbox]:
    """Return the simulated clouds, as new, with this process's clients pointed at them."""
    from planner.clouds import pacing, settings  # noqa: PLC0415 - heavy
    from planner.sandbox import scenarios  # noqa: PLC0415 - heavy

    running_sandbox.world.reset(scenarios.get("new-account"))
    pacing.reset()
    settings.use(running_sandbox.endpoints.settings())
    yield running_sandbox
    settings.use(None)
