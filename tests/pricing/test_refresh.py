"""Refresh against price servers on loopback: what is read, refused, published and kept."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import price_lists
import pytest
from fake_price_servers import GCP_KEY, Cut, PriceServer, ShortLength, Throttle, serve

from planner.errors import NoCredentialsError, ThrottledError
from planner.pricing import snapshots
from planner.pricing.catalog import Catalog, Query
from planner.pricing.offer import Offer, PricingModel
from planner.pricing.refresh import Outcome, Refresh, Status
from planner.pricing.sources.aws import AwsSource
from planner.pricing.sources.azure import AzureSource
from planner.pricing.sources.connection import Manners
from planner.pricing.sources.download import Downloads
from planner.pricing.sources.gcp import GcpSource
from planner.pricing.sources.interface import DownloadError, SourceChangedError
from planner.pricing.sources.saved import SavedFiles
from planner.pricing.store import LocalStore
from planner.serving import accelerators

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

QUICK = Manners(requests_per_second=1000, attempts=3, first_wait=0.01, timeout=5)
MEMORY = {a.accelerator: a.memory_gib for a in accelerators.all_accelerators()}
EC2_FILE = price_lists.ec2_path()
# service, instance type, terms, hourly, upfront, effective
AWS = {
    ("ec2", "p4d.24xlarge", "on_demand", None, None, None, "20", "0", "20"),
    ("ec2", "p4d.24xlarge", "committed", "reserved_instance", 1, "no_upfront", "12", "0", "12"),
    ("ec2", "p4d.24xlarge", "committed", "reserved_instance", 1, "partial_upfront", "6", "43800",
     "11"),
    ("ec2", "p4d.24xlarge", "committed", "reserved_instance", 1, "all_upfront", "0", "96360",
     "11"),
    ("ec2", "p4d.24xlarge", "committed", "reserved_instance", 3, "no_upfront", "9", "0", "9"),
    ("ec2", "p4d.24xlarge", "committed", "convertible_reserved_instance", 1, "no_upfront", "13",
     "0", "13"),
    ("ec2", "p4d.24xlarge", "committed", "savings_plan", 1, "no_upfront", "15", "0", "15"),
    ("ec2", "p4d.24xlarge", "committed", "savings_plan", 1, "partial_upfront", None, None, "14.5"),
    ("ec2", "p4d.24xlarge", "committed", "savings_plan", 1, "all_upfront", "0", "122640", "14"),
    ("ec2", "p4d.24xlarge", "committed", "ec2_instance_savings_plan", 1, "no_upfront", "13.5", "0",
     "13.5"),
    ("ec2", "g5.xlarge", "on_demand", None, None, None, "1", "0", "1"),
    ("ec2", "g5.32xlarge", "on_demand", None, None, None, "9.5", "0", "9.5"),
    ("sagemaker", "ml.g5.xlarge", "on_demand", None, None, None, "1.4", "0", "1.4"),
    ("sagemaker", "ml.g5.xlarge", "committed", "savings_plan", 1, "no_upfront", "1", "0", "1"),
}  # fmt: skip
NC96 = "Standard_NC96ads_A100_v4"
AZURE = {
    ("azure-vm", NC96, "on_demand", None, None, None, "14", "0", "14"),
    ("azure-vm", NC96, "spot", None, None, None, "4", "0", "4"),
    ("azure-vm", NC96, "committed", "reserved_instance", 1, "no_upfront", "10", "0", "10"),
    ("azure-vm", NC96, "committed", "reserved_instance", 3, "no_upfront", "7", "0", "7"),
    ("azure-vm", NC96, "committed", "savings_plan", 1, "no_upfront", "12", "0", "12"),
    ("azure-vm", NC96, "committed", "savings_plan", 3, "no_upfront", "8", "0", "8"),
    ("azure-vm", "Standard_ND96isr_H100_v5", "on_demand", None, None, None, "98", "0", "98"),
}
# a2-ultragpu-1g: 12 cores, 170 GiB, one A100 80 GB, 375 GiB of local SSD.
_A2 = (Decimal(12), Decimal(170), Decimal(1), Decimal(375) / 730)


def _a2(core: str, memory: str, gpu: str, disk: str) -> str:
    parts = zip(_A2, (core, memory, gpu, disk), strict=True)
    return str(sum(quantity * Decimal(price) for quantity, price in parts))


GCP = {
    ("gce", "a2-ultragpu-1g", model, kind, years, option, price, "0", price)
    for model, kind, years, option, price in (
        ("on_demand", None, None, None, _a2("0.03", "0.004", "3.9", "0.08")),
        ("spot", None, None, None, _a2("0.01", "0.001", "1.5", "0.04")),
        ("committed", "committed_use_discount", 1, "no_upfront",
         _a2("0.02", "0.003", "2.5", "0.08")),
    )
}  # fmt: skip


@pytest.fixture(autouse=True)
def no_accounts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Leave no cloud account to ask: these tests are about what needs none."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "GOOGLE_", "AZURE_", "PLANNER_GCP", "PLANNER_DATA")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))


@pytest.fixture
def server() -> Iterator[PriceServer]:
    with serve(price_lists.price_server()) as running:
        yield running


class World:
    """One user's store and the servers it refreshes from."""

    def __init__(self, server: PriceServer, folder: Path) -> None:
        self.server = server
        self.folder = folder
        self.store = LocalStore(folder / "data")

    def refresh(self, *clouds: str, check: bool = False, **options: Any) -> dict[str, Outcome]:
        url = self.server.url
        sources = {
            "aws": AwsSource(url),
            "azure": AzureSource(f"{url}/api/retail/prices"),
            "gcp": GcpSource(url, options.pop("key", GCP_KEY)),
        }
        run = Refresh(
            sources=[sources[cloud] for cloud in clouds or ("aws",)],
            files=options.pop("files", self.files),
            target=self.store,
            accelerator_memory_gib=MEMORY,
            bundled=self.folder / "none",
            **options,
        )
        return {o.cloud: o for o in (run.check() if check else run.run())}

    def files(self, _cloud: str) -> Downloads:
        return Downloads(self.folder / "cache", lambda *_: None, QUICK)

    def published(self, cloud: str) -> set[tuple[Any, ...]]:
        offers = Catalog(self.store.root).offers(Query(clouds=(cloud,)))
        return {shown(offer) for offer in offers}

    def known_before(self, *machines: tuple[str, str, str, str]) -> None:
        """Publish on-demand prices of an earlier day: service, region, type, price."""
        day = datetime(2026, 1, 1, tzinfo=UTC).date()
        offers = [
            Offer("gcp" if service == "gce" else "aws", service, region, name,
                  PricingModel.ON_DEMAND, None, None, None, Decimal(price), Decimal(0),
                  Decimal(price), "USD", day, "test")
            for service, region, name, price in machines
        ]  # fmt: skip
        snapshots.write(self.store.root, offers, snapshots.coverage_of(offers))


