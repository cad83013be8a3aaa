"""The objects every endpoint has in a cluster: namespace, identity, pods, the way in."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from planner.endpoints.deploying import vllm_command
from planner.endpoints.kubernetes import nodes
from planner.endpoints.kubernetes.manifest import Manifest
from planner.endpoints.kubernetes.serving import PORT

if TYPE_CHECKING:
    from planner.endpoints.kubernetes.serving import Serving

TOKEN_SECRET = "huggingface-token"  # noqa: S105 - the name of a secret
TOKEN_KEY = "token"  # noqa: S105 - the name of its key
ROLE = "planner/role"
SERVES, WORKS = "serves", "works"
"""Values of the label ``planner/role``: pods that answer requests, and those behind them."""
CLIENT = {"planner/client": "yes"}
"""The label of pods that may talk to the endpoint."""
MONITORING = "monitoring"
"""The namespace that Prometheus is expected in."""
# vllm/vllm-openai makes this user and its home for those who do not run it as root
# (vllm-project/vllm pull request 40275); its group is root's.
_USER, _GROUP, _HOME = 2000, 0, "/home/vllm"
_SHM_GIB_PER_GPU = 2  # vLLM's "Using Kubernetes" page mounts 2 GiB
_PROBE_S = 10
# The system and its own pods keep the rest of a node.
_CPU_SHARE, _MEMORY_SHARE = 0.5, 0.6


def labels(serving: Serving) -> dict[str, str]:
    """Return what the endpoint's pods are found by."""
    return {"app.kubernetes.io/name": "vllm", "app.kubernetes.io/instance": serving.name}


def metadata(serving: Serving, name: str = "") -> dict[str, Any]:
    """Return the metadata of an object in the endpoint's namespace."""
    return {
        "name": name or serving.name,
        "namespace": serving.namespace,
        "labels": {**labels(serving), "app.kubernetes.io/managed-by": "planner"},
    }


def base(serving: Serving) -> list[Manifest]:
    """Return the namespace and the account that the pods run as."""
    spec = serving.spec
    return [
        Manifest(
            {
                "apiVersion": "v1",
                "kind": "Namespace",
                "metadata": {
                    "name": serving.namespace,
                    "labels": {
                        "app.kubernetes.io/managed-by": "planner",
                        "pod-security.kubernetes.io/enforce": "restricted",
                    },
                    "annotations": {
                        "planner/model": spec.plan.model,
                        "planner/precision": spec.plan.precision,
                        "planner/owner": spec.owner,
                    },
                },
            }
        ),
        Manifest(
            {
                "apiVersion": "v1",
                "kind": "ServiceAccount",
                "metadata": metadata(serving),
                "automountServiceAccountToken": False,
            },
            "The pods call no API, neither the cluster's nor the cloud's.",
        ),
    ]


def deployment(serving: Serving) -> Manifest:
    """Return the pods of copies that fit on one machine."""
    spec: dict[str, Any] = {
        "replicas": serving.replicas,
        "progressDeadlineSeconds": serving.startup_s + 600,
        # A new pod would want cards while the old one still has them.
        "strategy": {
            "type": "RollingUpdate",
            "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1},
        },
        "selector": {"matchLabels": labels(serving)},
        "template": pod(serving, command(serving), role=SERVES),
    }
    if serving.scales:
        del spec["replicas"]  # or every apply would undo what scaling has done
    return Manifest(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": metadata(serving),
            "spec": spec,
        },
        f"{serving.gpus} of a machine's {serving.machine.accelerator_count:g} "
        f"{serving.spec.plan.accelerator} each; weights go to the node's own disk.",
    )


def service(serving: Serving) -> Manifest:
    """Return the endpoint's address in the cluster."""
    return Manifest(
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": metadata(serving),
            "spec": {
                "type": "ClusterIP",
                "selector": {**labels(serving), ROLE: SERVES},
                "ports": [{"name": "http", "port": PORT, "targetPort": "http"}],
            },
        },
        f"OpenAI's API: http://{serving.name}.{serving.namespace}:{PORT}/v1, no key.",
    )


