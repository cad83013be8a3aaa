"""What is sent to Azure for a deployment. Pure: checked against the SDKs' own models.

All that belongs to an endpoint lies in one resource group, whose name carries the run: deleting
the group removes all, and no run can touch what another has made.
"""

from __future__ import annotations

import base64
import itertools
import json
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from planner.bundled import deploy_templates
from planner.endpoints.machines import boot
from planner.endpoints.machines.checks import PROVISIONING
from planner.endpoints.model import TAG_ENDPOINT
from planner.serving import table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from planner.endpoints.ingress import Ingress
    from planner.endpoints.model import DeploymentSpec

LONGEST_NAME = 50
"""Of an endpoint: a machine's may have 64 characters, the group's carries the run behind it."""
PORT = 8000
SSH = 22
USER = "planner"
SECRET = "hf-token"  # noqa: S105 - its name
KEY = "api-key"
"""The secret with the keys of the way in."""
TAG_RUN, TAG_CREATED = "planner:run", "planner:created"
MODELS = ("STANDARD", "SPOT")
NSG, NETWORK, SUBNET = "closed", "network", "machines"
IDENTITY = "machine"
_ROOM_GB = 64  # for vLLM's image, unpacked, and logs
# Sizes that bring local NVMe disks of their own (learn.microsoft.com, "GPU accelerated sizes").
_NVME = re.compile(r"Standard_(NC\d+ads_A100_v4|NC\d+adi?s_H100_v5|ND96\w+_v[45])")
# Secure Boot refuses the GPU's driver, whose modules have no signature of Microsoft's
# (kubermatic#2020), and new generation 2 machines get it where nothing is said. "Standard" is
# taken only where the subscription has registered Microsoft.Compute/UseStandardSecurityType
# (azure-cli#31195); Trusted Launch without Secure Boot is the same for the driver; an image or
# size that has no Trusted Launch has no Secure Boot either.
SECURITY_PROFILES: tuple[Mapping[str, Any], ...] = (
    {"securityType": "Standard"},
    {
        "securityType": "TrustedLaunch",
        "uefiSettings": {"secureBootEnabled": False, "vTpmEnabled": True},
    },
    {},
)
_ABOUT_SECURITY = re.compile(r"securityType|TrustedLaunch|Trusted Launch|UseStandardSecurityType")


@dataclass(frozen=True, slots=True)
class Group:
    """Where the parts of an endpoint lie.

    Attributes:
        id: ``/subscriptions/S/resourceGroups/G``.
    """

    id: str

    @classmethod
    def of(cls, subscription: str, name: str) -> Group:
        """Return the group of that name."""
        return cls(f"/subscriptions/{subscription}/resourceGroups/{name}")

    @property
    def name(self) -> str:
        """Return the group's name."""
        return self.id.rpartition("/")[2]

    @property
    def subscription(self) -> str:
        """Return the subscription's id."""
        return self.id.split("/")[2]

    def part(self, kind: str, name: str) -> str:
        """Return the id of a resource: ``part("Microsoft.Logic/workflows", "expiry")``."""
        return f"{self.id}/providers/{kind}/{name}"


def settings() -> dict[str, str]:
    """Return what ``deploy_templates/azure-vm.csv`` pins: image and machine image."""
    path = deploy_templates() / "azure-vm.csv"
    return {row["setting"]: row["value"] for row in table.read(path)}


def group_name(spec: DeploymentSpec) -> str:
    """Return the name of the resource group: this run's alone."""
    return f"planner-{spec.name}-{spec.run}"


def vault_name(run: str) -> str:
    """Return the name of a run's vault; vaults' names are unique in all of Azure."""
    return f"planner-{run}"


def has_nvme(instance_type: str) -> bool:
    """Tell whether the size brings local disks that hold the weights."""
    return _NVME.fullmatch(instance_type) is not None


def disk_gb(spec: DeploymentSpec) -> int:
    """Return the size of the OS disk: with the weights, unless the size brings disks."""
    system = int(settings()["machine_image_gb"]) + _ROOM_GB
    if has_nvme(spec.plan.instance_type):
        return system
    return system + math.ceil((spec.weights.size_gb or 0) * 1.2)


def group(spec: DeploymentSpec, created: datetime) -> dict[str, Any]:
    """Return the body of the resource group; status and destroy work from its tags."""
    return {
        "location": spec.region,
        "tags": {**spec.tags, TAG_RUN: spec.run, TAG_CREATED: created.isoformat()},
    }


def short_tags(name: str, run: str) -> dict[str, str]:
    """Return the tags of what lies in the group."""
    return {TAG_ENDPOINT: name, TAG_RUN: run}


def nsg(spec: DeploymentSpec) -> dict[str, Any]:
    """Return the network security group: nothing comes in but what the way in admits."""
    closed = rule("nothing-comes-in", priority=4096, access="Deny", source="*", port="*")
    return {
        "location": spec.region,
        "tags": short_tags(spec.name, spec.run),
        "properties": {"securityRules": [*_admissions(spec.ingress), closed]},
    }


def _admissions(ingress: Ingress) -> Iterator[dict[str, Any]]:
    """Yield the rules for whom a way in admits; numbers below those of SSH's."""
    wanted = itertools.product(ingress.networks, ingress.ports)
    for number, (network, port) in enumerate(wanted):
        name = f"port-{port}-from-{network.replace('/', '-')}"
        yield rule(name, priority=100 + number, access="Allow", source=network, port=str(port))