@pytest.fixture
def world(server: PriceServer, tmp_path: Path) -> World:
    return World(server, tmp_path)


def shown(offer: Offer) -> tuple[Any, ...]:
    def plain(value: Decimal | None) -> str | None:
        return None if value is None else f"{value.normalize():f}"

    terms = [None if term is None else getattr(term, "value", term) for term in offer.terms]
    money = (offer.hourly_usd, offer.upfront_usd, offer.effective_hourly_usd)
    return (offer.service, offer.instance_type, *terms, *map(plain, money))


def rounded(expected: set[tuple[Any, ...]]) -> set[tuple[Any, ...]]:
    """Round expected sums to the nine places that snapshots hold."""

    def money(text: str | None) -> str | None:
        if text is None:
            return None
        return f"{Decimal(text).quantize(Decimal('1e-9')).normalize():f}"

    return {(*row[:6], *map(money, row[6:])) for row in expected}


def test_aws_gives_exactly_the_expected_offers_whatever_traps_lie_among_them(world: World) -> None:
    outcome = world.refresh("aws")["aws"]
    assert outcome.status is Status.PUBLISHED, outcome.error
    assert world.published("aws") == rounded(AWS)


def test_azure_gives_exactly_the_expected_offers_whatever_traps_lie_among_them(
    world: World,
) -> None:
    outcome = world.refresh("azure")["azure"]
    assert outcome.status is Status.PUBLISHED, outcome.error
    assert world.published("azure") == AZURE


def test_gcp_machines_are_the_sum_of_their_parts(world: World) -> None:
    world.known_before(("gce", "us-central1", "a2-ultragpu-1g", "5"))
    outcome = world.refresh("gcp")["gcp"]
    assert outcome.status is Status.PUBLISHED, outcome.error
    assert world.published("gcp") == rounded(GCP)


def test_a_machine_whose_gpu_has_no_price_is_named_and_not_priced_without_it(world: World) -> None:
    world.known_before(
        ("gce", "us-central1", "a2-ultragpu-1g", "5"), ("gce", "us-central1", "g2-standard-4", "1")
    )
    accepted = [("nothing_vanished", "gce accelerator L4")]
    outcome = world.refresh("gcp", accepted=accepted)["gcp"]
    assert outcome.status is Status.PUBLISHED, outcome.error
    assert not any("g2" in row[1] for row in world.published("gcp"))
    assert any("g2-standard-4" in note for note in outcome.notes)


