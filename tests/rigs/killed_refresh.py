"""A refresh in a process of its own, to be killed: see ``test_refresh_killed.py``."""

from __future__ import annotations

import os
from pathlib import Path

from planner.pricing.refresh import Refresh
from planner.pricing.sources.aws import AwsSource
from planner.pricing.sources.connection import Manners
from planner.pricing.sources.download import Downloads
from planner.pricing.store import LocalStore
from planner.serving import accelerators

QUICK = Manners(requests_per_second=1000, attempts=3, first_wait=0.01, timeout=5)


def refresh(url: str, folder: str) -> None:
    """Refresh AWS from a fake server into ``folder``."""
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    root = Path(folder)
    run = Refresh(
        sources=[AwsSource(url)],
        files=lambda _: Downloads(root / "cache", lambda *_: None, QUICK),
        target=LocalStore(root / "data"),
        accelerator_memory_gib={
            a.accelerator: a.memory_gib for a in accelerators.all_accelerators()
        },
        bundled=root / "none",
    )
    outcome = run.run()[0]
    if outcome.error is not None:
        raise outcome.error


def take(url: str, folder: str) -> None:
    """Take a published catalogue into ``folder``."""
    from planner.pricing.published import Site, Take
    from planner.pricing.sources.connection import Connection

    run = Take(
        site=Site(url, Connection(QUICK)),
        target=LocalStore(Path(folder) / "data"),
        accelerator_memory_gib={
            a.accelerator: a.memory_gib for a in accelerators.all_accelerators()
        },
        clouds=("aws",),
        verify=lambda *_: "",
        bundled=Path(folder) / "none",
    )
    for outcome in run.run():
        if outcome.error is not None:
            raise outcome.error
