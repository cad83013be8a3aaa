"""A sandbox for the tests of this folder."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from rig import TOKEN, Rig, cheapest, rig

from planner.clouds import settings
from planner.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from planner.plan import Plan


@pytest.fixture(scope="session")
def plan() -> Plan:
    return cheapest()


@pytest.fixture(scope="session")
def shared_rig() -> Iterator[Rig]:
    made = rig()
    yield made
    settings.use(None)
    made.sandbox.stop()


@pytest.fixture(scope="session")
def new_ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty ledger: making its tables takes a second, copying it none."""
    path = tmp_path_factory.mktemp("ledger") / "ledger-sandbox.db"
    Ledger(path).close()
    return path


@pytest.fixture
def sandbox(
    shared_rig: Rig,
    new_ledger: Path,
    own_state_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Rig]:
    """A sandbox with quota, emptied before each test."""
    own_state_folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(new_ledger, own_state_folder)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    settings.use(shared_rig.settings)
    shared_rig.world.reset(shared_rig.world.scenario.__class__(**shared_rig.base))
    shared_rig.faults.expect(None)
    shared_rig.steps.clear()
    yield shared_rig
    settings.use(None)
