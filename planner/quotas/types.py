"""The instance types that quotas can be asked for: planner's own, and some without a price.

Source of the latter: ``pricing_data/quota_types.csv``, in the columns of ``instance_types.csv``.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from planner.bundled import pricing_data
from planner.pricing import instance_types
from planner.pricing.instance_types import InstanceTypes

if TYPE_CHECKING:
    from planner.pricing.instance_types import InstanceType


@cache
def known() -> InstanceTypes:
    """Return all types; the priced table's row wins."""
    unpriced = instance_types.read(pricing_data() / "quota_types.csv")
    return InstanceTypes([*unpriced, *instance_types.bundled()])


def card(item: InstanceType) -> str:
    """Return the card as Google's quotas tell cards apart: by the family, where it has one."""
    return card_of(item.accelerator, item.quota_family)


def card_of(accelerator: str, quota_family: str) -> str:
    """Return the same from the two fields.

    >>> card_of("H100", "GPUS-PER-GPU-FAMILY-per-project-region:NVIDIA_H100_MEGA")
    'H100-MEGA'
    """
    _, found, family = quota_family.partition(":NVIDIA_")
    return family.replace("_", "-") if found else accelerator
