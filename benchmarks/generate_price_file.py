"""Write an EC2 price file of real shape and any size: ``generate_price_file.py OUT 1000``.

Columns and their order are those of AmazonEC2's region files; nine rows of ten are of machines
without GPUs, in every operating system, tenancy and term, as in the real files. Prices are
invented.
"""

from __future__ import annotations

import csv
import io
import itertools
import sys
from pathlib import Path

COLUMNS = [
    "SKU",
    "OfferTermCode",
    "RateCode",
    "TermType",
    "PriceDescription",
    "EffectiveDate",
    "StartingRange",
    "EndingRange",
    "Unit",
    "PricePerUnit",
    "Currency",
    "RelatedTo",
    "LeaseContractLength",
    "PurchaseOption",
    "OfferingClass",
    "Product Family",
    "serviceCode",
    "Location",
    "Location Type",
    "Instance Type",
    "Current Generation",
    "Instance Family",
    "vCPU",
    "Physical Processor",
    "Clock Speed",
    "Memory",
    "Storage",
    "Network Performance",
    "Processor Architecture",
    "Storage Media",
    "Volume Type",
    "Max Volume Size",
    "Max IOPS/volume",
    "Max IOPS Burst Performance",
    "Max throughput/volume",
    "Provisioned",
    "Tenancy",
    "EBS Optimized",
    "Operating System",
    "License Model",
    "Group",
    "Group Description",
    "Transfer Type",
    "From Location",
    "From Location Type",
    "To Location",
    "To Location Type",
    "usageType",
    "operation",
    "AvailabilityZone",
    "CapacityStatus",
    "ClassicNetworkingSupport",
    "Dedicated EBS Throughput",
    "ECU",
    "Elastic Graphics Type",
    "Enhanced Networking Supported",
    "From Region Code",
    "GPU",
    "GPU Memory",
    "Instance",
    "Instance Capacity - 10xlarge",
    "Intel AVX Available",
    "Intel AVX2 Available",
    "Intel Turbo Available",
    "MarketOption",
    "Normalization Size Factor",
    "Physical Cores",
    "Pre Installed S/W",
    "Processor Features",
    "Product Type",
    "Region Code",
    "Resource Type",
    "serviceName",
    "SnapshotArchiveFeeType",
    "To Region Code",
    "Volume API Name",
    "VPCNetworkingSupport",
]
FAMILIES = ("m5", "m6i", "m7i", "c5", "c6i", "c7g", "r5", "r6i", "t3", "i4i", "x2idn", "m5d", "r7a",
            "c6gn", "m6a", "r6id", "g5", "p4d")  # fmt: skip
SIZES = ("large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge", "24xlarge")
SYSTEMS = (("Linux", "NA", "RunInstances"), ("Windows", "NA", "RunInstances:0002"),
           ("RHEL", "NA", "RunInstances:0010"), ("SUSE", "NA", "RunInstances:000g"),
           ("Windows", "SQL Std", "RunInstances:0006"),
           ("Linux", "SQL Web", "RunInstances:0200"))  # fmt: skip
TENANCIES = (("Shared", "BoxUsage"), ("Dedicated", "DedicatedUsage"), ("Host", "HostBoxUsage"))
STATUSES = ("Used", "UnusedCapacityReservation", "AllocatedCapacityReservation")
TERMS = (
    ("OnDemand", "", "", ""),
    *(("Reserved", *term) for term in itertools.product(
        ("1yr", "3yr"), ("No Upfront", "Partial Upfront", "All Upfront"),
        ("standard", "convertible"))),
)  # fmt: skip


def rows(region: str) -> itertools.chain[dict[str, str]]:
    """Return the rows of one round: every machine in every variant."""
    return itertools.chain.from_iterable(
        _variants(region, family, size) for family in FAMILIES for size in SIZES
    )


def _variants(region: str, family: str, size: str) -> list[dict[str, str]]:
    gpu = family in ("g5", "p4d")
    found = []
    for number, ((system, software, operation), (tenancy, usage), status, term) in enumerate(
        itertools.product(SYSTEMS, TENANCIES, STATUSES, TERMS)
    ):
        kind, lease, option, offering = term
        price = 0.05 * (1 + SIZES.index(size)) * (8 if gpu else 1)
        found.append(
            {
                "SKU": f"{family}{size}{number // len(TERMS):04}".upper()[:16],
                "OfferTermCode": "JRTCKXETXF", "RateCode": f"X{number}.JRTCKXETXF.6YS6EN2CT7",
                "TermType": kind, "EffectiveDate": "2026-11-01", "StartingRange": "0",
                "PriceDescription": f"${price} per {system} {family}.{size} Instance Hour",
                "EndingRange": "Inf", "Unit": "Hrs", "PricePerUnit": f"{price:.10f}",
                "Currency": "USD", "LeaseContractLength": lease, "PurchaseOption": option,
                "OfferingClass": offering, "Product Family": "Compute Instance",
                "serviceCode": "AmazonEC2", "Location": "US East (N. Virginia)",
                "Location Type": "AWS Region", "Instance Type": f"{family}.{size}",
                "Current Generation": "Yes",
                "Instance Family": "GPU instance" if gpu else "General purpose",
                "vCPU": str(2 << SIZES.index(size)), "Clock Speed": "3.1 GHz",
                "Physical Processor": "Intel Xeon Platinum 8175 (Skylake)",
                "Memory": f"{8 << SIZES.index(size)} GiB", "Storage": "EBS only",
                "Network Performance": "Up to 10 Gigabit", "Processor Architecture": "64-bit",
                "Tenancy": tenancy, "Operating System": system,
                "License Model": "No License required", "usageType": f"{usage}:{family}.{size}",
                "operation": operation, "CapacityStatus": status,
                "ClassicNetworkingSupport": "false", "Dedicated EBS Throughput": "Up to 2120 Mbps",
                "ECU": "NA", "Enhanced Networking Supported": "Yes", "GPU": "8" if gpu else "",
                "GPU Memory": "NA", "MarketOption": "OnDemand",
                "Normalization Size Factor": "4", "Pre Installed S/W": software,
                "Processor Features": "Intel AVX; Intel AVX2; Intel AVX512; Intel Turbo",
                "Region Code": region, "serviceName": "Amazon Elastic Compute Cloud",
                "VPCNetworkingSupport": "true",
            }
        )  # fmt: skip
    return found


def head() -> bytes:
    """Return the five lines of metadata and the header."""
    lines = [
        ("FormatVersion", "v1.0"),
        ("Disclaimer", "Invented figures in the shape of a price list."),
        ("Publication Date", "2026-11-20T18:45:23Z"),
        ("Version", "20261120184523"),
        ("OfferCode", "AmazonEC2"),
        tuple(COLUMNS),
    ]
    return _csv(lines)


def write(path: Path, megabytes: int, region: str = "us-east-1") -> int:
    """Write a file of at least that size and return its bytes."""
    block = _csv([row.get(c, "") for c in COLUMNS] for row in rows(region))
    with path.open("wb") as file:
        file.write(head())
        while file.tell() < megabytes * 1_000_000:
            file.write(block)
        return file.tell()


def _csv(lines: object) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerows(lines)
    return text.getvalue().encode()


if __name__ == "__main__":
    print(write(Path(sys.argv[1]), int(sys.argv[2])), "bytes")
