"""The words of quotas: what a plan demands, what a cloud allows, and whether it is enough.

Pure data. A demand is bound by several quotas at once (Azure: regional cores and the VM
family; Google: the card in the region and all GPUs of the project), and every one of them
must have room, for as many machines as the demand may grow to.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from planner.plan import Plan
    from planner.pricing.instance_types import InstanceType


class Verdict(StrEnum):
    """Whether a quota, or all quotas of a demand, have room."""

    ENOUGH = "enough"
    SHORT = "short"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Demand:
    """Machines that someone wants to run.

    Attributes:
        service: ``ec2``, ``sagemaker``, ``azure-vm``, ``azure-ml`` or ``gce``.
        quota_family: The cloud's name of the quota, where the instance-type table has it.
        instances: How many run at first.
        most_instances: How many run at most, where they may grow; 0 where they do not.
        model: What they are for; empty where only machines were asked about.
        purchase: ``capacity_block`` or ``flex_start``; empty: on demand, or spot.
    """

    cloud: str
    service: str
    region: str
    instance_type: str
    accelerator: str
    accelerator_count: float
    vcpus: int
    quota_family: str
    instances: int = 1
    spot: bool = False
    model: str = ""
    most_instances: int = 0
    purchase: str = ""

    @classmethod
    def of(
        cls,
        item: InstanceType,
        region: str,
        *,
        instances: int = 1,
        spot: bool = False,
        model: str = "",
        most_instances: int = 0,
    ) -> Demand:
        """Return the demand of so many machines of a type in a region."""
        return cls(
            cloud=item.cloud,
            service=item.service,
            region=region,
            instance_type=item.instance_type,
            accelerator=item.accelerator,
            accelerator_count=item.accelerator_count,
            vcpus=item.vcpus,
            quota_family=item.quota_family,
            instances=instances,
            spot=spot,
            model=model,
            most_instances=most_instances,
        )

    @classmethod
    def of_plan(
        cls, plan: Plan, item: InstanceType, *, spot: bool = False, most_instances: int = 0
    ) -> Demand:
        """Return the demand of a plan."""
        return cls.of(
            item,
            plan.region,
            instances=plan.instances,
            spot=spot,
            model=plan.model,
            most_instances=most_instances,
        )

    @property
    def largest(self) -> int:
        """Return how many machines run at most: what the quotas must have room for."""
        return max(self.instances, self.most_instances)

    @property
    def bought(self) -> str:
        """Return how it is bought: ``on_demand``, ``spot``, ``capacity_block``, ``flex_start``."""
        return self.purchase or ("spot" if self.spot else "on_demand")

    @property
    def gpus(self) -> float:
        """Return how many accelerators all the machines have, when there are most of them."""
        return self.accelerator_count * self.largest

    @property
    def machine(self) -> str:
        """Return what tells the machines of one quota apart: ``p4d.24xlarge in us-east-1``."""
        how = "" if self.bought == "on_demand" else f" {self.bought.replace('_', ' ')}"
        return f"{self.instance_type}{how} in {self.region}"

    @property
    def text(self) -> str:
        """Return it in words: ``2 x p4d.24xlarge``."""
        return f"{self.largest} x {self.instance_type}"


@dataclass(frozen=True, slots=True)
class Quota:
    """One limit of a cloud.

    Attributes:
        service: The cloud's name of the service that owns it.
        region: Empty for a quota of the whole account.
        quota_id: The cloud's code or id.
        dimensions: Beside the region.
    """

    cloud: str
    service: str
    region: str
    quota_id: str
    name: str
    unit: str
    dimensions: tuple[tuple[str, str], ...] = ()

    @property
    def key(self) -> tuple[object, ...]:
        """Return what tells it apart within an account, whatever it is called."""
        return (self.cloud, self.service, self.region, self.quota_id, self.dimensions)

    @property
    def title(self) -> str:
        """Return its name for people, with the dimensions that tell it apart."""
        name = self.name or self.quota_id
        more = [value for key, value in self.dimensions if key != "region"]
        return " ".join([name, *more])


def amount(count: float, unit: str) -> str:
    """Return a count with its unit: ``1 instance``, ``192 vCPU``."""
    return f"{count:g} {unit.removesuffix('s') if count == 1 else unit}"


@dataclass(frozen=True, slots=True)
class Check:
    """One quota against one demand.

    Attributes:
        need: What the demand takes, in the quota's unit.
        limit: None where it is not known (missing is not zero); infinity for no limit.
        usage: What runs or is held already; None where it is not known.
        why: Why limit or usage is not known.
        fixed: Why asking for more is pointless; empty where it is not.
        wants: Whose need it is: (machine, how much of the unit); empty: one demand's.
        asked: The total of planner's request that is open for the quota; 0 where there is none.
        asked_for: What that request makes room for: (machine, how much of the unit).
        request: The number of that request in the ledger; 0 where there is none.
    """

    quota: Quota
    need: int
    limit: float | None = None
    usage: float | None = None
    why: str = ""
    fixed: str = ""
    wants: tuple[tuple[str, int], ...] = ()
    asked: float = 0
    asked_for: tuple[tuple[str, int], ...] = ()
    request: int = 0

    @property
    def planned(self) -> int:
        """Return what the open request makes room for beside the machines asked about."""
        own = dict(self.wants)
        return sum(need for machine, need in self.asked_for if machine not in own)

    @property
    def taken(self) -> float:
        """Return what is not free: in use, or planned for other machines."""
        return (self.usage or 0) + self.planned

    @property
    def verdict(self) -> Verdict:
        """Tell whether there is room; short is certain even where the use is not known."""
        if self.limit is None:
            return Verdict.UNKNOWN
        if self.need + self.taken > self.limit:
            return Verdict.SHORT
        return Verdict.UNKNOWN if self.usage is None else Verdict.ENOUGH

    @property
    def short_by(self) -> int:
        """Return how much is missing, in the quota's unit."""
        if self.limit is None:
            return 0
        return max(0, math.ceil(self.need + self.taken - self.limit))

    @property
    def target(self) -> int:
        """Return the smallest limit that has room: an absolute total."""
        return math.ceil(self.need + self.taken)

    def in_machines(self, demand: Demand) -> str:
        """Return the need in words: ``192 vCPU = 1 x p5.48xlarge``."""
        return f"{amount(self.need, self.quota.unit)} = {demand.text}"


