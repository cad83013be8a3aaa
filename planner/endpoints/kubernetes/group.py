"""Several machines that serve one copy together: a LeaderWorkerSet.

vLLM's own processes find each other (``--nnodes``, ``--node-rank``, ``--master-addr``, as on its
page "Parallelism and scaling"); no Ray is needed. The LeaderWorkerSet controller sets the
variables named below in every pod (``LWS_WORKER_INDEX`` from release 0.6 on).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.endpoints.kubernetes import objects
from planner.endpoints.kubernetes.manifest import Manifest

if TYPE_CHECKING:
    from planner.endpoints.kubernetes.serving import Serving


def leader_worker_set(serving: Serving) -> Manifest:
    """Return the groups: in each, a leader that answers and the workers behind it."""
    together = (
        "--distributed-executor-backend=mp",
        f"--nnodes={serving.pods}",
        "--master-addr=$(LWS_LEADER_ADDRESS)",
    )
    leads = objects.command(serving, *together, "--node-rank=0")
    works = objects.command(serving, *together, "--node-rank=$(LWS_WORKER_INDEX)", "--headless")
    spec = {
        "replicas": serving.replicas,
        "startupPolicy": "LeaderCreated",
        "leaderWorkerTemplate": {
            "size": serving.pods,
            # One pod alone serves nothing: the group starts again together.
            "restartPolicy": "RecreateGroupOnPodRestart",
            "leaderTemplate": objects.pod(serving, leads, role=objects.SERVES),
            "workerTemplate": objects.pod(serving, works, role=objects.WORKS),
        },
    }
    if serving.scales:
        del spec["replicas"]  # or every apply would undo what scaling has done
    return Manifest(
        {
            "apiVersion": "leaderworkerset.x-k8s.io/v1",
            "kind": "LeaderWorkerSet",
            "metadata": objects.metadata(serving, name(serving)),
            "spec": spec,
        },
        f"{serving.pods} pods of {serving.gpus} {serving.spec.plan.accelerator} serve one copy "
        "together. Traffic between them is not encrypted and goes over TCP unless you set up "
        "the cloud's fast network.",
    )


def name(serving: Serving) -> str:
    """Return the set's name; its controller makes a Service of that name for the pods."""
    return f"{serving.name}-group"
