"""Simulated Compute Engine (v1): regions, project, instances; what the quota check reads.

Documented (discovery document compute.v1): paths and members; regional quotas leave out the
GPUs that are counted per family; ``GPUS_ALL_REGIONS`` is a quota of the project.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, jsonify

from planner.sandbox.gcp import cloud_quotas, instances
from planner.sandbox.gcp.google import route

if TYPE_CHECKING:
    from flask import Response

    from planner.sandbox.world import World

_PROJECT = "/compute/v1/projects/<project>"
_LEGACY = ("K80", "P100", "P4", "V100", "T4", "A100", "A100_80GB", "L4")


def blueprint(world: World) -> Blueprint:
    """Return the routes."""
    made = Blueprint("compute", __name__)

    @route(made, _PROJECT, "compute.projects.get")
    def get_project(project: str) -> Response:
        with world.lock:
            quotas = [
                _quota(world, "GPUS_ALL_REGIONS", "GPUS-ALL-REGIONS-per-project", ""),
                _quota(world, "CPUS_ALL_REGIONS", "CPUS-ALL-REGIONS-per-project", ""),
            ]
        return jsonify(kind="compute#project", name=project, quotas=quotas)

    @route(made, f"{_PROJECT}/regions", "compute.regions.list")
    def list_regions(project: str) -> Response:
        del project
        with world.lock:
            items = [_region(world, name) for name in cloud_quotas.region_names()]
        return jsonify(kind="compute#regionList", items=items)

    @route(made, f"{_PROJECT}/aggregated/instances", "compute.instances.list")
    def list_instances(project: str) -> Response:
        del project
        with world.lock:
            instances.expire(world)
            zones: dict[str, Any] = {}
            for instance in world.notes["gce"].values():
                zone = f"zones/{instance['zone']}"
                zones.setdefault(zone, {"instances": []})["instances"].append(instance)
        return jsonify(kind="compute#instanceAggregatedList", items=zones)

    return made


def _region(world: World, name: str) -> dict[str, Any]:
    quotas = []
    for card in _LEGACY:
        for prefix in ("NVIDIA", "PREEMPTIBLE_NVIDIA"):
            metric = f"{prefix}_{card}_GPUS"
            quota_id = f"{metric.replace('_', '-')}-per-project-region"
            quotas.append(_quota(world, metric, quota_id, name))
    quotas += [
        _quota(world, metric, f"{metric.replace('_', '-')}-per-project-region", name)
        for metric in ("CPUS", "PREEMPTIBLE_CPUS")
    ]
    return {"kind": "compute#region", "name": name, "status": "UP", "quotas": quotas}


def _quota(world: World, metric: str, quota_id: str, region: str) -> dict[str, Any]:
    dimensions = {"region": region} if region else {}
    used = world.usage.get(("gcp", region, quota_id, tuple(sorted(dimensions.items()))), 0)
    limit = cloud_quotas.limit_of(world, quota_id, dimensions)
    return {"metric": metric, "limit": float(limit), "usage": float(used)}
