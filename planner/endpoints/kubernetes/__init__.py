"""Manifests that serve a plan with vLLM on a Kubernetes cluster: GKE, EKS or AKS.

planner writes them and makes nothing: the cluster, its node pool and the token are the user's.
:func:`emit` is pure; what it is given comes from ``planner.planning`` and
``planner.endpoints.deploying.deployment.specify``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.endpoints.kubernetes import document, group, objects, scaling
from planner.endpoints.kubernetes.manifest import Manifest, pinned
from planner.endpoints.kubernetes.serving import LONGEST_NAME, Serving
from planner.endpoints.model import Container
from planner.errors import NotFoundError, UsageError
from planner.serving import accelerators

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from planner.endpoints.model import DeploymentSpec, Weights
    from planner.plan import Plan

__all__ = ["CLUSTERS", "LONGEST_NAME", "choose", "container", "emit", "manifests"]

CLUSTERS = {"gke": "gce", "eks": "ec2", "aks": "azure-vm"}
"""The managed clusters, and the service that rents out their nodes."""
# vLLM's arm64 image is built for hosts of Hopper and Blackwell, not for Graviton with a T4G.
_NOT_IN_IMAGE = ("T4G",)


def choose(plans: Iterable[Plan]) -> Plan:
    """Return the first plan that a cluster can run with vLLM's own image.

    Raises:
        NotFoundError: There is none.
    """
    for plan in plans:
        card = accelerators.get(plan.accelerator)
        whole = plan.accelerator_count >= 1  # a share of a card needs NVIDIA's GRID driver
        if card.vendor == "NVIDIA" and whole and plan.accelerator not in _NOT_IN_IMAGE:
            return plan
    raise NotFoundError(
        "none of the machines that fit can run vLLM's image in a cluster",
        why="it needs whole NVIDIA cards",
        advice="another --instance-type, or --to gke|eks|aks",
    )


def container(
    plan: Plan,
    weights: Weights,
    *,
    engine: str,
    context: int,
    machine_image: str,
    arguments: Mapping[str, str] | None = None,
) -> Container:
    """Return vLLM's own image, pinned in ``deploy_templates/kubernetes/settings.csv``.

    Raises:
        UsageError: Another engine, a machine image, or weights in S3.
    """
    del plan, context
    if engine != "vllm":
        raise UsageError(f"{engine} is not written as manifests", advice="--engine vllm")
    if machine_image:
        raise UsageError("--machine-image is SageMaker's: the node pool decides here")
    if weights.in_s3:
        raise UsageError(
            "manifests do not read weights from S3", advice="a Hugging Face id as --weights"
        )
    versions = pinned()
    return Container(
        "vllm",
        versions["version"],
        versions["image"],
        cuda=versions["cuda"],
        arguments=dict(arguments or {}),
    )


def emit(spec: DeploymentSpec) -> str:
    """Return the manifests of a deployment as YAML, with how to use them and what they cost.

    Raises:
        UsageError: Something is asked for that a cluster does not do.
    """
    serving = Serving.of(spec)
    return document.text(serving, manifests(serving))


def manifests(serving: Serving) -> list[Manifest]:
    """Return the objects in the order in which they are applied, each with what to know of it."""
    made = [
        *objects.base(serving),
        group.leader_worker_set(serving) if serving.pods > 1 else objects.deployment(serving),
        objects.service(serving),
        objects.network_policy(serving),
    ]
    if serving.most_replicas > 1 and serving.pods == 1:
        made.append(objects.disruption_budget(serving))
    if serving.scales:
        made += [scaling.pod_monitor(serving), scaling.scaled_object(serving)]
    return made
