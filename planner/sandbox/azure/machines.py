"""Simulated virtual machines: create, look, delete, console, run command, and the way in.

Documented (azure-mgmt-compute, Azure's error reference): paths, members, instance views, the
codes; that a machine whose allocation failed stays as one that failed; that a card and an
address that are made with a machine go with it; that a machine whose security type is not named
is a Trusted Launch one by default, whose Secure Boot refuses drivers without a signature
(kubermatic#2020). Assumed: the sentences of errors, which code
comes at once and which in the operation, what an engine writes to the console and when.
"""

from __future__ import annotations

import base64
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, jsonify, request

from planner.quotas.catalogue import fold
from planner.sandbox import console, engine, ingress, metrics
from planner.sandbox.azure import compute, reservations
from planner.sandbox.azure.arm import SUBSCRIPTION, ArmError, route
from planner.sandbox.azure.store import RESOURCES, store
from planner.sandbox.boot import Script

if TYPE_CHECKING:
    from planner.pricing.instance_types import InstanceType
    from planner.sandbox.world import World

KIND = "Microsoft.Compute/virtualMachines"
_GROUP = f"{SUBSCRIPTION}/resourceGroups/<group>"
_VM = f"{_GROUP}/providers/{KIND}/<name>"
_BLOBS = "/sandbox-boot-diagnostics"
_HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB"
_BEFORE = (
    "-----BEGIN SSH HOST KEY KEYS-----",
    f"{_HOST_KEY} root@sandbox",
    "-----END SSH HOST KEY KEYS-----",
    "planner: stage: preparing the disks",
    "planner: stage: waiting for the GPU driver",
)
_LOCKED = (
    *_BEFORE,
    "modprobe: ERROR: could not insert 'nvidia': Key was rejected by service",
    "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.",
    "planner: failed: line 24 of start.sh",
)


def blueprint(world: World) -> Blueprint:
    """Return the routes beside those of any resource."""
    made = Blueprint("machines", __name__)

    @route(made, f"{_VM}/retrieveBootDiagnosticsData", "", "POST")
    def boot_diagnostics(subscription: str, group: str, name: str) -> Response:
        with world.lock:
            store(world).resource(_id(subscription, group, name))
        where = f"{request.host_url.rstrip('/')}{_BLOBS}/{subscription}/{group}/{name}"
        return jsonify(serialConsoleLogBlobUri=where)

    @made.get(f"{_BLOBS}/<subscription>/<group>/<name>")
    def blob(subscription: str, group: str, name: str) -> Response:
        with world.lock:
            found = store(world).resource(_id(subscription, group, name))
            there = _machine(world, found)
            written = console.text(world, there) if found["_power"] else ""
        return Response(written, content_type="text/plain")

    @route(made, f"{_VM}/runCommand", "", "POST")
    def run_command(subscription: str, group: str, name: str) -> Response:
        with world.lock:
            store(world).resource(_id(subscription, group, name))
        words = f"Enable succeeded: \n[stdout]\n{_HOST_KEY} root@sandbox\n\n[stderr]\n"
        shown = {"code": "ProvisioningState/succeeded", "level": "Info", "message": words}
        return jsonify(value=[shown])

    image = "publishers/<publisher>/artifacttypes/vmimage/offers/<offer>/skus/<sku>/versions/<v>"
    kind = "Microsoft.Compute/locations/publishers/artifacttypes/offers/skus/versions/read"

    @route(made, f"{SUBSCRIPTION}/providers/Microsoft.Compute/locations/<location>/{image}", kind)
    def get_image(  # noqa: PLR0917 - the parts of the path
        subscription: str, location: str, publisher: str, offer: str, sku: str, v: str
    ) -> Response:
        del subscription
        if (publisher, offer) != ("microsoft-dsvm", "ubuntu-hpc"):
            raise ArmError("NotFound", f"Artifact: VMImage was not found: {offer} {sku}", 404)
        return jsonify(name=v, location=location)

    _tunnel(made, world)
    return made


