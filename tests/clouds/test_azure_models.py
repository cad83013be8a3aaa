"""Models of Azure's SDK when several threads make the first of them."""

from __future__ import annotations

import sys
import threading
from typing import Any

import pytest
from azure.mgmt.compute import ComputeManagementClient
from azure.mgmt.compute import models as sdk

from planner.clouds import azure_models
from planner.clouds.azure_pipeline import SandboxCredential

THREADS = 24
SIZE = {"name": "Standard_NC24ads_A100_v4", "resourceType": "virtualMachines"}


@pytest.fixture
def forgetful() -> type[Any]:
    """Return a model that has not worked out its fields yet, as in a new process."""

    class Size(sdk.ResourceSku):
        # What is copied from class to class while it works: long enough to be interrupted.
        locals().update({f"field_{i}": i for i in range(2_000)})

    return Size


@pytest.fixture
def hasty() -> Any:
    """Let Python change threads as often as it can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("hasty")
def test_models_of_many_threads_are_all_models(forgetful: type[Any]) -> None:
    azure_models.guard(ComputeManagementClient(SandboxCredential(), "subscription"))
    failed: list[Exception] = []
    together = threading.Barrier(THREADS)

    def make() -> None:
        together.wait()
        try:
            assert forgetful(SIZE).resource_type == "virtualMachines"
        except Exception as error:  # noqa: BLE001 - a thread's failure is told by the test
            failed.append(error)

    threads = [threading.Thread(target=make) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed


def test_a_client_without_such_models_is_left_alone() -> None:
    azure_models.guard(object())
