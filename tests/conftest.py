"""Fixtures that tests of several packages share."""

from __future__ import annotations

import csv
import functools
import gzip
import http.server
import os
import signal
import threading
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import forked
import hypothesis
import pytest
from hub import Hub

from planner.cli import next_command
from planner.serving import models

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator

    from planner.sandbox.server import Sandbox

# Machines that test are busy: how long an example takes says nothing of what is right.
# The same examples in every run, so that a failure is the change's; PLANNER_SEARCH=1 looks for new.
hypothesis.settings.register_profile(
    "planner", deadline=None, derandomize="PLANNER_SEARCH" not in os.environ
)
hypothesis.settings.load_profile("planner")

# A run in the background (nohup, &) is made deaf to Ctrl-C, and so would be all that it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)

INPUT = Path(__file__).resolve().parent.parent / "pricing_data" / "input"
# What the tabular input calls a commitment; written out by hand, so that a slip in
# planner.pricing.ingest cannot hide here too.
COMMITMENTS = {
    "reserved": "reserved_instance",
    "reserved_convertible": "convertible_reserved_instance",
    "savings_plan": "savings_plan",
    "cud": "committed_use_discount",
}
FOUND_ON = "2026-11-23"


@pytest.fixture(scope="session")
def answers_of_the_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the answers that planner keeps, shared by all tests of a run."""
    base = tmp_path_factory.getbasetemp()
    workers = os.environ.get("PYTEST_XDIST_WORKER")
    return (base.parent if workers else base) / "answers"


@pytest.fixture(autouse=True)
def own_state_folder(
    tmp_path: Path, answers_of_the_run: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Keep every test away from the user's ledger, sandbox and refreshed prices."""
    folder = tmp_path / "state"
    monkeypatch.setenv("PLANNER_STATE_DIR", str(folder))
    monkeypatch.setenv("PLANNER_CACHE_DIR", str(answers_of_the_run))
    monkeypatch.delenv("PLANNER_SANDBOX", raising=False)
    # No test asks the real hub; those that need one have a fake.
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    models.forget()  # what an earlier test of this process learned
    next_command.remember_sandbox(given=False)
    # Refreshed prices of the machine the tests run on are not the bundled ones.
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.delenv("PLANNER_DATA_DIR", raising=False)
    # A terminal of one width, without colour; tests that look at either say so.
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    monkeypatch.delenv("PLANNER_DEBUG", raising=False)
    return folder


@pytest.fixture(scope="session", autouse=True)
def botocore_models_read_once() -> Iterator[None]:
    """Keep what botocore reads of its models: every new session would read megabytes again."""
    from botocore.loaders import JSONFileLoader

    read = JSONFileLoader.load_file
    kept = functools.cache(lambda path: read(JSONFileLoader(), path))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(JSONFileLoader, "load_file", lambda _self, path: kept(path))
        yield


@pytest.fixture(scope="session")
def published_prices() -> list[dict[str, str]]:
    """Return every row of the tabular price input, read without planner's code.

    Keys are the columns of an offer, all as text; ``usd`` is the effective hourly price to
    nine places, and ``dated`` is empty where the source states no date.
    """
    return [row for path in sorted(INPUT.glob("*.csv.gz")) for row in _read(path)]


def _read(path: Path) -> Iterator[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        if row["service"] == "vertex-prediction":
            continue
        words, dated = row["price_model"], row["as_of"] not in ("", "unknown")
        committed = words not in ("on_demand", "spot", "capacity_block")
        years = "1" if "_1y" in words else "3"
        kind, _, option = words.partition(f"_{years}y")
        yield {
            **row,
            "service": "sagemaker" if "sagemaker" in row["service"] else row["service"],
            "pricing_model": "committed" if committed else words,
            "commitment": COMMITMENTS[kind] if committed else "",
            "term_years": years if committed else "",
            "payment_option": (option.lstrip("_") or "no_upfront") if committed else "",
            "usd": str(Decimal(row["hourly_usd"]).quantize(Decimal("1e-9"))),
            "as_of": row["as_of"] if dated else FOUND_ON,
            "dated": "yes" if dated else "",
        }


@pytest.fixture
def installed_planner() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs ``planner`` in a process of its own, as new."""
    forked.start_server()

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return forked.command(*arguments, environment={**os.environ, **environment})

    return run


@pytest.fixture(scope="session")
def running_sandbox() -> Iterator[Sandbox]:
    """Start the simulated clouds once; tests use ``sandbox``."""
    from planner.sandbox.server import Sandbox

    with Sandbox() as running:
        yield running


@pytest.fixture
def sandbox(running_sandbox: Sandbox) -> Iterator[Sandbox]:
    """Return the simulated clouds, as new, with this process's clients pointed at them."""
    from planner.clouds import pacing, settings
    from planner.sandbox import scenarios

    running_sandbox.world.reset(scenarios.get("new-account"))
    pacing.reset()
    settings.use(running_sandbox.endpoints.settings())
    yield running_sandbox
    settings.use(None)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str | None]]:
    """Point planner at a small hub on loopback; return the tokens that it was shown."""
    monkeypatch.setenv("HF_HUB_DISABLE_TELEMETRY", "1")
    Hub.seen = []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        yield Hub.seen
        server.shutdown()
        thread.join()