@pytest.mark.long
def test_what_is_left_out_is_named(world: World) -> None:
    notes = "; ".join(world.refresh("aws")["aws"].notes)
    assert "their GPU is not known: p9.48xlarge" in notes
    assert "priced 0: g6.xlarge in us-east-1" in notes
    assert "no AWS credentials" in notes
    assert "Savings Plans of an unknown kind: QuantumSavingsPlans" in notes
    azure = "; ".join(world.refresh("azure")["azure"].notes)
    assert "Standard_ND999_X900_v9" in azure
    assert "NP10s" not in azure, "an FPGA is no GPU"
    assert "priced 0: Standard_NV36ads_A10_v5 in eastus" in azure


def test_a_new_size_of_a_known_family_is_known_from_then_on(world: World) -> None:
    world.refresh("aws")
    made = Catalog(world.store.root).instance_types.get("g5.32xlarge")
    assert (made.accelerator, made.accelerator_count, made.vcpus, made.memory_gib) == (
        "A10G", 4, 128, 512,
    )  # fmt: skip


@pytest.mark.long
def test_an_unchanged_file_costs_one_round_trip(world: World) -> None:
    world.refresh("aws", "azure")
    world.refresh("aws", "azure")  # the new size is known now, so the file is read once more
    before = len(world.server.seen)
    outcomes = world.refresh("aws", "azure")
    assert {request.status for request in world.server.seen[before:]} == {304}
    assert {o.status for o in outcomes.values()} == {Status.PUBLISHED}
    assert world.published("aws") == rounded(AWS)
    assert world.published("azure") == AZURE


def test_a_cut_download_is_resumed_where_it_stopped(world: World) -> None:
    world.server.faults[EC2_FILE] = [Cut(3000), Cut(1000)]
    assert world.refresh("aws")["aws"].status is Status.PUBLISHED
    assert world.server.statuses(EC2_FILE) == [200, 206, 206]
    ranges = [r.headers.get("range") or r.headers.get("Range") for r in world.server.seen
              if r.path == EC2_FILE]  # fmt: skip
    assert ranges == [None, "bytes=3000-", "bytes=4000-"]
    assert world.published("aws") == rounded(AWS)


@pytest.mark.long
def test_a_download_cut_for_good_is_resumed_by_the_next_run(world: World) -> None:
    world.server.faults[EC2_FILE] = [Cut(3000), *[Cut(0)] * 20]
    failed = world.refresh("aws")["aws"]
    assert isinstance(failed.error, DownloadError)
    world.server.faults[EC2_FILE] = []
    assert world.refresh("aws")["aws"].status is Status.PUBLISHED
    assert world.server.statuses(EC2_FILE)[-1] == 206
    assert world.published("aws") == rounded(AWS)


def test_a_file_that_changed_between_two_pieces_is_read_anew(world: World) -> None:
    world.server.faults[EC2_FILE] = [Cut(3000), *[Cut(0)] * 20]
    assert world.refresh("aws")["aws"].status is Status.FAILED
    world.server.faults[EC2_FILE] = []
    dearer = price_lists.ec2_row("P4DLINUX", "p4d.24xlarge", "21.0")
    world.server.files |= price_lists.aws_files([dearer])
    assert world.refresh("aws")["aws"].status is Status.PUBLISHED
    assert world.server.statuses(EC2_FILE)[-1] == 200
    machine = ("ec2", "p4d.24xlarge", "on_demand")
    assert {row[8] for row in world.published("aws") if row[:3] == machine} == {"21"}


def test_a_compressed_file_is_read_as_a_plain_one(world: World) -> None:
    world.server.gzip_paths.add(EC2_FILE)
    world.server.faults[EC2_FILE] = [Cut(300)]
    assert world.refresh("aws")["aws"].status is Status.PUBLISHED
    assert world.server.statuses(EC2_FILE) == [200, 206]
    assert world.published("aws") == rounded(AWS)


@pytest.mark.long
def test_a_file_shorter_than_it_should_be_is_not_used(world: World) -> None:
    world.server.faults[EC2_FILE] = [ShortLength(missing=37)]
    failed = world.refresh("aws")["aws"]
    assert isinstance(failed.error, SourceChangedError)
    assert not list(world.store.root.rglob("*.parquet"))
    assert world.refresh("aws")["aws"].status is Status.PUBLISHED
    assert world.published("aws") == rounded(AWS)