def rule(name: str, *, priority: int, access: str, source: str, port: str) -> dict[str, Any]:
    """Return a rule for what comes in."""
    return {
        "name": name,
        "properties": {
            "description": f"planner: {access.lower()}",
            "direction": "Inbound",
            "access": access,
            "protocol": "*" if access == "Deny" else "Tcp",
            "priority": priority,
            "sourceAddressPrefix": source,
            "sourcePortRange": "*",
            "destinationAddressPrefix": "*",
            "destinationPortRange": port,
        },
    }


def virtual_network(spec: DeploymentSpec, where: Group) -> dict[str, Any]:
    """Return the network with its one subnet."""
    closed = where.part("Microsoft.Network/networkSecurityGroups", NSG)
    return {
        "location": spec.region,
        "tags": short_tags(spec.name, spec.run),
        "properties": {
            "addressSpace": {"addressPrefixes": ["10.0.0.0/24"]},
            "subnets": [
                {
                    "name": SUBNET,
                    "properties": {
                        "addressPrefix": "10.0.0.0/24",
                        "networkSecurityGroup": {"id": closed},
                    },
                }
            ],
        },
    }


def arguments(spec: DeploymentSpec) -> list[str]:
    """Return the arguments of vLLM, which listens on the machine's loopback alone."""
    return boot.vllm_arguments(spec, "127.0.0.1", PORT)


def user_data(spec: DeploymentSpec) -> str:
    """Return the cloud-init of the machine."""
    return boot.user_data(
        "azure-vm.yaml.j2",
        arguments=arguments(spec),
        image=spec.container.image,
        port=PORT,
        secret=SECRET if spec.token is not None else "",
        vault=vault_name(spec.run),
        **boot.ingress(spec, KEY),
    )


def details(spec: DeploymentSpec) -> str:
    """Return the settings in full, to be kept with the machine; no secret among them."""
    return json.dumps(spec.settings, sort_keys=True)


def virtual_machine(
    spec: DeploymentSpec,
    where: Group,
    zone: str,
    ssh_key: str,
    security: Mapping[str, Any] = SECURITY_PROFILES[0],
) -> dict[str, Any]:
    """Return the body of the machine.

    Args:
        spec: The deployment.
        where: Its resource group.
        zone: ``1``, ``2``, ``3``; empty leaves the choice to Azure.
        ssh_key: The user's public key.
        security: One of :data:`SECURITY_PROFILES`.
    """
    made: dict[str, Any] = {
        "location": spec.region,
        "tags": {**spec.tags, TAG_RUN: spec.run},
        "properties": {
            "hardwareProfile": {"vmSize": spec.plan.instance_type},
            "storageProfile": {
                "imageReference": image_reference(spec.container.machine_image),
                "osDisk": {
                    "createOption": "FromImage",
                    "deleteOption": "Delete",
                    "diskSizeGB": disk_gb(spec),
                    "managedDisk": {"storageAccountType": "Premium_LRS"},
                },
            },
            "osProfile": {
                "computerName": spec.name,
                "adminUsername": USER,
                "customData": _base64(user_data(spec)),
                "linuxConfiguration": {
                    "disablePasswordAuthentication": True,
                    "ssh": {
                        "publicKeys": [
                            {"path": f"/home/{USER}/.ssh/authorized_keys", "keyData": ssh_key}
                        ]
                    },
                },
            },
            "networkProfile": _network_profile(where),
            "diagnosticsProfile": {"bootDiagnostics": {"enabled": True}},
            "userData": _base64(details(spec)),
            **_priority(spec),
            **({"securityProfile": dict(security)} if security else {}),
        },
    }
    if zone:
        made["zones"] = [zone]
    if spec.has_secrets:
        used = where.part("Microsoft.ManagedIdentity/userAssignedIdentities", IDENTITY)
        made["identity"] = {"type": "UserAssigned", "userAssignedIdentities": {used: {}}}
    return made


def is_about_security(why: str) -> bool:
    """Tell whether Azure refuses a machine for its security profile."""
    return _ABOUT_SECURITY.search(why) is not None


def image_reference(urn: str) -> dict[str, str]:
    """Return an image by its parts, from ``publisher:offer:sku:version``."""
    return dict(zip(("publisher", "offer", "sku", "version"), urn.split(":"), strict=True))


def _priority(spec: DeploymentSpec) -> dict[str, Any]:
    """Return how the machine is provisioned.

    A Spot machine that Azure takes back is deleted: one that is deallocated goes on to cost its
    disk and to fill the Spot quota, and nobody starts it again.
    """
    if spec.container.environment[PROVISIONING] != "SPOT":
        return {"priority": "Regular"}
    return {
        "priority": "Spot",
        "evictionPolicy": "Delete",
        "billingProfile": {"maxPrice": -1},  # never more than on demand
    }


def _network_profile(where: Group) -> dict[str, Any]:
    """Return the machine's card, made and deleted with it.

    Its public address is the way out, for the image and the weights; nothing comes in.
    """
    subnet = f"{where.part('Microsoft.Network/virtualNetworks', NETWORK)}/subnets/{SUBNET}"
    address = {
        "name": "way-out",
        "sku": {"name": "Standard"},
        "properties": {"deleteOption": "Delete", "publicIPAllocationMethod": "Static"},
    }
    configuration = {
        "name": "address",
        "properties": {
            "primary": True,
            "subnet": {"id": subnet},
            "publicIPAddressConfiguration": address,
        },
    }
    closed = where.part("Microsoft.Network/networkSecurityGroups", NSG)
    card = {
        "name": "card",
        "properties": {
            "primary": True,
            "deleteOption": "Delete",
            "networkSecurityGroup": {"id": closed},
            "ipConfigurations": [configuration],
        },
    }
    return {"networkApiVersion": "2022-11-01", "networkInterfaceConfigurations": [card]}


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
