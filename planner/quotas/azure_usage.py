"""What Azure allows and what runs there: usages of Compute and Azure ML, VM sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.clouds import azure
from planner.errors import PermissionDeniedError
from planner.quotas.catalogue import fold

if TYPE_CHECKING:
    from collections.abc import Iterable

    from azure.mgmt.compute.models import ResourceSku

COMPUTE = "Microsoft.Compute"
MACHINE_LEARNING = "Microsoft.MachineLearningServices"

Row = tuple[str, str, float, float]
"""(name as the API spells it, title, limit, use)"""


def usages(region: str) -> dict[str, Row]:
    """Return limits and use of Microsoft.Compute in a region, by folded name."""
    with azure.errors("read the quotas", action=f"{COMPUTE}/locations/usages/read", region=region):
        rows = list(azure.compute().usage.list(region))
    return {
        fold(row.name.value or ""): (
            row.name.value or "",
            row.name.localized_value or "",
            float(row.limit),
            float(row.current_value),
        )
        for row in rows
    }


def ml_usages(region: str) -> dict[str, Row]:
    """Return the dedicated counters of Azure ML in a region, by folded name."""
    with azure.errors(
        "read the Azure ML quotas",
        action=f"{MACHINE_LEARNING}/locations/usages/read",
        region=region,
    ):
        rows = list(azure.machine_learning().usages.list(region))
    return {
        fold(row.name.value or ""): (
            row.name.value or "",
            row.name.localized_value or "",
            float(row.limit),
            float(row.current_value or 0),
        )
        for row in rows
        if row.name is not None and row.limit is not None and "dedicatedCores" in (row.type or "")
    }


def skus(region: str) -> dict[str, ResourceSku] | None:
    """Return the VM sizes of a region by folded name; None where they may not be listed."""
    try:
        with azure.errors("read the VM sizes", action=f"{COMPUTE}/skus/read", region=region):
            rows = list(azure.compute().resource_skus.list(filter=f"location eq '{region}'"))
    except PermissionDeniedError:
        # The family is in planner's table too; restrictions stay unknown.
        return None
    return {
        (row.name or "").casefold(): row for row in rows if row.resource_type == "virtualMachines"
    }


def restriction(sku: ResourceSku | None, region: str) -> str:
    """Return why the subscription cannot use a size in a region, or nothing."""
    for restriction in (sku.restrictions if sku is not None else None) or []:
        where: Iterable[str] = restriction.values_property or []
        if restriction.type == "Location" and region in {name.casefold() for name in where}:
            return f"closed to the subscription ({_text(restriction.reason_code)})"
    return ""


def _text(value: object) -> str:
    """Return an enum's value, which the SDK may give as text too."""
    return str(getattr(value, "value", value))
