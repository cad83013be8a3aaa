"""Ways to machines that need other quota, less of it, or none of what was refused.

Spot machines and Capacity Blocks have quotas of their own; Google's flex-start counts against
the preemptible one; SageMaker and EC2, Azure VMs and Azure ML count apart. An Azure capacity
reservation holds machines but needs the same quota. What a cloud's SDK tells beside that is
added: AWS's Spot placement scores (1 to 10) and the blocks on offer with their price. Azure's
placement scores are in no SDK that planner uses.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING

from planner.quotas import capacity_aws, catalogue, types
from planner.quotas.prices import hourly

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from planner.quotas.model import Demand, DemandCheck


@dataclass(frozen=True, slots=True)
class Option:
    """One other way to the machines of a demand.

    Attributes:
        kind: ``spot``, ``capacity_block``, ``flex_start``, ``other_service``, ``reservation``.
        check: Whether its own quota has room.
        hourly_usd: Of all machines; None where it is not known.
        due_usd: What is paid in front.
        score: The cloud's own word for the odds, 1 to 10; None where it has none.
        starts: When the machines can be had; None: at once, if at all.
        how: What to type.
        note: What else there is to know.
    """

    kind: str
    check: DemandCheck
    hourly_usd: Decimal | None = None
    due_usd: Decimal | None = None
    score: int | None = None
    starts: datetime | None = None
    how: str = ""
    note: str = ""


def others(demand: Demand) -> list[tuple[str, Demand]]:
    """Return the other ways to the machines of a demand: (kind, what it demands)."""
    plain = replace(demand, spot=False, purchase="")
    found: list[tuple[str, Demand]] = []
    if demand.service in {"ec2", "gce", "azure-vm"} and not demand.spot:
        found.append(("spot", replace(plain, spot=True)))
    if demand.service == "ec2" and catalogue.ec2_quota(demand.instance_type, "capacity_block"):
        found.append(("capacity_block", replace(plain, purchase="capacity_block")))
    if demand.service == "gce":
        found.append(("flex_start", replace(plain, purchase="flex_start")))
    twin = _twin(plain)
    if twin is not None:
        found.append(("other_service", twin))
    if demand.service == "azure-vm":
        found.append(("reservation", plain))
    return found


def options(
    demands: Iterable[Demand],
    check: Callable[[Sequence[Demand]], Sequence[DemandCheck]],
) -> list[Option]:
    """Return the other ways, those with room first, then the cheapest.

    Args:
        demands: What was refused, or has no quota.
        check: Reads the quotas of many demands at once.
    """
    ways = [(kind, other) for demand in demands for kind, other in others(demand)]
    checked = dict(zip([o for _, o in ways], check([o for _, o in ways]), strict=True))
    scores = capacity_aws.scores([o for kind, o in ways if kind == "spot" and o.cloud == "aws"])
    prices = hourly(other for _, other in ways)
    found = []
    for kind, other in ways:
        option = _option(kind, checked[other], prices)
        if kind == "spot":
            option = replace(option, score=scores.get((other.instance_type, other.region)))
        found.append(_with_block(option) if kind == "capacity_block" else option)
    return sorted(found, key=_rank)


def _option(kind: str, check: DemandCheck, prices: Mapping[Demand, Decimal]) -> Option:
    how, note = _HOW[kind](check.demand)
    return Option(kind, check, prices.get(check.demand), how=how, note=note)


def _with_block(option: Option) -> Option:
    """Add the cheapest block on offer."""
    demand = option.check.demand
    block, why = capacity_aws.block(demand)
    if block is None:
        return replace(option, how="", note=why)
    return replace(
        option,
        hourly_usd=block.due_usd / block.hours,
        due_usd=block.due_usd,
        starts=block.starts,
        how=f"aws ec2 purchase-capacity-block --capacity-block-offering-id {block.id} "
        f"--instance-platform Linux/UNIX --region {demand.region}",
        note=f"{block.hours} hours, paid in front; it ends then, whatever runs",
    )


def _twin(demand: Demand) -> Demand | None:
    """Return the same machine of another service, which counts in another quota."""
    service, name = {
        "ec2": ("sagemaker", f"ml.{demand.instance_type}"),
        "sagemaker": ("ec2", demand.instance_type.removeprefix("ml.")),
        "azure-vm": ("azure-ml", demand.instance_type),
    }.get(demand.service, ("", ""))
    if service == "azure-ml":
        return replace(demand, service=service)
    item = types.known().find(service, name) if service else None
    if item is None:
        return None
    return replace(
        demand,
        service=service,
        instance_type=name,
        vcpus=item.vcpus,
        quota_family=item.quota_family,
    )


def _spot(demand: Demand) -> tuple[str, str]:
    return f"planner deploy {_what(demand)} --spot", "may be taken back at any time"


def _flex(demand: Demand) -> tuple[str, str]:
    how = (
        f"gcloud compute instances create NAME --machine-type {demand.instance_type} "
        "--provisioning-model FLEX_START --max-run-duration 7d --instance-termination-action DELETE"
    )
    return how, "waits in a queue; runs for seven days at most"


def _other_service(demand: Demand) -> tuple[str, str]:
    if demand.service == "azure-ml":
        where = f"--instance-type {demand.instance_type} --region {demand.region}"
        return f"planner quota request --azure-ml {where}", "an Azure ML endpoint; by a ticket"
    return f"planner deploy {_what(demand)}", f"{demand.service} has a quota of its own"


def _reservation(demand: Demand) -> tuple[str, str]:
    how = (
        f"az capacity reservation create --capacity {demand.instances} "
        f"--sku {demand.instance_type} --location {demand.region} ..."
    )
    return how, "holds machines and is paid by the hour; needs the quota all the same"


def _block(demand: Demand) -> tuple[str, str]:
    del demand
    return "", ""


_HOW: dict[str, Callable[[Demand], tuple[str, str]]] = {
    "spot": _spot,
    "flex_start": _flex,
    "other_service": _other_service,
    "reservation": _reservation,
    "capacity_block": _block,
}


def _what(demand: Demand) -> str:
    where = f"--instance-type {demand.instance_type} --region {demand.region}"
    return f"{demand.model or 'MODEL'} {where}"


def _rank(option: Option) -> tuple[object, ...]:
    price = option.hourly_usd
    return (
        not option.check.deployable,
        -(option.score or 0),
        price is None,
        price or Decimal(0),
        option.kind,
        option.check.demand.instance_type,
        option.check.demand.region,
    )
