"""Simulated Microsoft.Compute: usages and SKUs.

Documented (azure-mgmt-compute models, learn.microsoft.com): paths, members, the buckets
``cores`` and ``lowPriorityCores``, families with spaces and odd case, restriction reasons.
Assumed: the initial limit of 20 regional vCPUs, 3 low-priority ones, and the family names of
sizes whose family is not public; that unregistered providers list nothing.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from flask import Blueprint, jsonify, request

from planner.pricing import instance_types
from planner.quotas.catalogue import fold
from planner.sandbox.azure.access import has_access
from planner.sandbox.azure.arm import SUBSCRIPTION, ArmError, route

if TYPE_CHECKING:
    from flask import Response

    from planner.pricing.instance_types import InstanceType
    from planner.sandbox.world import QuotaKey, World

_REGIONAL = 20
_LOW_PRIORITY = 3
_LARGEST_VCPUS = 128
_BASE = f"{SUBSCRIPTION}/providers/Microsoft.Compute"


def blueprint(world: World) -> Blueprint:
    """Return the routes."""
    made = Blueprint("compute", __name__)

    @route(made, f"{_BASE}/locations/<location>/usages", "Microsoft.Compute/locations/usages/read")
    def usages(subscription: str, location: str) -> Response:
        del subscription
        with world.lock:
            names = limits() if world.scenario.providers_registered else {}
            return jsonify(value=[_usage(world, location, name) for name in names])

    @route(made, f"{_BASE}/skus", "Microsoft.Compute/skus/read")
    def skus(subscription: str) -> Response:
        del subscription
        found = re.fullmatch(r"location eq '([\w]+)'", request.args.get("$filter", ""))
        if found is None:
            raise ArmError("BadRequest", "the sandbox lists SKUs only by location")
        with world.lock:
            kinds = sizes() if world.scenario.providers_registered else ()
            return jsonify(value=[_sku(world, found[1], kind) for kind in kinds])

    return made


@cache
def sizes() -> tuple[InstanceType, ...]:
    """Return the GPU sizes that planner knows."""
    return tuple(item for item in instance_types.bundled() if item.service == "azure-vm")


def family_of(kind: InstanceType) -> str:
    """Return the family as the API spells it; invented where it is not public."""
    return kind.quota_family or f"standard{kind.accelerator.replace('-', '')}SandboxFamily"


@cache
def limits() -> dict[str, str]:
    """Return the quota names of a region with their titles."""
    families = {family_of(kind): f"{family_of(kind)} vCPUs" for kind in sizes()}
    return {
        "cores": "Total Regional vCPUs",
        "lowPriorityCores": "Total Regional Low-priority vCPUs",
        "standardDSv3Family": "Standard DSv3 Family vCPUs",
        **families,
    }


def key_of(region: str, name: str) -> QuotaKey:
    """Return the world's key of a quota."""
    return ("azure", region.casefold(), fold(name), ())


def limit_of(world: World, region: str, name: str) -> int:
    """Return the limit in force."""
    gpu = world.scenario.gpu_instances * _LARGEST_VCPUS
    initial = {
        "cores": _REGIONAL + gpu,
        "lowprioritycores": _LOW_PRIORITY + gpu,
        "standarddsv3family": 10,
    }.get(fold(name), gpu)
    return world.limit(key_of(region, name), initial)


def _usage(world: World, region: str, name: str) -> dict[str, Any]:
    return {
        "name": {"value": name, "localizedValue": limits()[name]},
        "currentValue": world.usage.get(key_of(region, name), 0),
        "limit": limit_of(world, region, name),
        "unit": "Count",
    }


def _sku(world: World, region: str, kind: InstanceType) -> dict[str, Any]:
    closed = region in world.scenario.restricted_regions and not has_access(world, region)
    restriction = {
        "type": "Location",
        "values": [region],
        "restrictionInfo": {"locations": [region]},
        "reasonCode": "NotAvailableForSubscription",
    }
    return {
        "resourceType": "virtualMachines",
        "name": kind.instance_type,
        "tier": "Standard",
        "size": kind.instance_type.removeprefix("Standard_"),
        "family": family_of(kind),
        "locations": [region],
        "locationInfo": [{"location": region, "zones": ["1", "2", "3"]}],
        "capabilities": [
            {"name": "vCPUs", "value": str(kind.vcpus)},
            {"name": "GPUs", "value": f"{kind.accelerator_count:g}"},
        ],
        "restrictions": [restriction] if closed else [],
    }
