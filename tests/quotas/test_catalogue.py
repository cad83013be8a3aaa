"""The quota table: sourced, unambiguous, and covering every instance type."""

from __future__ import annotations

import pytest

from planner.pricing import instance_types
from planner.quotas import catalogue


def test_every_row_has_its_source() -> None:
    for cloud in ("aws", "azure", "gcp"):
        assert catalogue.rows(cloud)
        assert all(row.source for row in catalogue.rows(cloud))


@pytest.mark.parametrize(
    ("name", "spot", "code"),
    [
        ("p4d.24xlarge", False, "L-417A185B"),
        ("p5.48xlarge", False, "L-417A185B"),
        ("p6-b200.48xlarge", False, "L-417A185B"),
        ("p3.2xlarge", False, "L-417A185B"),
        ("p4d.24xlarge", True, "L-7212CCBC"),
        ("p5en.48xlarge", True, "L-C4BD4855"),
        ("g6e.12xlarge", False, "L-DB2E81BA"),
        ("gr6.4xlarge", False, "L-DB2E81BA"),
        ("g5.48xlarge", True, "L-3819A6DF"),
        ("inf2.48xlarge", False, "L-1945791B"),
        ("inf2.48xlarge", True, "L-B5D1601B"),
        ("trn1.32xlarge", False, "L-2C3B7624"),
        ("trn1.32xlarge", True, "L-6B0D517C"),
        ("dl1.24xlarge", False, "L-6E869C2A"),
    ],
)
def test_ec2_families_on_demand_and_spot_are_apart(name: str, code: str, *, spot: bool) -> None:
    row = catalogue.ec2_family(name, spot=spot)
    assert row is not None
    assert row.quota_id == code


@pytest.mark.parametrize("name", ["m5.large", "t3.micro", "x2gd.medium", "hpc7a.96xlarge"])
def test_other_families_have_no_gpu_quota(name: str) -> None:
    assert catalogue.ec2_family(name, spot=False) is None


def test_codes_that_circulate_and_are_wrong_are_not_used() -> None:
    wrong = {"L-5480EFD2", "L-2C49D5F8"}
    assert not wrong & {row.quota_id for row in catalogue.rows("aws")}


def test_every_ec2_type_has_its_quotas() -> None:
    for item in instance_types.bundled():
        # An UltraServer is booked as a block, which no vCPU quota binds.
        if item.service == "ec2" and not item.instance_type.startswith("u-"):
            on_demand = catalogue.ec2_family(item.instance_type, spot=False)
            assert on_demand is not None
            assert on_demand.quota_name == item.quota_family
            assert catalogue.ec2_family(item.instance_type, spot=True) is not None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Standard NCASv3_T4 Family", "standardNCASv3_T4Family"),
        ("standard NDAMSv4_A100Family", "STANDARDNDAMSV4_A100FAMILY"),
    ],
)
def test_azure_families_are_compared_without_spaces_and_case(one: str, other: str) -> None:
    assert catalogue.same_family(one, other)
    assert not catalogue.same_family(one, "standardNDSv2Family")