@pytest.mark.parametrize("path", [EC2_FILE, "/api/retail/prices"])
def test_a_cloud_that_says_wait_is_waited_for(world: World, path: str) -> None:
    world.server.faults[path] = [Throttle("0"), Throttle("0")]
    cloud = "aws" if path == EC2_FILE else "azure"
    assert world.refresh(cloud)[cloud].status is Status.PUBLISHED
    assert world.server.statuses(path).count(429) == 2


def test_a_cloud_that_says_wait_for_an_hour_fails_and_holds_no_other_back(world: World) -> None:
    world.server.faults["/api/retail/prices"] = [Throttle("3600")] * 9
    outcomes = world.refresh("aws", "azure")
    assert isinstance(outcomes["azure"].error, ThrottledError)
    assert outcomes["aws"].status is Status.PUBLISHED


def test_a_missing_column_is_told_and_the_old_snapshot_stays(world: World) -> None:
    world.refresh("aws")
    before = sorted(world.store.root.rglob("*.parquet"))
    renamed = tuple("OS" if c == "Operating System" else c for c in price_lists.EC2_COLUMNS)
    world.server.files |= price_lists.aws_files(columns=renamed)
    failed = world.refresh("aws")["aws"]
    assert isinstance(failed.error, SourceChangedError)
    assert "operatingsystem" in str(failed.error)
    assert sorted(world.store.root.rglob("*.parquet")) == before


def test_a_missing_field_of_azure_is_told(world: World) -> None:
    for item in world.server.azure_items:
        item.pop("productName", None)
    failed = world.refresh("azure")["azure"]
    assert isinstance(failed.error, SourceChangedError)
    assert "productName" in str(failed.error)


def test_a_next_page_on_another_host_is_not_followed(world: World) -> None:
    page = {"Items": world.server.azure_items[:1],
            "NextPageLink": "http://elsewhere.invalid/api/retail/prices?$skip=1"}  # fmt: skip
    world.server.files["/moved"] = json.dumps(page).encode()
    source = AzureSource(f"{world.server.url}/moved")
    run = Refresh([source], world.files, world.store, MEMORY, bundled=world.folder / "none")
    failed = run.run()[0]
    assert isinstance(failed.error, SourceChangedError)


@pytest.mark.long
def test_a_machine_that_breaks_a_gate_is_withheld_with_the_row_and_its_old_price_stays(
    world: World,
) -> None:
    world.refresh("aws")
    slipped = price_lists.ec2_row("P4DLINUX", "p4d.24xlarge", "2.0")
    dearer = price_lists.G5 | {"PricePerUnit": "1.1000000000"}
    world.server.files |= price_lists.aws_files([slipped, dearer])
    outcome = world.refresh("aws")["aws"]
    assert outcome.status is Status.PUBLISHED
    assert any("price_did_not_jump: ec2 us-east-1 p4d.24xlarge" in str(v)
               for v in outcome.withheld)  # fmt: skip
    machine = "p4d.24xlarge"
    published = {row for row in world.published("aws") if row[1] == machine}
    assert published == {row for row in rounded(AWS) if row[1] == machine}
    assert ("ec2", "g5.xlarge", "on_demand", None, None, None, "1.1", "0", "1.1") in (
        world.published("aws")
    )


@pytest.mark.long
def test_an_accepted_row_is_published(world: World) -> None:
    world.known_before(("ec2", "us-east-1", "p4d.24xlarge", "2"))
    assert world.refresh("aws")["aws"].machines_withheld == [("ec2", "us-east-1", "p4d.24xlarge")]
    accepted = [("price_did_not_jump", "ec2 us-east-1 p4d.24xlarge on_demand")]
    assert not world.refresh("aws", accepted=accepted)["aws"].withheld
    assert world.published("aws") == rounded(AWS)


@pytest.mark.long
def test_check_tells_newer_versions_and_publishes_nothing(world: World) -> None:
    assert world.refresh("aws", "azure", check=True)["aws"].status is Status.NEWER
    assert not list(world.store.root.rglob("*.parquet"))
    world.refresh("aws", "azure")
    current = world.refresh("aws", "azure", check=True)
    assert {o.status for o in current.values()} == {Status.CURRENT}
    world.server.files |= price_lists.aws_files(version="20261123000000")
    world.server.azure_items[0] = world.server.azure_items[0] | {"retailPrice": 13.5}
    newer = world.refresh("aws", "azure", check=True)
    assert {o.status for o in newer.values()} == {Status.NEWER}
    assert world.published("azure") == AZURE


