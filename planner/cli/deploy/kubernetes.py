"""``planner deploy MODEL --emit kubernetes``: manifests for a cluster, to stdout."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from planner.cli.deploy.options import layout_of
from planner.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from planner.endpoints.deploying.choices import Options

# Where the nodes of a cluster are rented, by what ``--to`` may say.
_NODES = {"sagemaker": "ec2", "gke": "gce", "eks": "ec2", "aks": "azure-vm"}
_ONLY_ELSEWHERE = (
    "keep_trying",
    "race",
    "role",
    "token_secret",
    "plan_only",
    "spot",
    "reservation",
    "allow",
    "domain",
)


def run(given: Mapping[str, Any], options: Options) -> int:
    """Write the manifests of the cheapest plan that fits, and return the exit code.

    Raises:
        UsageError: An option that has no meaning here.
        PreflightError: It costs too much, or does not fit.
    """
    from planner.endpoints import kubernetes
    from planner.endpoints.deploying import deployment, plan_checks, preflight
    from planner.planning import Request, compare

    _refuse_other_options(given)
    region, kind = given["region"], given["instance_type"]
    services = tuple(dict.fromkeys(_NODES.get(name, name) for name in given["services"]))
    found = compare(
        Request(
            given["model"],
            precision=given["precision"],
            context=given["context"],
            concurrency=given["concurrency"],
            **layout_of(given),
            geo=given["anywhere"] or given["geo"],
            services=services,
            regions=(region,) if region else (),
            instance_types=(kind,) if kind else (),
        )
    )
    plan = kubernetes.choose(found.plans)
    spec = deployment.specify(plan, options, container_for=kubernetes.container)
    text = kubernetes.emit(spec)
    preflight.require([plan_checks.fit(spec), plan_checks.price(spec, options.max_hourly)])
    click.echo(text)
    return 0


def _refuse_other_options(given: Mapping[str, Any]) -> None:
    if "local" in given["services"]:
        raise UsageError("this machine is no cluster", advice="--to gke, eks or aks")
    for name in _ONLY_ELSEWHERE:
        if given.get(name):
            raise UsageError(
                f"--{name.replace('_only', '').replace('_', '-')} means nothing to --emit "
                "kubernetes",
                why="it writes manifests and makes nothing",
            )
