"""Simulated Compute Engine (v1): regions, project, instances; what the quota check reads.

Documented (discovery document compute.v1): paths and members; regional quotas leave out the
GPUs that are counted per family; ``GPUS_ALL_REGIONS`` is a quota of the project.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from flask import Blueprint, jsonify, request

from planner.endpoints.gce import requests, zones
from planner.pricing import instance_types
from planner.sandbox.gcp import cloud_quotas, instances
from planner.sandbox.gcp.google import route

if TYPE_CHECKING:
    from collections.abc import Callable

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
            for instance in instances.listed(world):
                zone = f"zones/{instance['zone']}"
                zones.setdefault(zone, {"instances": []})["instances"].append(instance)
        return jsonify(kind="compute#instanceAggregatedList", items=zones)

    @route(made, f"{_PROJECT}/aggregated/machineTypes", "compute.machineTypes.list")
    def list_machine_types(project: str) -> Response:
        del project
        found = _offered(world, lambda kind: requests.machine_of(kind)[0], "machineTypes")
        return jsonify(kind="compute#machineTypeAggregatedList", items=found)

    @route(made, f"{_PROJECT}/aggregated/acceleratorTypes", "compute.acceleratorTypes.list")
    def list_accelerator_types(project: str) -> Response:
        del project
        found = _offered(world, lambda kind: requests.machine_of(kind)[1], "acceleratorTypes")
        return jsonify(kind="compute#acceleratorTypeAggregatedList", items=found)

    @route(made, f"{_PROJECT}/global/networks", "compute.networks.list")
    def list_networks(project: str) -> Response:
        del project
        base = "https://www.googleapis.com/compute/v1/projects/sandbox-project/global/networks"
        items = [
            {
                "kind": "compute#network",
                "name": name,
                "selfLink": f"{base}/{name}",
                "autoCreateSubnetworks": name == "default",
            }
            for name in world.scenario.gcp_networks
        ]
        return jsonify(kind="compute#networkList", items=items)

    @route(made, f"{_PROJECT}/regions/<region>/subnetworks", "compute.subnetworks.list")
    def list_subnetworks(project: str, region: str) -> Response:
        del project
        base = "https://www.googleapis.com/compute/v1/projects/sandbox-project"
        items = [
            {
                "kind": "compute#subnetwork",
                "name": f"{name}-{region}",
                "network": f"{base}/global/networks/{name}",
                "selfLink": f"{base}/regions/{region}/subnetworks/{name}-{region}",
            }
            for name in world.scenario.gcp_networks
        ]
        return jsonify(kind="compute#subnetworkList", items=items)

    return made


def _offered(world: World, name_of: Callable[[str], str], member: str) -> dict[str, Any]:
    """Return what the zones offer, by planner's own table; filtered as asked."""
    wanted = re.fullmatch(r'name *(?:=|eq) *"?([\w-]+)"?', request.args.get("filter", ""))
    found: dict[str, Any] = {}
    for kind in _kinds():
        name = name_of(kind)
        if not name or (wanted and name != wanted[1]):
            continue
        for region in cloud_quotas.region_names():
            for zone in zones.zones(kind, region):
                if zone in world.scenario.not_offered_in:
                    continue
                items = found.setdefault(f"zones/{zone}", {member: []})[member]
                if all(item["name"] != name for item in items):
                    items.append({"name": name, "zone": zone})
    return found


@cache
def _kinds() -> tuple[str, ...]:
    return tuple(i.instance_type for i in instance_types.bundled() if i.service == "gce")


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
