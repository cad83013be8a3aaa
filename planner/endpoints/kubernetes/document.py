"""The file that is written: what it costs and how to use it on top, then the objects."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from planner.endpoints.deploying import containers
from planner.endpoints.kubernetes import nodes, objects, scaling
from planner.endpoints.kubernetes.manifest import pinned
from planner.pricing.cost import monthly

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from planner.endpoints.kubernetes.manifest import Manifest
    from planner.endpoints.kubernetes.serving import Serving

_WIDTH = 92
_CLUSTERS = {
    "gke": "Google Kubernetes Engine",
    "eks": "Amazon EKS",
    "aks": "Azure Kubernetes Service",
}
_LWS = "https://github.com/kubernetes-sigs/lws/releases/download/v0.9.0/manifests.yaml"

_Step = tuple[str, list[list[str]]]
"""What a step is for, and its commands, each as the lines it is broken into."""


def text(serving: Serving, manifests: Iterable[Manifest]) -> str:
    """Return the file."""
    import yaml

    class Plain(yaml.SafeDumper):
        """Writes what occurs twice twice: people read and edit these files."""

        def ignore_aliases(self, data: object) -> bool:
            del data
            return True

    parts = ["\n".join(f"# {line}".rstrip() for line in _head(serving))]
    for manifest in manifests:
        body = yaml.dump(manifest.content, Dumper=Plain, sort_keys=False, width=_WIDTH)
        wrapped = textwrap.wrap(manifest.comment, _WIDTH, break_on_hyphens=False)
        above = [f"# {line}" for line in wrapped]
        parts.append("\n".join(["---", *above, body.rstrip()]))
    return "\n".join(parts)


def _head(serving: Serving) -> Iterator[str]:
    plan = serving.spec.plan
    yield f"{plan.model} at {plan.precision} with vLLM on {_CLUSTERS[serving.cluster]}"
    yield "Written by planner deploy --emit kubernetes; planner made nothing."
    yield ""
    for name, value in _facts(serving):
        yield from textwrap.wrap(
            f"{name:<10}{value}", _WIDTH, subsequent_indent=" " * 10, break_on_hyphens=False
        )
    for number, (title, commands) in enumerate(_steps(serving), start=1):
        yield ""
        yield from textwrap.wrap(f"{number}. {title}", _WIDTH, subsequent_indent="   ")
        for command in commands:
            yield from _continued(command)


def _facts(serving: Serving) -> Iterator[tuple[str, str]]:
    spec, plan = serving.spec, serving.spec.plan
    each = "each with " if serving.nodes > 1 else ""
    cards = f"{each}{serving.machine.accelerator_count:g} x {plan.accelerator}"
    yield "Machines", f"{serving.nodes} x {plan.instance_type} in {plan.region}, {cards}"
    hourly = plan.on_demand_hourly_usd
    if hourly is not None:
        yield "Price", f"${hourly:,.2f} an hour, ${monthly(hourly):,.0f} a month, on demand"
        if serving.most_nodes > serving.nodes:
            most = hourly / serving.nodes * serving.most_nodes
            yield "", f"up to ${most:,.2f} an hour with {serving.most_replicas} copies"
        yield "", "without disks, traffic and the cluster itself"
        yield "", f"as of {plan.as_of}, {plan.source}"
    copies = "1 copy" if serving.replicas == 1 else f"each of {serving.replicas} copies"
    yield (
        "Holds",
        f"{serving.requests_at_once} requests of {spec.context:,} tokens at once in {copies}",
    )
    if plan.tokens_per_second is not None:
        speed = f"about {plan.tokens_per_second:,.0f} tokens/s at capacity"
        yield "Speed", f"{speed} ({plan.throughput_basis})"
    model = containers.model_of(plan)
    yield "Licence", f"{model.license}, {containers.license_of(model)[1]}"
    versions = pinned()
    built = f"vLLM {versions['version']} is built for CUDA {versions['cuda']}"
    yield "Assumed", f"nodes with NVIDIA driver {versions['driver']} or newer: {built}"
    for warning in plan.warnings:
        yield "Note", warning


def _steps(serving: Serving) -> Iterator[_Step]:
    spec, where = serving.spec, f"-n {serving.namespace}"
    yield nodes.billed(serving.cluster), [nodes.pool(serving)]
    yield from _needed(serving)
    yield (
        f"Apply this file. The first start may take {serving.startup_s // 60} minutes.",
        [["kubectl apply -f FILE"]],
    )
    if spec.weights.gated:
        # Through a pipe: in no command line, and not in this file.
        yield (
            f"Hand over the token that {spec.weights.location} asks for, from your environment.",
            [
                [
                    'printf %s "$HF_TOKEN" |',
                    f"  kubectl create secret generic {objects.TOKEN_SECRET} {where}",
                    f"  --from-file={objects.TOKEN_KEY}=/dev/stdin",
                ]
            ],
        )
    yield (
        "Talk to it.",
        [
            [f"kubectl port-forward {where} service/{serving.name} 8000:8000"],
            ["curl http://127.0.0.1:8000/v1/models"],
        ],
    )
    yield (
        "Be rid of it. There is no expiry: it runs, and costs, until you do this.",
        [[f"kubectl delete namespace {serving.namespace}"], nodes.removal(serving)],
    )


def _needed(serving: Serving) -> Iterator[_Step]:
    """Return what the cluster must have beside nodes, and how to get it."""
    if serving.cluster == "aks":
        yield (
            "Install NVIDIA's device plugin, which AKS does not bring.",
            [_helm("nvidia-device-plugin", "https://nvidia.github.io/k8s-device-plugin")],
        )
    if serving.pods > 1:
        yield (
            "Install the LeaderWorkerSet controller, release 0.6 or newer.",
            [["kubectl apply --server-side", f"  -f {_LWS}"]],
        )
    if serving.scales:
        prometheus = "https://prometheus-community.github.io/helm-charts"
        yield (
            "Install Prometheus, which reads vLLM's metrics, and KEDA, which acts on them.",
            [
                _helm(scaling.RELEASE, prometheus, objects.MONITORING),
                _helm("keda", "https://kedacore.github.io/charts"),
            ],
        )


def _helm(chart: str, repository: str, namespace: str = "") -> list[str]:
    return [
        f"helm upgrade --install {chart} {chart}",
        f"  --repo {repository}",
        f"  --namespace {namespace or chart} --create-namespace",
    ]


def _continued(lines: list[str]) -> Iterator[str]:
    """Return one command, its lines joined by backslashes, or by the pipe they end in."""
    for line in lines[:-1]:
        yield f"     {line}" if line.endswith("|") else f"     {line} \\"
    yield f"     {lines[-1]}"
