"""What is sent to Compute Engine for a deployment. Pure: checked against Google's discovery."""

from __future__ import annotations

import hashlib
import json
import math
import re
from typing import TYPE_CHECKING, Any

from planner.bundled import deploy_templates
from planner.endpoints.gce import networks
from planner.endpoints.gce.networks import Network
from planner.endpoints.machines import boot
from planner.endpoints.machines.checks import PROVISIONING
from planner.serving import table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from planner.endpoints.ingress import Ingress
    from planner.endpoints.model import DeploymentSpec

LONGEST_NAME = 40
"""Of an endpoint: a machine's may have 63, and the secret's carries the run behind it."""
PORT = 8000
NETWORK_TAG = "planner-endpoint"
KEY = "-key"
"""How the names of secrets with keys end."""
LABEL_ENDPOINT, LABEL_RUN = "planner-endpoint", "planner-run"
LABEL_OWNER, LABEL_EXPIRES = "planner-owner", "planner-expires"
LABEL_REGION = "planner-region"
"""Secrets are of no region; this is the one of their machine."""
DETAILS = "planner-details"
"""The metadata key with tags and settings in full: labels take few characters."""
MODELS = ("STANDARD", "SPOT", "FLEX_START")
# "Use IAP for TCP forwarding": the addresses that its tunnels come from.
IAP_ADDRESSES = "35.235.240.0/20"
# Machine types that take Hyperdisk and no Persistent Disk (Compute Engine, "Disk types").
_HYPERDISK_ONLY = ("a3-ultragpu", "a4-", "a4x-", "g4-")
_SYSTEM_GB = 60  # the system, the driver, the image of vLLM and room to unpack it
_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_SHORTEST_S, _LONGEST_S = 30, 120 * 86400  # "Limit the run time of a VM"
_CARDS = re.compile(r"(?P<machine>[^+]+)\+(?P<count>\d+)x(?P<card>[\w-]+)")


def settings() -> dict[str, str]:
    """Return what ``deploy_templates/gce.csv`` pins: image, driver, machine image."""
    pinned = {row["setting"]: row["value"] for row in table.read(deploy_templates() / "gce.csv")}
    project, family = pinned["machine_image_project"], pinned["machine_image_family"]
    return {**pinned, "machine_image": f"projects/{project}/global/images/family/{family}"}


def secret_name(spec: DeploymentSpec) -> str:
    """Return the name of the secret with the token: this run's alone."""
    return f"planner-{spec.name}-{spec.run}"


def key_name(spec: DeploymentSpec) -> str:
    """Return the name of the secret with the keys of the way in: this run's alone."""
    return f"{secret_name(spec)}{KEY}"


def machine_of(instance_type: str) -> tuple[str, str, int]:
    """Return machine type, card and count: ``("n1-standard-8", "nvidia-tesla-t4", 1)``.

    Other types bring their cards: ``("g2-standard-96", "", 0)``.
    """
    found = _CARDS.fullmatch(instance_type)
    if found is None:
        return instance_type, "", 0
    return found["machine"], found["card"], int(found["count"])


def disk_gb(spec: DeploymentSpec) -> int:
    """Return the size of the boot disk: with the weights, unless the type brings local SSDs."""
    if has_local_ssd(spec.plan.instance_type):
        return _SYSTEM_GB
    return _SYSTEM_GB + math.ceil((spec.weights.size_gb or 0) * 1.2)


def has_local_ssd(instance_type: str) -> bool:
    """Tell whether the type comes with local SSDs of a fixed number."""
    return instance_type.startswith(("a2-ultragpu", "a3-", "a4-", "a4x-"))


def disk_type(instance_type: str) -> str:
    """Return the type of the boot disk."""
    hyper = instance_type.startswith(_HYPERDISK_ONLY)
    return "hyperdisk-balanced" if hyper else "pd-balanced"


def seconds_of_life(spec: DeploymentSpec, now: datetime) -> int | None:
    """Return how long the machine may run; None for ever."""
    if spec.expires_at is None:
        return None
    left = int((spec.expires_at - now).total_seconds())
    return max(_SHORTEST_S, min(left, _LONGEST_S))


def arguments(spec: DeploymentSpec) -> list[str]:
    """Return the arguments of vLLM, one a line of the file they go into."""
    return boot.vllm_arguments(spec, "0.0.0.0", PORT)  # noqa: S104 - the firewall admits IAP alone


def user_data(spec: DeploymentSpec, secret: str, key: str = "") -> str:
    """Return the cloud-init of the machine.

    Args:
        spec: The deployment.
        secret: Resource name of the secret with the token; empty where none is needed.
        key: Likewise of the one with the keys of the way in.
    """
    return boot.user_data(
        "gce.yaml.j2",
        arguments=arguments(spec),
        driver=settings()["driver"],
        image=spec.container.image,
        port=PORT,
        secret=secret,
        **boot.ingress(spec, key),
    )