def network_policy(serving: Serving) -> Manifest:
    """Return who may come in: clients by their label, the group itself, Prometheus."""
    port = [{"port": "http", "protocol": "TCP"}]
    ingress: list[dict[str, Any]] = [
        {"from": [{"podSelector": {"matchLabels": CLIENT}}], "ports": port}
    ]
    if serving.pods > 1:
        ingress.append({"from": [{"podSelector": {"matchLabels": labels(serving)}}]})
    if serving.scales:
        where = {"matchLabels": {"kubernetes.io/metadata.name": MONITORING}}
        ingress.append({"from": [{"namespaceSelector": where}], "ports": port})
    return Manifest(
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": metadata(serving),
            "spec": {
                "podSelector": {"matchLabels": labels(serving)},
                "policyTypes": ["Ingress"],
                "ingress": ingress,
            },
        },
        "Closed but to pods of this namespace labelled planner/client: yes (and to "
        "kubectl port-forward). Holds only where the cluster enforces network policies.",
    )


def disruption_budget(serving: Serving) -> Manifest:
    """Return how many copies a drained node may take away at once."""
    return Manifest(
        {
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": metadata(serving),
            "spec": {"maxUnavailable": 1, "selector": {"matchLabels": labels(serving)}},
        }
    )


def command(serving: Serving, *more: str) -> list[str]:
    """Return what a container runs: ``vllm serve`` with the plan's flags, one copy a pod."""
    spec = serving.spec
    flags = vllm_command.of(spec, copies=1)
    model = flags.pop("model")
    given = vllm_command.joined(flags)
    return ["vllm", "serve", model, f"--port={PORT}", *given, *more]


def pod(serving: Serving, arguments: list[str], *, role: str) -> dict[str, Any]:
    """Return the template of a pod.

    Args:
        serving: What it is part of.
        arguments: What its container runs.
        role: ``SERVES``, or ``WORKS`` for one that only computes.
    """
    return {
        "metadata": {"labels": {**labels(serving), ROLE: role}},
        "spec": {
            "serviceAccountName": serving.name,
            "automountServiceAccountToken": False,
            # A Service called vllm would set VLLM_PORT, which vLLM reads as its own.
            "enableServiceLinks": False,
            "terminationGracePeriodSeconds": 120,
            "nodeSelector": nodes.selector(serving),
            "tolerations": nodes.tolerations(serving.cluster),
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": _USER,
                "runAsGroup": _GROUP,
                "fsGroup": _USER,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [_container(serving, arguments, role)],
            "volumes": [
                {"name": "cache", "emptyDir": {"sizeLimit": f"{serving.cache_gb}G"}},
                {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": _shm(serving)}},
            ],
        },
    }


def _container(serving: Serving, arguments: list[str], role: str) -> dict[str, Any]:
    made: dict[str, Any] = {
        "name": "vllm",
        "image": serving.spec.container.image,
        "command": arguments[:2],
        "args": arguments[2:],
        "env": _environment(serving),
        "resources": _resources(serving),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": "cache", "mountPath": f"{_HOME}/.cache"},
            {"name": "shm", "mountPath": "/dev/shm"},  # noqa: S108 - where NCCL and vLLM share memory
        ],
    }
    if role == SERVES:
        health = {"httpGet": {"path": "/health", "port": "http"}, "periodSeconds": _PROBE_S}
        made["ports"] = [{"name": "http", "containerPort": PORT}]
        # Weights are downloaded and loaded first; the others wait for it.
        tries = math.ceil(serving.startup_s / _PROBE_S)
        made["startupProbe"] = {**health, "failureThreshold": tries}
        made["readinessProbe"] = {**health, "timeoutSeconds": 5}
        made["livenessProbe"] = {**health, "timeoutSeconds": 10, "failureThreshold": 6}
    return made


def _environment(serving: Serving) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = [{"name": "HOME", "value": _HOME}]
    if serving.spec.weights.gated:
        reference = {"secretKeyRef": {"name": TOKEN_SECRET, "key": TOKEN_KEY}}
        made.append({"name": serving.spec.container.token_variable, "valueFrom": reference})
    return made


def _resources(serving: Serving) -> dict[str, Any]:
    machine = serving.machine
    wanted = {
        "cpu": str(max(1, math.floor(machine.vcpus * serving.share * _CPU_SHARE))),
        "ephemeral-storage": f"{serving.cache_gb}G",
        "nvidia.com/gpu": str(serving.gpus),
    }
    if machine.memory_gib:
        memory = max(1, math.floor(machine.memory_gib * serving.share * _MEMORY_SHARE))
        wanted["memory"] = f"{memory}Gi"
    return {
        "requests": dict(sorted(wanted.items())),
        "limits": {"nvidia.com/gpu": str(serving.gpus)},
    }


def _shm(serving: Serving) -> str:
    return f"{serving.gpus * _SHM_GIB_PER_GPU}Gi"
