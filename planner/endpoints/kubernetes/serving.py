"""What a deployment comes to in a cluster: pods, cards in each, replicas. Pure arithmetic."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.errors import UsageError
from planner.pricing import instance_types
from planner.serving import accelerators, engines

if TYPE_CHECKING:
    from planner.endpoints.model import DeploymentSpec
    from planner.pricing.instance_types import InstanceType

LONGEST_NAME = 40
"""Of an endpoint: names of pods and of their network names carry more behind it."""
PORT = 8000
_NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")  # of a Service (RFC 1035)
_CLUSTER_OF = {"gce": "gke", "ec2": "eks", "azure-vm": "aks"}
_IMAGE_GB = 40  # vLLM's image unpacked, logs and compiled kernels
# Weights arrive at 100 MB/s or more (assumed), beside half an hour for pulling and compiling.
_STARTUP_S, _S_PER_GB = 1800, 10


@dataclass(frozen=True, slots=True)
class Serving:
    """A deployment as a cluster sees it.

    Attributes:
        cluster: ``gke``, ``eks`` or ``aks``.
        machine: A node.
        nodes: All of them.
        pods: That serve one copy of the model together; more than 1 across machines.
        gpus: Of each pod.
        replicas: Copies of the model.
        most_replicas: That scaling may go to; ``replicas`` where nothing scales.
    """

    spec: DeploymentSpec
    cluster: str
    machine: InstanceType
    nodes: int
    pods: int
    gpus: int
    replicas: int
    most_replicas: int

    @classmethod
    def of(cls, spec: DeploymentSpec) -> Serving:
        """Lay a deployment out over pods.

        Raises:
            UsageError: A name, or a guard, that a cluster does not have.
        """
        _check(spec)
        plan = spec.plan
        machine = instance_types.bundled().get(plan.instance_type, plan.service)
        per_machine = max(1, int(plan.accelerator_count))
        stages_per_machine = per_machine // plan.tensor_parallel
        machines = math.ceil(plan.pipeline_parallel / stages_per_machine)
        pods, gpus = _pods(plan.tensor_parallel, plan.pipeline_parallel, machines)
        copies = plan.replicas if machines == 1 else 1
        groups = max(1, plan.instances // machines)
        most = max(groups, spec.guard.most_instances // machines)
        return cls(
            spec=spec,
            cluster=_CLUSTER_OF[plan.service],
            machine=machine,
            nodes=groups * machines,
            pods=pods,
            gpus=gpus,
            replicas=groups * copies,
            most_replicas=most * copies,
        )

    @property
    def name(self) -> str:
        """Return what the Service is called: the endpoint's name."""
        return self.spec.name

    @property
    def namespace(self) -> str:
        """Return the namespace: one per endpoint, so that one delete removes all of it."""
        return f"planner-{self.spec.name}"

    @property
    def scales(self) -> bool:
        """Tell whether replicas come and go."""
        return self.spec.guard.most_instances > 0

    @property
    def most_nodes(self) -> int:
        """Return the nodes that the most replicas take."""
        return self.nodes * self.most_replicas // self.replicas

    @property
    def share(self) -> float:
        """Return the part of a machine that one pod takes."""
        return self.gpus / max(1, int(self.machine.accelerator_count))

    @property
    def requests_at_once(self) -> int:
        """Return how many full requests one copy surely answers at once; 1 at least."""
        plan, machine = self.spec.plan, self.machine
        card = accelerators.get(plan.accelerator, machine.interconnect)
        most = plan.max_num_seqs or engines.most_requests("vllm", card)
        return min(max(1, plan.kv_cache_tokens_low // self.spec.context), most)

    @property
    def cache_gb(self) -> int:
        """Return the disk that the weights and what is made of them take in one pod."""
        return math.ceil((self.spec.weights.size_gb or 0) * 1.2) + 10

    @property
    def disk_gb(self) -> int:
        """Return the disk that a node needs for its pods, before the system's own share."""
        return math.ceil(1 / self.share) * self.cache_gb + _IMAGE_GB

    @property
    def startup_s(self) -> int:
        """Return how long a pod may take until it answers."""
        return _STARTUP_S + math.ceil(self.spec.weights.size_gb or 0) * _S_PER_GB


def _pods(shards: int, stages: int, machines: int) -> tuple[int, int]:
    """Return the pods of one copy and the cards of each.

    vLLM gives every node of a group equally many cards, so where the stages do not divide
    evenly over the machines each stage is a pod, and some share a machine.
    """
    if stages % machines == 0:
        return machines, shards * stages // machines
    return stages, shards


def _check(spec: DeploymentSpec) -> None:
    if not _NAME.fullmatch(spec.name) or len(spec.name) > LONGEST_NAME:
        raise UsageError(
            f"a Kubernetes Service cannot be called {spec.name!r}",
            why="small letters, digits and hyphens between them, a letter first, "
            f"{LONGEST_NAME} at most",
            advice="--name llama-2-70b",
        )
    guard = spec.guard
    if guard.to_zero:
        raise UsageError(
            "replicas cannot scale to none here",
            why="vLLM's own metrics are what they scale on, and no replica tells none",
            advice="--min-instances 1",
        )
    if guard.idle or guard.budget_usd or guard.notify or guard.off_hours or guard.on_hours:
        raise UsageError(
            "alarms, budgets and schedules are not written as manifests",
            advice="leave --idle, --budget, --notify, --off-hours and --on-hours out",
        )
