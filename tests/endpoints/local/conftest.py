"""A tiny Llama on this machine: a real engine, real tokens."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from local_processes import processes_of

from planner.endpoints.deploying import deployment
from planner.endpoints.deploying.interruption import Interruption
from planner.endpoints.interface import adapter
from planner.endpoints.local import machine, preparation, record, source
from planner.ledger import Ledger
from planner.sandbox import tiny_llama

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from planner.endpoints.deploying.deployment import Outcome


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the GGUF file of a tiny Llama."""
    path = tmp_path_factory.mktemp("tiny-llama") / "tiny.gguf"
    tiny_llama.write(path)
    return path


@pytest.fixture
def deploy(tiny: Path) -> Iterator[Callable[..., Outcome]]:
    """Return a function that deploys the tiny Llama from this process."""

    def run(
        model: Path = tiny, life: timedelta = timedelta(hours=1), concurrency: int = 1
    ) -> Outcome:
        options = deployment.Options(context=512, life=life, owner="test", name="tiny")
        question = preparation.Question(
            source.find(str(model)),
            machine.detect(),
            options,
            preparation.Wish(concurrency=concurrency),
        )
        made = adapter("local")
        with Ledger() as ledger, Interruption() as interruption:
            prepared = preparation.prepare(question, made, ledger)
            return deployment.deploy(prepared, made, ledger, interruption, options=options)

    yield run
    for name in record.all_names():
        record.stop(name)


@pytest.fixture(autouse=True)
def nothing_left_running(own_state_folder: Path) -> Iterator[None]:
    """Hold that a test leaves no process that works in its state folder."""
    yield
    assert processes_of(own_state_folder) == []