def _tunnel(made: Blueprint, world: World) -> None:
    @made.post("/sandbox-tunnel/<group>/<name>/v1/<path:rest>")
    def tunnel(group: str, name: str, rest: str) -> Response:
        del rest
        with world.lock:
            if not _answers(world, group, name):
                return Response("connection refused", 502)
        try:
            answer = metrics.answer(world, f"{group}/{name}", request.get_data())
        except engine.RefusedError as error:
            return Response(str(error), error.status)
        return Response(answer, content_type="text/event-stream")

    @made.get("/sandbox-tunnel/<group>/<name>/metrics")
    def engine_metrics(group: str, name: str) -> Response:
        with world.lock:
            if not _answers(world, group, name):
                return Response("connection refused", 502)
        page = metrics.page(world, f"{group}/{name}")
        return Response(page, content_type=metrics.CONTENT_TYPE)


def begin(world: World, id_: str, body: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """Begin to create a machine; return it as it is shown meanwhile, and the operation."""
    kept = store(world)
    refused = _refusal(world, body)
    if refused is not None and refused.status == 409:  # noqa: PLR2004 - Conflict: at once
        raise refused
    properties = {
        **body["properties"],
        "provisioningState": "Creating",
        "timeCreated": world.now().isoformat(),
        "vmId": f"vm-{len(kept.resources)}",
    }
    world.lag.changing(RESOURCES, id_.casefold(), kept.resources.get(id_.casefold()))
    kept.resources[id_.casefold()] = {**body, "properties": properties, "_power": ""}
    shown = kept.resources[id_.casefold()]

    def end() -> None:
        if refused is not None:
            properties["provisioningState"] = "Failed"
            shown["_refused"] = refused
            return
        properties["provisioningState"] = "Succeeded"
        shown["_power"] = "running"
        _make_address(world, id_)
        recount(world)

    shown["_operation"] = kept.begin(end, refused)
    return show(shown), shown["_operation"]


def look(world: World, item: dict[str, Any]) -> None:
    """Let a machine come along that is looked at: who began to make it may be gone."""
    if item["properties"]["provisioningState"] == "Creating":
        store(world).look(item["_operation"])


def end(world: World, id_: str) -> None:
    """Delete a machine, with the card and the address that were made with it."""
    kept = store(world)
    kept.drop(id_)
    kept.drop(_address_id(id_))
    recount(world)


def show(item: dict[str, Any], expand: str = "") -> dict[str, Any]:
    """Return a machine as GET shows it; ``expand`` is ``instanceView`` or ``userData``."""
    properties = item["properties"]
    state = properties["provisioningState"]
    refused = item.get("_refused")
    code = f"ProvisioningState/{state.lower()}" + (f"/{refused.code}" if refused else "")
    statuses = [{"code": code, "level": "Info", **({"message": str(refused)} if refused else {})}]
    if item["_power"]:
        statuses.append({"code": f"PowerState/{item['_power']}", "level": "Info"})
    shown = {key: value for key, value in item.items() if not key.startswith("_")}
    hidden = properties["osProfile"].items()
    shown["properties"] = {
        **{key: value for key, value in properties.items() if key != "userData"},
        "osProfile": {key: value for key, value in hidden if key != "customData"},
    }
    if expand == "userData":
        shown["properties"]["userData"] = properties.get("userData", "")
    if expand == "instanceView":
        shown["properties"]["instanceView"] = {"statuses": statuses}
    return shown


def recount(world: World) -> None:
    """Count the vCPUs that machines take up, against their quotas."""
    for key in [key for key in world.usage if key[0] == "azure"]:
        del world.usage[key]
    for item in store(world).of_kind(KIND):
        size = _size(item)
        if size is None or item["_power"] not in {"running", "stopped"}:
            continue
        for name in _quotas(item, size):
            key = compute.key_of(item["location"], name)
            world.usage[key] = world.usage.get(key, 0) + int(size.vcpus or 0)


def _refusal(world: World, body: dict[str, Any]) -> ArmError | None:
    """Return why a machine cannot be made there now; None where it can."""
    security = body["properties"].get("securityProfile", {}).get("securityType", "")
    if security == "Standard" and not world.scenario.standard_security:
        return ArmError(
            "InvalidParameter",
            "The value of parameter securityProfile.securityType is invalid.",
            409,
        )
    scenario, size, region = world.scenario, _size(body), body["location"]
    zone = (body.get("zones") or [""])[0]
    if size is None or region in scenario.restricted_regions:
        return ArmError(
            "SkuNotAvailable",
            f"The requested VM size for resource is currently not available in location "
            f"'{region}' zones '{zone}' for subscription.",
            409,
        )
    if reservations.lands(world, body):
        return None  # what is reserved has been counted already
    for name in _quotas(body, size):
        limit = compute.limit_of(world, region, name)
        used = world.usage.get(compute.key_of(region, name), 0)
        if used + int(size.vcpus or 0) > limit:
            return ArmError(
                "OperationNotAllowed",
                f"Operation could not be completed as it results in exceeding approved {name} "
                f"Cores quota. Location: {region}, Current Limit: {limit}, Current Usage: {used}, "
                f"Additional Required: {size.vcpus}.",
                409,
            )
    place = f"{region}-{zone or 'regional'}"
    if not scenario.capacity or {place, region, size.instance_type} & set(scenario.no_capacity_in):
        return ArmError(
            "ZonalAllocationFailed" if zone else "AllocationFailed",
            "Allocation failed. We do not have sufficient capacity for the requested VM size in "
            "this region or zone.",
            200,
        )
    return None


def _quotas(body: dict[str, Any], size: InstanceType) -> tuple[str, ...]:
    if body["properties"].get("priority") == "Spot":
        return ("lowPriorityCores",)
    return ("cores", compute.family_of(size))


def _size(body: dict[str, Any]) -> InstanceType | None:
    wanted = fold(body["properties"]["hardwareProfile"]["vmSize"])
    return next((item for item in compute.sizes() if fold(item.instance_type) == wanted), None)


def _machine(world: World, item: dict[str, Any]) -> console.Machine:
    properties = item["properties"]
    coded = properties.get("osProfile", {}).get("customData", "")
    script = Script.of(base64.b64decode(coded).decode())
    born = datetime.fromisoformat(properties["timeCreated"])
    late = born + timedelta(seconds=world.scenario.identity_lag_s)
    security = properties.get("securityProfile", {})
    boot = security.get("uefiSettings", {}).get("secureBootEnabled", False)
    trusted = boot if security else world.scenario.secure_boot_by_default
    return console.Machine(
        born=born,
        before=_LOCKED if trusted else _BEFORE,
        script=script,
        token_known=late if script.reads_token else None,
        stuck=trusted,
        certificate=ingress.certificate(world, _name_of(item)) if script.key else "",
    )


def _name_of(item: dict[str, Any]) -> str:
    parts = item["id"].split("/")
    return f"{parts[4]}/{parts[-1]}"


def script(world: World, group: str, name: str) -> Script:
    """Return what the boot script of a machine does."""
    return _machine(world, _found(world, group, name)).script


def is_ready(world: World, group: str, name: str) -> bool:
    """Tell whether the engine of a machine listens."""
    found = _found(world, group, name)
    started = console.start(world, _machine(world, found))
    return found["_power"] == "running" and console.is_ready(started)


def _found(world: World, group: str, name: str) -> dict[str, Any]:
    kept = store(world)
    return kept.resource(f"{kept.group(group)['id']}/providers/{KIND}/{name}")


def _answers(world: World, group: str, name: str) -> bool:
    """Tell whether SSH comes in, and the engine behind it is ready."""
    kept = store(world)
    if group.casefold() not in kept.groups:
        return False
    admitted = [
        rule
        for rule in kept.of_kind("Microsoft.Network/networkSecurityGroups/securityRules", group)
        if rule["properties"]["access"] == "Allow"
        and rule["properties"]["destinationPortRange"] == "22"
        and rule["properties"]["sourceAddressPrefix"] == "127.0.0.1/32"
    ]
    return bool(admitted) and is_ready(world, group, name)


def _make_address(world: World, machine: str) -> None:
    id_ = _address_id(machine)
    store(world).resources[id_.casefold()] = {
        "id": id_,
        "name": id_.rpartition("/")[2],
        "type": "Microsoft.Network/publicIPAddresses",
        "properties": {"provisioningState": "Succeeded", "ipAddress": "203.0.113.9"},
    }


def _address_id(machine: str) -> str:
    group = machine.partition("/providers/")[0]
    return f"{group}/providers/Microsoft.Network/publicIPAddresses/way-out"


def _id(subscription: str, group: str, name: str) -> str:
    return f"/subscriptions/{subscription}/resourceGroups/{group}/providers/{KIND}/{name}"
