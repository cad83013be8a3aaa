"""Replicas that come and go with vLLM's own metrics: KEDA, fed by Prometheus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.endpoints.kubernetes import group, objects
from planner.endpoints.kubernetes.manifest import Manifest

if TYPE_CHECKING:
    from planner.endpoints.kubernetes.serving import Serving

RELEASE = "kube-prometheus-stack"
"""The Helm release of Prometheus: it looks at monitors that carry its label only."""
# The Prometheus operator makes this Service for the Prometheus servers of its namespace.
_PROMETHEUS = f"http://prometheus-operated.{objects.MONITORING}.svc:9090"
_CALM_S = 900  # a GPU node takes minutes to come and is billed by the hour


def pod_monitor(serving: Serving) -> Manifest:
    """Return what makes Prometheus read the pods' metrics."""
    metadata = objects.metadata(serving)
    metadata["labels"] |= {"release": RELEASE}
    return Manifest(
        {
            "apiVersion": "monitoring.coreos.com/v1",
            "kind": "PodMonitor",
            "metadata": metadata,
            "spec": {
                "selector": {
                    "matchLabels": {**objects.labels(serving), objects.ROLE: objects.SERVES}
                },
                "podMetricsEndpoints": [{"port": "http", "path": "/metrics", "interval": "15s"}],
            },
        },
        f"Prometheus, if its Helm release is called {RELEASE}, reads vLLM's metrics.",
    )


def scaled_object(serving: Serving) -> Manifest:
    """Return how many copies there are: as many as the requests under way need."""
    together = serving.pods > 1
    where = f'namespace="{serving.namespace}"'
    query = " + ".join(
        f"sum(vllm:num_requests_{state}{{{where}}})" for state in ("running", "waiting")
    )
    calm = {"stabilizationWindowSeconds": _CALM_S}
    one_at_a_time = [{"type": "Pods", "value": 1, "periodSeconds": 60}]
    return Manifest(
        {
            "apiVersion": "keda.sh/v1alpha1",
            "kind": "ScaledObject",
            "metadata": objects.metadata(serving),
            "spec": {
                "scaleTargetRef": {
                    "apiVersion": "leaderworkerset.x-k8s.io/v1" if together else "apps/v1",
                    "kind": "LeaderWorkerSet" if together else "Deployment",
                    "name": group.name(serving) if together else serving.name,
                },
                "minReplicaCount": least(serving),
                "maxReplicaCount": serving.most_replicas,
                "advanced": {
                    "horizontalPodAutoscalerConfig": {
                        "behavior": {
                            "scaleUp": {"policies": one_at_a_time},
                            "scaleDown": {**calm, "policies": one_at_a_time},
                        }
                    }
                },
                "triggers": [
                    {
                        "type": "prometheus",
                        "metricType": "AverageValue",
                        "metadata": {
                            "serverAddress": _PROMETHEUS,
                            "query": query,
                            "threshold": str(serving.requests_at_once),
                        },
                    }
                ],
            },
        },
        f"One copy's KV cache holds {serving.requests_at_once} requests of "
        f"{serving.spec.context:,} tokens; beyond that, running and waiting requests ask for "
        "another copy.",
    )


def least(serving: Serving) -> int:
    """Return the copies that stay when nobody asks."""
    wanted = serving.spec.guard.least_instances
    if wanted is None:
        return serving.replicas
    return max(1, serving.replicas * wanted // serving.nodes)
