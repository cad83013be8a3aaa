"""Simulated Compute Engine (v1): regions, project, instances; what the quota check reads.

Documented (discovery document compute.v1): paths and members; regional quotas leave out the
GPUs that are counted per family; ``GPUS_ALL_REGIONS`` is a quota of the project.
"""

from __future__ import annotations

import csv
import re
from functools import cache
from typing import TYPE_CHECKING, Any

from flask import Blueprint, jsonify, request

from planner.bundled import pricing_data
from planner.endpoints.gce import requests, zones
from planner.pricing import instance_types
from planner.sandbox.gcp import cloud_quotas, instances
from planner.sandbox.gcp.google import route
from planner.sandbox.prices import figures

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
        found = _offered(world, _machine_type, "machineTypes")
        return jsonify(kind="compute#machineTypeAggregatedList", items=found)

    @route(made, f"{_PROJECT}/aggregated/acceleratorTypes", "compute.acceleratorTypes.list")
    def list_accelerator_types(project: str) -> Response:
        del project
        found = _offered(world, _accelerator_type, "acceleratorTypes")
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


def _machine_type(kind: str) -> dict[str, Any]:
    """Return a machine type as Compute Engine lists it: with the cards that it brings, if any."""
    name, attached, _ = requests.machine_of(kind)
    item = instance_types.bundled().find("gce", kind)
    if item is None or attached:
        return {"name": name}
    cards = {
        "guestAcceleratorType": _api_names()[item.accelerator, name.startswith("a3-mega")],
        "guestAcceleratorCount": item.accelerator_count,
    }
    made = {"name": name, "guestCpus": item.vcpus, "accelerators": [cards]}
    return made | ({"memoryMb": int(item.memory_gib * 1024)} if item.memory_gib else {})


@cache
def _api_names() -> dict[tuple[str, bool], str]:
    """Return what the API calls a card; A3 Mega's H100 has a name of its own."""
    with (pricing_data() / "gcp_accelerator_types.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {
        (row["accelerator"], "-mega-" in row["accelerator_type"]): row["accelerator_type"]
        for row in rows
    }


def _accelerator_type(kind: str) -> dict[str, Any]:
    return {"name": requests.machine_of(kind)[1]}


def _offered(world: World, item_of: Callable[[str], dict[str, Any]], member: str) -> dict[str, Any]:
    """Return what the zones offer, by planner's own table; filtered as asked."""
    wanted = re.fullmatch(r'name *(?:=|eq) *"?([\w-]+)"?', request.args.get("filter", ""))
    found: dict[str, Any] = {}
    for kind in _kinds():
        made = item_of(kind)
        name = made["name"]
        if not name or (wanted and name != wanted[1]):
            continue
        for region in cloud_quotas.region_names():
            for zone in zones.zones(kind, region) or _assumed(kind, region):
                if zone in world.scenario.not_offered_in:
                    continue
                items = found.setdefault(f"zones/{zone}", {member: []})[member]
                if all(item["name"] != name for item in items):
                    items.append(made | {"zone": zone})
    return found


def _assumed(kind: str, region: str) -> tuple[str, ...]:
    """Return a zone for a machine that is priced in a region, and whose zones no source names."""
    return (f"{region}-a",) if (kind, region) in _priced() else ()


@cache
def _priced() -> frozenset[tuple[str, str]]:
    return frozenset((offer.instance_type, offer.region) for offer in figures.offers("gcp"))


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
