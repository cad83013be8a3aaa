"""Which network a machine is put into: the user's choice, ``default``, or the only one there is."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from planner.endpoints.gce import api
from planner.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

NETWORK, SUBNETWORK = "PLANNER_GCP_NETWORK", "PLANNER_GCP_SUBNETWORK"
"""The variables that choose: a name, or a path (``projects/HOST/global/networks/NAME``)."""
DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Network:
    """Where machines are.

    Attributes:
        network: ``global/networks/NAME``, or the path in another project.
        subnetwork: ``regions/REGION/subnetworks/NAME``; empty where the network makes its own.
    """

    network: str = f"global/networks/{DEFAULT}"
    subnetwork: str = ""

    @property
    def name(self) -> str:
        """Return the network's own name."""
        return self.network.rpartition("/")[2]


def choose(region: str) -> Network:
    """Return the network for machines in a region.

    Raises:
        NotFoundError: The project has none, or none with a subnetwork there.
        UsageError: There are several, and none was chosen.
    """
    written, part = os.environ.get(NETWORK, ""), os.environ.get(SUBNETWORK, "")
    if "/" in written:
        return Network(written, _subnetwork_path(part, region))
    found = [item for page in _networks() for item in page.get("items", [])]
    chosen = _one(found, written or DEFAULT, NETWORK, "network", optional=not written)
    return Network(f"global/networks/{chosen['name']}", _subnetwork(chosen, part, region))


def _subnetwork(network: dict[str, Any], part: str, region: str) -> str:
    if part or network.get("autoCreateSubnetworks"):
        return _subnetwork_path(part, region)
    pages = api.pages(
        f"regions/{region}/subnetworks", "list the subnetworks", action="compute.subnetworks.list"
    )
    there = [
        item
        for page in pages
        for item in page.get("items", [])
        if str(item.get("network", "")).rpartition("/")[2] == network["name"]
    ]
    chosen = _one(there, "", SUBNETWORK, f"subnetwork of {network['name']} in {region}")
    return _subnetwork_path(str(chosen["name"]), region)


def _subnetwork_path(part: str, region: str) -> str:
    return part if "/" in part or not part else f"regions/{region}/subnetworks/{part}"


def _networks() -> Any:  # noqa: ANN401 - pages of JSON
    return api.pages("global/networks", "list the networks", action="compute.networks.list")


def _one(
    found: Sequence[dict[str, Any]],
    wanted: str,
    variable: str,
    what: str,
    *,
    optional: bool = True,
) -> dict[str, Any]:
    """Return the one of a name, or the only one."""
    named = next((item for item in found if item["name"] == wanted), None)
    if named is not None:
        return named
    if not found:
        raise NotFoundError(
            f"there is no {what}",
            advice="gcloud compute networks create planner --subnet-mode=auto",
        )
    if len(found) > 1 or not optional:
        names = ", ".join(sorted(str(item["name"]) for item in found))
        raise UsageError(
            f"which {what}?" if optional else f"there is no {what} {wanted}",
            why=f"there are {names}",
            advice=f"export {variable}=NAME",
        )
    return found[0]
