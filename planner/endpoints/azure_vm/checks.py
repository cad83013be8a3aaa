"""What to look at before a deploy on Azure."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from planner.bundled import deploy_templates
from planner.clouds import azure
from planner.clouds.redact import mask
from planner.endpoints.azure_vm import access, api, requests, reservations, sizes
from planner.endpoints.deploying.preflight import Check, Finding, Status, good
from planner.endpoints.machines import checks as shared
from planner.endpoints.machines.reservations import room
from planner.errors import (
    CloudError,
    NotEnabledError,
    NotFoundError,
    PermissionDeniedError,
    UsageError,
)

if TYPE_CHECKING:
    from planner.endpoints.model import DeploymentSpec

_GUARD = "the Logic App and the auto-shutdown alone: no alarm, no budget"
_PROVIDERS = ("Microsoft.Compute", "Microsoft.Network")
_EXPIRY_PROVIDERS = ("Microsoft.Logic", "Microsoft.DevTestLab")
_TOKEN_PROVIDERS = ("Microsoft.KeyVault", "Microsoft.ManagedIdentity")
_FOR_EXPIRY = (*_EXPIRY_PROVIDERS, "Microsoft.Authorization/roleAssignments")
_FOR_TOKEN = _TOKEN_PROVIDERS
_FOR_RESERVATION = ("Microsoft.Compute/capacityReservationGroups",)
# Without them a vault is purged by Azure, a week later, and old consoles tell no SSH key.
_WELCOME = {
    "Microsoft.Compute/virtualMachines/runCommand/action",
    "Microsoft.KeyVault/locations/deletedVaults/purge/action",
}


def checks(spec: DeploymentSpec) -> list[Check]:
    """Return the checks; each asks at most a few calls."""
    azure.load()  # the checks run in threads
    return [
        Check("credentials", _credentials),
        Check("providers", lambda: _providers(spec)),
        Check("permissions", lambda: _permissions(spec)),
        Check("size", lambda: _size(spec)),
        Check("image", lambda: _image(spec)),
        room(spec, spec.plan.instance_type, reservations.of_size(spec.plan.instance_type)),
        Check("expiry", lambda: _expiry(spec)),
        Check("guard", lambda: shared.guard(spec, "Azure", _GUARD)),
        Check("disk", lambda: _disk(spec)),
        Check("access", _access),
        Check("identity", lambda: _identity(spec)),
    ]


def needed(*, expiry: bool = True, secrets: bool = True, reserved: bool = True) -> list[str]:
    """Return the actions that a deploy needs: those of the role that planner prints.

    Args:
        expiry: Whether the endpoint gets one.
        secrets: Whether its machine reads a token or a key.
        reserved: Whether it lands in a capacity reservation.
    """
    path = deploy_templates() / "permissions" / "deploy-azure-vm.azure.json"
    actions: list[str] = json.loads(path.read_text(encoding="utf-8"))["Actions"]
    unused = (
        *(() if expiry else _FOR_EXPIRY),
        *(() if secrets else _FOR_TOKEN),
        *(() if reserved else _FOR_RESERVATION),
    )
    return [action for action in actions if not action.startswith(unused)]


def missing(wanted: list[str], granted: list[dict[str, Any]]) -> list[str]:
    """Return the actions that no role grants.

    Args:
        wanted: Actions in full.
        granted: ``actions`` and ``notActions`` of each role, with wildcards.
    """

    def among(action: str, patterns: list[str]) -> bool:
        return any(fnmatchcase(action.casefold(), item.casefold()) for item in patterns)

    return [
        action
        for action in wanted
        if not any(
            among(action, role.get("actions", [])) and not among(action, role.get("notActions", []))
            for role in granted
        )
    ]


def _credentials() -> Finding:
    return good("credentials", f"subscription {mask(azure.subscription())}")


def _providers(spec: DeploymentSpec) -> Finding:
    wanted = [
        *_PROVIDERS,
        *(_EXPIRY_PROVIDERS if spec.expires_at is not None else ()),
        *(_TOKEN_PROVIDERS if spec.has_secrets else ()),
    ]
    action = "Microsoft.Resources/subscriptions/providers/read"
    with azure.errors("list the resource providers", action=action):
        states = {
            (item.namespace or "").casefold(): item.registration_state
            for item in azure.resources().providers.list()
        }
    off = [name for name in wanted if states.get(name.casefold()) != "Registered"]
    if off:
        return Finding(
            "providers",
            Status.BAD,
            f"not registered in the subscription: {', '.join(off)}",
            "; ".join(f"az provider register --namespace {name}" for name in off),
            NotEnabledError,
        )
    return good("providers", ", ".join(name.removeprefix("Microsoft.") for name in wanted))


def _permissions(spec: DeploymentSpec) -> Finding:
    version = "2022-04-01"
    kind = "Microsoft.Authorization/permissions"
    answer = api.send(
        "GET",
        f"providers/{kind}?api-version={version}",
        "read your permissions",
        action=f"{kind}/read",
    )
    wanted = needed(
        expiry=spec.expires_at is not None,
        secrets=spec.has_secrets,
        reserved=bool(spec.reservation),
    )
    lacking = missing(wanted, answer.get("value", []))
    if not lacking:
        return good("permissions", "all that a deploy needs, in the whole subscription")
    more = f" and {len(lacking) - 3} more" if len(lacking) > 3 else ""  # noqa: PLR2004 - fit a line
    return Finding(
        "permissions",
        Status.WARNING if _WELCOME.issuperset(lacking) else Status.BAD,
        f"you lack {', '.join(lacking[:3])}{more}",
        "planner doctor --permissions (prints the custom role to assign)",
        PermissionDeniedError,
    )


def _size(spec: DeploymentSpec) -> Finding:
    size, region = spec.plan.instance_type, spec.region
    try:
        offered = sizes.offer(size, region)
    except NotFoundError as error:
        return Finding("size", Status.BAD, str(error), error.advice, NotFoundError)
    if offered is None:
        return Finding("size", Status.UNKNOWN, "the sizes may not be listed")
    closed = sizes.closed(offered, region)
    if closed:
        return Finding(
            "size",
            Status.BAD,
            f"{size} in {region} is closed to the subscription ({closed}); quota does not "
            "change that",
            "another --region, or a support request",
            NotFoundError,
        )
    zones = ", ".join(sizes.zones_of(offered))
    return good("size", f"{size} is offered" + (f" in zones {zones}" if zones else ""))


def _image(spec: DeploymentSpec) -> Finding:
    urn = spec.container.machine_image
    try:
        image = requests.image_reference(urn)
    except ValueError:
        return Finding(
            "image",
            Status.BAD,
            f"{urn!r} is no image",
            "--machine-image publisher:offer:sku:version",
            UsageError,
        )
    action = "Microsoft.Compute/locations/publishers/artifacttypes/offers/skus/versions/read"
    try:
        with azure.errors("look for the image", action=action, region=spec.region):
            azure.compute().virtual_machine_images.get(
                spec.region, image["publisher"], image["offer"], image["sku"], image["version"]
            )
    except CloudError as error:
        if not api.is_missing(error):
            raise
        listing = ":".join(urn.split(":")[:3])
        return Finding(
            "image",
            Status.BAD,
            f"{spec.region} does not have {urn}",
            f"az vm image list --all --location {spec.region} --publisher {image['publisher']} "
            f"--offer {image['offer']}; then --machine-image {listing}:VERSION",
            NotFoundError,
        )
    return good("image", urn)


def _expiry(spec: DeploymentSpec) -> Finding:
    words = "a Logic App deletes the resource group; it is set before the machine"
    return shared.expiry(spec, words)


def _disk(spec: DeploymentSpec) -> Finding:
    local = "NVMe disks" if requests.has_nvme(spec.plan.instance_type) else ""
    return shared.disk(requests.disk_gb(spec), "Premium SSD", local)


def _access() -> Finding:
    try:
        access.public_key()
    except UsageError as error:
        return Finding("access", Status.BAD, f"{error} ({error.why})", error.advice, UsageError)
    return good("access", f"SSH with your own key, from {access.source()} alone")


def _identity(spec: DeploymentSpec) -> Finding:
    if spec.execution_role:
        return Finding(
            "identity",
            Status.BAD,
            "--role has no meaning on Azure: the machine gets an identity of its own",
            "leave --role out",
            UsageError,
        )
    if not spec.has_secrets:
        return good("identity", "none: the machine needs no access to anything")
    return good("identity", "one of the machine's own, which may read its own secrets alone")