@dataclass(frozen=True, slots=True)
class DemandCheck:
    """All quotas that bind one demand.

    Attributes:
        closed: Why the cloud would refuse it whatever the quota (a restricted SKU).
        why: Why nothing could be read.
        advice: What to do about that.
        may_be_opened: Whether the cloud takes requests for access to what is closed.
        no_access: It could not be read for want of access: no permission, a region or an API
            that is switched off.
    """

    demand: Demand
    checks: tuple[Check, ...] = ()
    closed: str = ""
    why: str = ""
    advice: str = ""
    no_access: bool = False
    may_be_opened: bool = False

    @property
    def verdict(self) -> Verdict:
        """Return the verdict over every binding quota."""
        verdicts = {check.verdict for check in self.checks}
        if Verdict.SHORT in verdicts:
            return Verdict.SHORT
        if Verdict.UNKNOWN in verdicts or not verdicts:
            return Verdict.UNKNOWN
        return Verdict.ENOUGH

    @property
    def deployable(self) -> bool:
        """Tell whether it can be started now, as far as quotas go."""
        return self.verdict is Verdict.ENOUGH and not self.closed

    @property
    def short(self) -> tuple[Check, ...]:
        """Return the quotas without room, in the order in which to raise them."""
        return tuple(check for check in self.checks if check.verdict is Verdict.SHORT)

    @property
    def hopeless(self) -> str:
        """Return why asking for what is missing is pointless, or nothing."""
        return self.closed or next((check.fixed for check in self.short if check.fixed), "")

    @property
    def is_asked_for(self) -> bool:
        """Tell whether requests are open that would make room, once granted whole."""
        return bool(self.short) and all(check.asked >= check.target for check in self.short)

    @property
    def reason(self) -> str:
        """Say in one line why it is not simply enough."""
        if self.closed:
            return self.closed
        if self.short:
            return "; ".join(
                f"{check.quota.title} is short by {amount(check.short_by, check.quota.unit)}"
                for check in self.short
            )
        return self.why or "; ".join(dict.fromkeys(c.why for c in self.checks if c.why))


def unreadable(
    demand: Demand, why: str, advice: str = "", *, no_access: bool = False
) -> DemandCheck:
    """Return the check of a demand about which the cloud said nothing."""
    return DemandCheck(demand, why=why, advice=advice, no_access=no_access)


def with_usage(check: Check, usage: float | None, why: str = "") -> Check:
    """Return the check with what is in use filled in."""
    return replace(check, usage=usage, why=check.why or why)
