"""Machines with GPUs in a cluster: how a pod finds them, and the command that makes them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from planner.endpoints.gce import requests, zones
from planner.endpoints.kubernetes.manifest import gke_accelerator
from planner.errors import NotFoundError

if TYPE_CHECKING:
    from planner.endpoints.kubernetes.serving import Serving

# Kubernetes' "Well-Known Labels, Annotations and Taints"; all three clouds set it.
_TYPE_LABEL = "node.kubernetes.io/instance-type"
_GKE_LABEL = "cloud.google.com/gke-accelerator"
_GPU = {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}
# The taint of Microsoft's page on GPU node pools.
_SKU = {"key": "sku", "operator": "Equal", "value": "gpu", "effect": "NoSchedule"}
# Kubelets evict pods when less than a tenth of the disk is free.
_FREE = 0.9
# GKE keeps up to 100 GiB of the boot disk for itself ("About node sizing").
_RESERVED_GB = {"gke": 108, "eks": 10, "aks": 10}


def selector(serving: Serving) -> dict[str, str]:
    """Return the labels of the nodes that the plan is about."""
    if serving.cluster != "gke":
        return {_TYPE_LABEL: serving.machine.instance_type}
    machine, accelerator = _gke(serving)
    return {_TYPE_LABEL: machine, _GKE_LABEL: accelerator}


def tolerations(cluster: str) -> list[dict[str, Any]]:
    """Return the taints of GPU nodes that the pods may pass."""
    return [_GPU, _SKU] if cluster == "aks" else [_GPU]


def disk_gb(serving: Serving) -> int:
    """Return the disk to order for a node, in steps of 10 GB."""
    needed = (serving.disk_gb + _RESERVED_GB[serving.cluster]) / _FREE
    return math.ceil(needed / 10) * 10


def pool(serving: Serving) -> list[str]:
    """Return the lines of the command that makes the node pool."""
    made: list[str] = {"gke": _gke_pool, "eks": _eks_pool, "aks": _aks_pool}[serving.cluster](
        serving
    )
    return made


def billed(cluster: str) -> str:
    """Return what making the node pool means for the bill."""
    if cluster == "eks":
        return "Make the machines, in a cluster that you have. They are billed from here on."
    return (
        "Make the node pool, in a cluster that you have. It is empty: machines come, and are "
        "billed, with the pods."
    )


def removal(serving: Serving) -> list[str]:
    """Return the lines of the command that removes the node pool."""
    name, region = pool_name(serving), serving.spec.region
    return {
        "gke": [
            f'gcloud container node-pools delete {name} --cluster "$CLUSTER"',
            f"  --location {region}",
        ],
        "eks": [f'eksctl delete nodegroup --cluster "$CLUSTER" --region {region} --name {name}'],
        "aks": [
            'az aks nodepool delete --resource-group "$RESOURCE_GROUP" --cluster-name "$CLUSTER"',
            f"  --name {name}",
        ],
    }[serving.cluster]


def pool_name(serving: Serving) -> str:
    """Return what the node pool is called; AKS allows twelve letters and digits."""
    if serving.cluster == "aks":
        return "gpu" + serving.name.replace("-", "")[:9]
    return f"gpu-{serving.name}"[:40].rstrip("-")


def _gke_pool(serving: Serving) -> list[str]:
    machine, accelerator = _gke(serving)
    count = max(1, int(serving.machine.accelerator_count))
    there = zones.zones(serving.machine.instance_type, serving.spec.region)
    # One zone: machines that serve a copy together should be near each other.
    where = [f"  --node-locations {there[0]}"] if there else []
    return [
        f'gcloud container node-pools create {pool_name(serving)} --cluster "$CLUSTER"',
        f"  --location {serving.spec.region}",
        *where,
        f"  --machine-type {machine}",
        f"  --accelerator type={accelerator},count={count},gpu-driver-version=latest",
        f"  --disk-size {disk_gb(serving)}GB",
        "  --num-nodes 0 --enable-autoscaling --location-policy ANY",
        f"  --total-min-nodes 0 --total-max-nodes {serving.most_nodes}",
    ]


def _eks_pool(serving: Serving) -> list[str]:
    return [
        f'eksctl create nodegroup --cluster "$CLUSTER" --region {serving.spec.region}',
        f"  --name {pool_name(serving)} --managed",
        f"  --node-type {serving.machine.instance_type}",
        f"  --node-volume-size {disk_gb(serving)}",
        f"  --nodes {serving.nodes} --nodes-min 0 --nodes-max {serving.most_nodes}",
    ]


def _aks_pool(serving: Serving) -> list[str]:
    return [
        'az aks nodepool add --resource-group "$RESOURCE_GROUP" --cluster-name "$CLUSTER"',
        f"  --name {pool_name(serving)} --mode User",
        f"  --node-vm-size {serving.machine.instance_type}",
        f"  --node-osdisk-type Managed --node-osdisk-size {disk_gb(serving)}",
        "  --node-count 0 --enable-cluster-autoscaler",
        f"  --min-count 0 --max-count {serving.most_nodes}",
        "  --node-taints nvidia.com/gpu=present:NoSchedule",
        "  --labels nvidia.com/gpu.present=true",
    ]


def _gke(serving: Serving) -> tuple[str, str]:
    """Return the machine type and GKE's name of its card.

    Raises:
        NotFoundError: planner does not know that name.
    """
    machine, card, _ = requests.machine_of(serving.machine.instance_type)
    accelerator = card or gke_accelerator(machine)
    if not accelerator:
        raise NotFoundError(f"GKE's name of the card in {machine} is not known")
    return machine, accelerator