def instance(
    spec: DeploymentSpec,
    zone: str,
    secret: str,
    now: datetime,
    network: Network | None = None,
    *,
    key: str = "",
) -> dict[str, Any]:
    """Return the body of instances.insert; ``secret`` and ``key`` as in :func:`user_data`."""
    where = network or Network()
    subnetwork = {"subnetwork": where.subnetwork} if where.subnetwork else {}
    kind, card, cards = machine_of(spec.plan.instance_type)
    place = f"zones/{zone}"
    made: dict[str, Any] = {
        "name": spec.name,
        "description": "planner: one model, served by vLLM",
        "machineType": f"{place}/machineTypes/{kind}",
        "labels": labels(spec),
        "tags": {"items": network_tags(spec.ingress)},
        "disks": [
            {
                "boot": True,
                "autoDelete": True,
                "initializeParams": {
                    "sourceImage": spec.container.machine_image,
                    "diskSizeGb": str(disk_gb(spec)),
                    "diskType": f"{place}/diskTypes/{disk_type(kind)}",
                    "labels": labels(spec),
                },
            }
        ],
        # The way out, for the weights; the firewall lets nothing in but IAP's tunnels.
        "networkInterfaces": [
            {
                "network": where.network,
                **subnetwork,
                "accessConfigs": [{"type": "ONE_TO_ONE_NAT", "name": "External NAT"}],
            }
        ],
        "scheduling": scheduling(spec, now),
        "serviceAccounts": [{"email": spec.execution_role, "scopes": [_SCOPE]}],
        "metadata": {
            "items": [
                {"key": "user-data", "value": user_data(spec, secret, key)},
                {"key": "serial-port-logging-enable", "value": "true"},
                {"key": "block-project-ssh-keys", "value": "true"},
                {"key": DETAILS, "value": details(spec)},
            ]
        },
    }
    if card:
        made["guestAccelerators"] = [
            {"acceleratorType": f"{place}/acceleratorTypes/{card}", "acceleratorCount": cards}
        ]
    return made


def scheduling(spec: DeploymentSpec, now: datetime) -> dict[str, Any]:
    """Return how the machine is provisioned, and when Compute Engine deletes it by itself."""
    model = spec.container.environment[PROVISIONING]
    made: dict[str, Any] = {
        "provisioningModel": model,
        "onHostMaintenance": "TERMINATE",  # machines with GPUs cannot be moved
        "automaticRestart": False,  # it would be a machine without its expiry's first hours
    }
    life = seconds_of_life(spec, now)
    if life is not None:
        made["maxRunDuration"] = {"seconds": str(life)}
    if life is not None or model == "SPOT":
        made["instanceTerminationAction"] = "DELETE"
    return made


def labels(spec: DeploymentSpec) -> dict[str, str]:
    """Return the labels: what the cloud's own lists can be searched by."""
    expires = spec.expires_at.strftime("%Y-%m-%dt%H-%M-%Sz") if spec.expires_at else "never"
    return {
        LABEL_ENDPOINT: spec.name,
        LABEL_RUN: spec.run,
        LABEL_OWNER: re.sub(r"[^a-z0-9_-]", "-", spec.owner.lower())[:63],
        LABEL_EXPIRES: expires,
        LABEL_REGION: spec.region,
    }


def details(spec: DeploymentSpec) -> str:
    """Return tags and settings in full; no secret among them."""
    return json.dumps({"tags": spec.tags, "settings": spec.settings}, sort_keys=True)


def network_tags(ingress: Ingress) -> list[str]:
    """Return the tags that the firewall's rules go by: machines with one way in share its tag."""
    if not ingress.is_open:
        return [NETWORK_TAG]
    text = json.dumps([ingress.networks, ingress.ports])
    return [NETWORK_TAG, f"planner-ingress-{hashlib.sha256(text.encode()).hexdigest()[:12]}"]


def firewall_rules(
    network: Network | None = None, ingress: Ingress | None = None
) -> list[dict[str, Any]]:
    """Return the rules for planner's machines: IAP's tunnels come in, and whom a way in admits."""
    where = network or Network()
    more = "" if where.name == networks.DEFAULT else f"-{where.name}"[:38]
    common = {
        "network": where.network,
        "direction": "INGRESS",
        "targetTags": [NETWORK_TAG],
    }
    return [
        {
            **common,
            "name": f"planner-endpoint-closed{more}",
            "description": "planner: nothing comes in",
            "priority": 900,
            "sourceRanges": ["0.0.0.0/0"],
            "denied": [{"IPProtocol": "all"}],
        },
        {
            **common,
            "name": f"planner-endpoint-iap{more}",
            "description": "planner: but tunnels of Identity-Aware Proxy",
            "priority": 800,
            "sourceRanges": [IAP_ADDRESSES],
            "allowed": [{"IPProtocol": "tcp", "ports": [str(PORT)]}],
        },
        *(_admission(ingress, common, more) if ingress and ingress.is_open else ()),
    ]


def _admission(ingress: Ingress, common: dict[str, Any], more: str) -> Iterator[dict[str, Any]]:
    tag = network_tags(ingress)[-1]
    yield {
        **common,
        "name": f"{tag}{more}",
        "description": "planner: and HTTPS from whom its way in admits",
        "priority": 800,
        "targetTags": [tag],
        "sourceRanges": ingress.networks,
        "allowed": [{"IPProtocol": "tcp", "ports": [str(port) for port in ingress.ports]}],
    }


def secret(spec: DeploymentSpec) -> dict[str, Any]:
    """Return the body of secrets.create; it goes by itself when the endpoint does."""
    made: dict[str, Any] = {"replication": {"automatic": {}}, "labels": labels(spec)}
    if spec.expires_at is not None:
        made["expireTime"] = spec.expires_at.strftime("%Y-%m-%dT%H:%M:%SZ")
    return made
