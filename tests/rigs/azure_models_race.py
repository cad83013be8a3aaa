"""A program: many threads make the first model of an Azure SDK. Ends with 1 where one is none.

A process of its own, because a model works out its fields once a process. With ``guarded`` as its
argument planner's guard stands in the way.
"""

from __future__ import annotations

import sys
import threading

from azure.mgmt.compute import ComputeManagementClient
from azure.mgmt.compute import models as sdk

from planner.clouds import azure_models
from planner.clouds.azure_pipeline import SandboxCredential

THREADS = 24
SIZE = {"name": "Standard_NC24ads_A100_v4", "resourceType": "virtualMachines"}


class Size(sdk.ResourceSku):
    """A model with much to work out: long enough to be interrupted."""

    locals().update({f"field_{i}": i for i in range(2_000)})


def main() -> int:
    sys.setswitchinterval(1e-6)  # let Python change threads as often as it can
    if "guarded" in sys.argv:
        azure_models.guard(ComputeManagementClient(SandboxCredential(), "subscription"))
    failed: list[Exception] = []
    together = threading.Barrier(THREADS)

    def make() -> None:
        together.wait()
        try:
            assert Size(SIZE).resource_type == "virtualMachines"
        except Exception as error:  # noqa: BLE001 - a thread's failure is told by the program
            failed.append(error)

    threads = [threading.Thread(target=make) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
