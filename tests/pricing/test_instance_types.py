"""Instance types: what a machine holds, by name, and how every source maps to them."""

from __future__ import annotations

import csv
import re
from fnmatch import fnmatch
from typing import TYPE_CHECKING

import pytest

from planner.bundled import pricing_data
from planner.errors import DataError, UnknownNameError
from planner.pricing import instance_types
from planner.serving import accelerators

if TYPE_CHECKING:
    from pathlib import Path

HEADER = ",".join(instance_types.COLUMNS)
G99 = "aws,ec2,g99.xlarge,L4,1,24,4,16,PCIe,,Running On-Demand G and VT instances,a test"


def test_every_published_price_maps_to_a_machine_with_that_accelerator(
    published_prices: list[dict[str, str]],
) -> None:
    """No row is left unmapped, however its source names and sizes the card."""
    with (pricing_data() / "accelerator_names.csv").open(encoding="utf-8", newline="") as file:
        names = {
            (row["source_name"], row["source_memory_gib"]): row["accelerator"]
            for row in csv.DictReader(file)
        }
    types = instance_types.bundled()
    rows = {
        (r["service"], r["instance_type"], r["gpu_name"], r["gpu_memory_gib_each"], r["gpu_count"])
        for r in published_prices
    }
    unmapped = {row for row in rows if (row[2], row[3]) not in names}
    assert unmapped == set()
    for service, name, gpu, memory, count in sorted(rows):
        item = types.find(service, name)
        assert item is not None, name
        assert item.accelerator == names[gpu, memory], name
        if not count:  # the source does not say how much of a card it is
            continue
        # One source counts K80 boards of two chips; a sixth is printed as 0.17 or 0.1667.
        chips = 2 if (gpu, memory) == ("NVIDIA Tesla K80", "24") else 1
        assert item.accelerator_count == pytest.approx(float(count) * chips, rel=0.03), name


def test_every_mapped_name_is_used_by_a_row_and_known_as_an_accelerator(
    published_prices: list[dict[str, str]],
) -> None:
    used = {(row["gpu_name"], row["gpu_memory_gib_each"]) for row in published_prices}
    known = {a.accelerator for a in accelerators.all_accelerators()}
    with (pricing_data() / "accelerator_names.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            named_by_an_api = row["note"].startswith("an API's name")
            assert named_by_an_api or (row["source_name"], row["source_memory_gib"]) in used
            assert row["accelerator"] in known


def test_a_machine_without_a_price_is_one_that_its_cloud_names(
    published_prices: list[dict[str, str]],
) -> None:
    priced = {(row["service"], row["instance_type"]) for row in published_prices}
    without = [item for item in instance_types.bundled() if item.key not in priced]
    for item in without:
        assert re.search("botocore|moto|docs|documentation|HPC", item.source), item.instance_type
    assert len(without) < 45


def test_every_machine_that_aws_rents_with_an_accelerator_is_mapped_or_left_out() -> None:
    import botocore.session

    session = botocore.session.get_session()
    left_out = _left_out()
    for service, code, shape, prefix in (
        ("ec2", "ec2", "InstanceType", ""),
        ("sagemaker", "sagemaker", "ProductionVariantInstanceType", "ml."),
    ):
        names = session.get_service_model(code).shape_for(shape).enum
        cards = [
            name for name in names if re.match(r"(p\d|g\d|gr\d|trn|inf)", name.removeprefix(prefix))
        ]
        assert len(cards) > 50
        for name in cards:
            known = instance_types.bundled().find(service, name) is not None
            out = any(fnmatch(name, glob) for kind, glob in left_out if kind == service)
            assert known != out, name


def _left_out() -> list[tuple[str, str]]:
    with (pricing_data() / "left_out.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert all(len(row["reason"]) > 15 and row["source"] for row in rows)
    return [(row["service"], row["instance_types"]) for row in rows]


def test_every_machine_says_where_its_figures_come_from() -> None:
    for item in instance_types.bundled():
        assert item.source, item.instance_type
        assert item.vcpus > 0
        assert item.accelerator_memory_gib > 0


@pytest.mark.parametrize(
    ("service", "name", "accelerator", "count", "memory"),
    [
        ("ec2", "g6.48xlarge", "L4", 8, 24),
        ("ec2", "p4de.24xlarge", "A100-80GB", 8, 80),
        ("ec2", "p2.16xlarge", "K80", 16, 12),
        ("sagemaker", "ml.g5.48xlarge", "A10G", 8, 24),
        ("azure-vm", "Standard_NC48ads_A100_v4", "A100-80GB", 2, 80),
        ("azure-vm", "Standard_ND128isr_NDR_GB200_v6", "GB200", 4, None),
        ("gce", "a2-ultragpu-4g", "A100-80GB", 4, 80),
        ("gce", "g2-standard-96", "L4", 8, 24),
    ],
)
def test_well_known_machines_hold_what_their_cloud_says(
    service: str, name: str, accelerator: str, count: float, memory: float | None
) -> None:
    item = instance_types.bundled().find(service, name)
    assert item is not None
    assert (item.accelerator, item.accelerator_count) == (accelerator, count)
    if memory is not None:
        assert item.accelerator_memory_gib == memory


def test_a_name_is_found_in_any_case() -> None:
    found = instance_types.bundled().get("standard_nc48ads_a100_V4")
    assert found.instance_type == "Standard_NC48ads_A100_v4"


def test_an_unknown_name_brings_the_nearest() -> None:
    with pytest.raises(UnknownNameError) as caught:
        instance_types.bundled().get("p4d.24xlrge")
    assert "p4d.24xlarge" in caught.value.nearest


def test_a_later_folder_adds_types_and_wins(tmp_path: Path) -> None:
    changed = G99.replace("g99.xlarge", "g5.xlarge").replace(",4,16,", ",4,17,")
    (tmp_path / "instance_types.csv").write_text(f"{HEADER}\n{G99}\n{changed}\n", encoding="utf-8")
    types = instance_types.load(tmp_path)
    assert len(types) == len(instance_types.bundled()) + 1
    assert types.get("g99.xlarge").accelerator == "L4"
    assert types.get("g5.xlarge").memory_gib == 17


@pytest.mark.parametrize(
    "text", ["cloud,service\naws,ec2\n", f"{HEADER}\n{G99.replace('24', 'x')}"]
)
def test_an_unreadable_file_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "instance_types.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError) as caught:
        instance_types.load(tmp_path)
    assert str(path) in str(caught.value)