@pytest.mark.long
def test_files_saved_on_one_machine_refresh_another(world: World, tmp_path: Path) -> None:
    saved = tmp_path / "carried"
    world.refresh("aws", "azure", files=lambda _: Downloads(saved, lambda *_: None, QUICK,
                                                             save=saved))  # fmt: skip
    assert (saved / "aws" / "AmazonEC2" / "us-east-1.csv").is_file()
    other = World(replace(world.server, url="http://127.0.0.1:1"), tmp_path / "other")
    outcomes = other.refresh(
        "aws", "azure", files=lambda cloud: SavedFiles(saved, cloud, lambda *_: None)
    )
    assert {o.status for o in outcomes.values()} == {Status.PUBLISHED}, outcomes
    assert other.published("aws") == rounded(AWS)
    assert other.published("azure") == AZURE


def test_a_saved_file_stood_on_the_day_its_cloud_confirmed_it(tmp_path: Path) -> None:
    folder = tmp_path / "aws" / "AmazonEC2"
    folder.mkdir(parents=True)
    (folder / "us-east-1.csv").write_bytes(b"")
    (folder / "eu-west-1.csv").write_bytes(b"")
    (folder / "us-east-1.csv.meta").write_text(json.dumps({"checked": "2026-03-01"}))
    os.utime(folder / "eu-west-1.csv", (1e9, 1e9))
    files = SavedFiles(tmp_path, "aws", lambda *_: None)
    assert files.as_of.isoformat() == "2001-09-09"
    (folder / "eu-west-1.csv").unlink()
    assert files.as_of.isoformat() == "2026-03-01"


@pytest.mark.long
def test_without_a_key_google_is_skipped_or_fails_as_asked(world: World) -> None:
    failed = world.refresh("aws", "gcp", key="")
    assert failed["gcp"].status is Status.FAILED
    assert isinstance(failed["gcp"].error, NoCredentialsError)
    skipped = world.refresh("aws", "gcp", key="", optional=frozenset({"gcp"}))
    assert skipped["gcp"].status is Status.SKIPPED
    assert skipped["aws"].status is Status.PUBLISHED


def test_the_key_is_in_no_url_file_or_error(world: World) -> None:
    world.known_before(("gce", "us-central1", "a2-ultragpu-1g", "5"))
    secret = "very-secret-key"  # noqa: S105 - invented
    failed = world.refresh("gcp", key=secret)["gcp"]
    assert failed.error is not None
    told = f"{failed.error} {failed.error.why} {failed.error.advice}"
    assert secret not in told
    world.refresh("gcp")
    written = b"".join(p.read_bytes() for p in world.folder.rglob("*") if p.is_file())
    assert secret.encode() not in written
    assert GCP_KEY.encode() not in written
    assert not any(secret in str(request.query) for request in world.server.seen)


@pytest.mark.long
def test_a_second_region_of_the_same_day_hides_nothing(world: World) -> None:
    world.refresh("aws")
    row = price_lists.ec2_row("P4DWEST", "p4d.24xlarge", "25", **{"Region Code": "us-west-2"})
    west = price_lists.aws_files([row], region="us-west-2")
    world.server.files = price_lists.aws_files() | west
    outcome = world.refresh("aws", regions={"aws": ["us-west-2"]})["aws"]
    assert outcome.status is Status.PUBLISHED, outcome.error
    regions = {o.region for o in Catalog(world.store.root).offers()}
    assert regions == {"us-east-1", "us-west-2"}


def test_old_snapshots_stay_up_to_the_retention(world: World) -> None:
    world.known_before(("ec2", "us-east-1", "p4d.24xlarge", "19"))
    world.refresh("aws", keep=2)
    days = [day for _, day, _ in snapshots.find(world.store.root)]
    assert len(days) == 2
    world.refresh("aws", keep=1)
    assert len(snapshots.find(world.store.root)) == 1


@pytest.mark.long
def test_a_refresh_says_what_changed(world: World) -> None:
    world.known_before(("ec2", "us-east-1", "p4d.24xlarge", "25"),
                       ("ec2", "us-east-1", "g4dn.xlarge", "0.5"))  # fmt: skip
    accepted = [("nothing_vanished", "ec2 accelerator T4")]
    outcome = world.refresh("aws", accepted=accepted)["aws"]
    kinds = {(str(c.kind), c.offer.instance_type) for c in outcome.changes
             if c.offer.pricing_model is PricingModel.ON_DEMAND}  # fmt: skip
    assert kinds == {("fell", "p4d.24xlarge"), ("vanished", "g4dn.xlarge"),
                     ("appeared", "g5.xlarge"), ("appeared", "g5.32xlarge")}  # fmt: skip
