"""Simulated Microsoft.MachineLearningServices: its own usage counters.

Documented (azure-mgmt-machinelearningservices): path and members. Reported: the types
``dedicatedCores`` and ``lowPriorityCores``, the regional ``TotalDedicatedCores``, and -1 for
a limit that is not set. Assumed: initial values, which tickets (``support``) move. Grants of
Microsoft.Compute do not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, jsonify

from planner.quotas.catalogue import fold
from planner.sandbox.azure import compute
from planner.sandbox.azure.arm import SUBSCRIPTION, route

if TYPE_CHECKING:
    from flask import Response

    from planner.sandbox.world import World

_SPACE = "Microsoft.MachineLearningServices"
_LARGEST_VCPUS = 128


def blueprint(world: World) -> Blueprint:
    """Return the routes."""
    made = Blueprint("machine_learning", __name__)

    @route(
        made,
        f"{SUBSCRIPTION}/providers/{_SPACE}/locations/<location>/usages",
        f"{_SPACE}/locations/usages/read",
    )
    def usages(subscription: str, location: str) -> Response:
        del subscription
        gpu = world.scenario.gpu_instances * _LARGEST_VCPUS
        families = sorted({compute.family_of(kind) for kind in compute.sizes()})

        def limit(name: str, initial: int) -> int:
            return world.limit(("azure-ml", location.casefold(), fold(name), ()), initial)

        total = "TotalDedicatedCores"
        rows = [_usage(total, "dedicatedCores", limit(total, 300 + gpu))]
        for family in families:
            rows.append(_usage(family, "dedicatedCores", limit(family, gpu)))
            rows.append(_usage(family, "lowPriorityCores", -1))
        return jsonify(value=rows)

    return made


def _usage(name: str, bucket: str, limit: int) -> dict[str, Any]:
    return {
        "id": f"{_SPACE}/{bucket}/{name}",
        "type": f"{_SPACE}/{bucket}/usages",
        "name": {"value": name, "localizedValue": name},
        "unit": "Count",
        "currentValue": 0,
        "limit": limit,
    }
