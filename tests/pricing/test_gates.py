"""Every gate is broken once by the smallest change, and once by each bug seen elsewhere."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from planner.errors import SnapshotRefusedError
from planner.pricing import gates, snapshots
from planner.pricing.offer import Commitment, PaymentOption, PricingModel

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import World

    from planner.pricing.offer import Offer

EARLIER = date(2024, 12, 1)


def test_a_sound_snapshot_passes_every_gate(world: World) -> None:
    world.previous = [replace(o, as_of=EARLIER) for o in world.offers]
    assert world.broken() == {}
    gates.require(world.candidate())


def _zero_price(world: World) -> None:
    world.reprice("p5.48xlarge", "0")


def _cent_for_a_b200(world: World) -> None:
    world.add_type("p6-b200.48xlarge", "B200", 8, 180, 192)
    world.offers.append(_like(world, "p6-b200.48xlarge", "0.01"))


def _like(world: World, instance_type: str, usd: str, **changes: object) -> Offer:
    price = Decimal(usd)
    like = replace(
        world.offers[0],
        instance_type=instance_type,
        hourly_usd=price,
        effective_hourly_usd=price,
    )
    return replace(like, **changes)  # type: ignore[arg-type] # any field by name


def _estimate(world: World) -> None:
    world.change("g5.12xlarge", estimated=True)


def _no_source(world: World) -> None:
    world.change("g5.12xlarge", source=" ")


def _euro(world: World) -> None:
    world.change("g5.12xlarge", currency="EUR")


def _two_dates(world: World) -> None:
    for index, offer in enumerate(world.offers):
        if offer.region == "eu-west-1":
            world.offers[index] = replace(offer, as_of=EARLIER)


def _term_left_out(world: World) -> None:
    world.offers.append(
        _like(
            world,
            "p4d.24xlarge",
            "20",
            pricing_model=PricingModel.COMMITTED,
            commitment=Commitment.SAVINGS_PLAN,
            payment_option=PaymentOption.NO_UPFRONT,
        )
    )


def _term_on_demand(world: World) -> None:
    world.change("p4d.24xlarge", term_years=1)


def _byol_beside_savings_plan(world: World) -> None:
    plan = _like(
        world,
        "g5.12xlarge",
        "4.0",
        pricing_model=PricingModel.COMMITTED,
        commitment=Commitment.SAVINGS_PLAN,
        term_years=1,
        payment_option=PaymentOption.NO_UPFRONT,
    )
    byol = replace(plan, hourly_usd=Decimal("3.5"), effective_hourly_usd=Decimal("3.5"))
    world.offers += [plan, byol]


def _windows(world: World) -> None:
    world.change("g5.12xlarge", sku="Virtual Machines NCads A100 v4 Series Windows")


def _byol_sku(world: World) -> None:
    world.change("g5.12xlarge", sku="BoxUsage:g5.12xlarge BYOL")


def _dedicated(world: World) -> None:
    world.change("g5.12xlarge", sku="DedicatedUsage:g5.12xlarge, Dedicated")


def _dev_test(world: World) -> None:
    world.change("g5.12xlarge", sku="NC96ads A100 v4 DevTest")


def _upfront_shown_as_hourly(world: World) -> None:
    """The upfront payment was neither spread over the term nor left out: it was ignored."""
    for index, offer in enumerate(world.offers):
        if offer.payment_option is PaymentOption.ALL_UPFRONT:
            world.offers[index] = replace(offer, effective_hourly_usd=Decimal("1.5"))


def _reserved_dearer(world: World) -> None:
    for index, offer in enumerate(world.offers):
        if offer.payment_option is PaymentOption.NO_UPFRONT and offer.region == "us-east-1":
            price = Decimal("7.1")
            world.offers[index] = replace(offer, hourly_usd=price, effective_hourly_usd=price)


def _spot_dearer(world: World) -> None:
    world.offers.append(_like(world, "p4d.24xlarge", "33", pricing_model=PricingModel.SPOT))


def _unmapped_type(world: World) -> None:
    world.types = [t for t in world.types if t.instance_type != "p5.48xlarge"]


def _unmapped_accelerator(world: World) -> None:
    del world.memory["H100"]


def _memory_in_mib(world: World) -> None:
    world.types = [
        replace(t, accelerator_memory_gib=178.8) if t.instance_type == "g6.48xlarge" else t
        for t in world.types
    ]


def _seven_cards(world: World) -> None:
    world.types = [
        replace(t, accelerator_count=7) if t.instance_type == "g6.48xlarge" else t
        for t in world.types
    ]


def _gpu_priced_apart(world: World) -> None:
    world.add_type("a2-highgpu-1g", "A100-40GB", 1, 40, 12)
    world.offers.append(_like(world, "a2-highgpu-1g", "0.94"))


def _eight_cheaper_than_four(world: World) -> None:
    for region in ("us-east-1", "eu-west-1"):
        world.reprice("g5.48xlarge", "5.5", region)


def _other_family_cheaper_with_more(world: World) -> None:
    """An ND with eight A100-80GB below an NC with four, though neither price is odd alone."""
    world.add_type("nc96ads", "A100-80GB", 4, 80, 96)
    world.offers.append(_like(world, "nc96ads", "14.69"))
    world.reprice("p4de.24xlarge", "13.9")
    world.reprice("p4de.24xlarge", "13.9", "eu-west-1")


def _new_region_times_ten(world: World) -> None:
    for region in ("eu-west-2", "eu-west-3"):
        world.offers.append(_like(world, "p5.48xlarge", "98.32", region=region))
    world.offers.append(_like(world, "p5.48xlarge", "983.2", region="ap-south-1"))


def _times_ten(world: World) -> None:
    world.previous = [replace(o, as_of=EARLIER) for o in world.offers]
    for region in ("us-east-1", "eu-west-1"):
        world.reprice("g6.12xlarge", "46.016", region)
        world.reprice("g6.48xlarge", "133.5", region)


def _family_missing(world: World) -> None:
    world.previous = [replace(o, as_of=EARLIER) for o in world.offers]
    world.offers = [o for o in world.offers if not o.instance_type.startswith("g6.")]


def _region_missing(world: World) -> None:
    world.previous = [replace(o, as_of=EARLIER) for o in world.offers]
    world.offers = [o for o in world.offers if o.region != "eu-west-1"]


# What went wrong elsewhere -> how it looks here, the gate that is for it, and the gates that
# see it too.
BREAKS: dict[str, tuple[Callable[[World], None], str, set[str]]] = {
    "a4-highgpu-8g 0.0 in a catalog file": (
        _zero_price,
        "price_is_positive",
        {"price_is_plausible", "accelerator_is_in_the_price"},
    ),
    "skypilot#9156 B200 at $0.01, new": (_cent_for_a_b200, "price_is_plausible", set()),
    "amazon-q-developer-cli#2087 made-up discount": (_estimate, "nothing_is_estimated", set()),
    "no source": (_no_source, "source_and_date_are_named", set()),
    "not in dollars": (_euro, "source_and_date_are_named", set()),
    "two dates in one snapshot": (_two_dates, "source_and_date_are_named", set()),
    "ec2instances.info#699 term not told": (_term_left_out, "terms_are_complete", set()),
    "a term on an on-demand price": (_term_on_demand, "terms_are_complete", set()),
    "ec2instances.info#959 BYOL overwrites SP": (
        _byol_beside_savings_plan,
        "offers_are_unique",
        set(),
    ),
    "Windows price": (_windows, "linux_and_shared_only", set()),
    "ec2instances.info#959 BYOL": (_byol_sku, "linux_and_shared_only", set()),
    "dedicated host price": (_dedicated, "linux_and_shared_only", set()),
    "DevTest price": (_dev_test, "linux_and_shared_only", set()),
    "ec2instances.info#909 upfront not amortised": (
        _upfront_shown_as_hourly,
        "upfront_is_amortised",
        set(),
    ),
    "ec2instances.info#909 reserved dearer": (_reserved_dearer, "commitment_is_not_dearer", set()),
    "spot above on demand": (_spot_dearer, "commitment_is_not_dearer", set()),
    "gpuhunt#101 H100 unmapped": (_unmapped_type, "instance_types_are_known", set()),
    "ec2instances.info#776 no GPU model": (
        _unmapped_accelerator,
        "instance_types_are_known",
        set(),
    ),
    "aws-pricing#1 1430 GB": (_memory_in_mib, "accelerator_memory_agrees", set()),
    "seven cards": (_seven_cards, "accelerator_memory_agrees", set()),
    "skypilot-catalog#31 a2 at $0.94": (_gpu_priced_apart, "accelerator_is_in_the_price", set()),
    "dstack#1044 8xA100 cheaper than 4x": (
        _eight_cheaper_than_four,
        "more_accelerators_cost_more",
        set(),
    ),
    "dstack#1044 across families": (
        _other_family_cheaper_with_more,
        "more_accelerators_cost_more",
        set(),
    ),
    "ec2instances.info#882 x10 in a new region": (_new_region_times_ten, "regions_agree", set()),
    "ec2instances.info#882 x10": (_times_ten, "price_did_not_jump", set()),
    "ec2instances.info#734 g6 missing": (_family_missing, "nothing_vanished", set()),
    "a region missing": (_region_missing, "nothing_vanished", set()),
}


@pytest.mark.parametrize("bug", BREAKS)
def test_a_broken_snapshot_is_refused_by_its_gate(world: World, bug: str) -> None:
    break_it, gate, also = BREAKS[bug]
    break_it(world)
    assert set(world.broken()) == {gate} | also


def test_every_gate_has_a_test_that_breaks_it() -> None:
    assert {gate.__name__ for gate in gates.GATES} == {gate for _, gate, _ in BREAKS.values()}


def test_the_violation_names_row_and_figures(world: World) -> None:
    world.reprice("g6.48xlarge", "0.12")
    violations = [str(v) for v in gates.check(world.candidate())]
    assert (
        "price_is_plausible: ec2 us-east-1 g6.48xlarge on_demand: 0.12 USD/h for 192 GiB of L4"
    ) in violations


def test_savings_plans_and_reservations_stand_side_by_side(world: World) -> None:
    """ec2instances.info#473: m5a.large was 0.0631 reserved and 0.073 in a savings plan."""
    reserved = next(o for o in world.offers if o.commitment)
    plan = replace(
        reserved,
        commitment=Commitment.SAVINGS_PLAN,
        hourly_usd=Decimal("4.1"),
        effective_hourly_usd=Decimal("4.1"),
    )
    assert plan.key != reserved.key
    world.offers.append(plan)
    assert world.broken() == {}


def test_a_b200_whose_price_falls_to_a_cent_is_refused_twice(world: World) -> None:
    """skypilot#9156, where the price was sound before."""
    world.add_type("p6-b200.48xlarge", "B200", 8, 180, 192)
    world.previous = [_like(world, "p6-b200.48xlarge", "113.93", as_of=EARLIER)]
    world.offers.append(_like(world, "p6-b200.48xlarge", "0.01"))
    assert set(world.broken()) >= {"price_did_not_jump", "price_is_plausible"}


def test_a_whole_family_without_its_gpus_is_refused(world: World) -> None:
    """skypilot-catalog#31, where every A100 machine lost its GPU's part at once."""
    world.previous = [replace(o, as_of=EARLIER) for o in world.offers]
    for region in ("us-east-1", "eu-west-1"):
        world.reprice("p4d.24xlarge", "7.52", region)
    assert set(world.broken()) & {"price_did_not_jump", "accelerator_is_in_the_price"}


def test_a_sample_does_not_claim_that_the_rest_vanished(world: World) -> None:
    world.previous = [replace(o, as_of=EARLIER) for o in world.offers]
    world.offers = [o for o in world.offers if o.instance_type == "p5.48xlarge"]
    sample = snapshots.coverage_of(world.offers, scope=None)
    assert not gates.check(world.candidate(sample))


def test_a_spot_price_may_fall_to_a_quarter_but_not_to_a_tenth(world: World) -> None:
    spot = _like(world, "p5.48xlarge", "40", pricing_model=PricingModel.SPOT, as_of=EARLIER)
    world.previous = [spot]
    for price, refused in (("10", False), ("4", True)):
        now = _like(world, "p5.48xlarge", price, pricing_model=PricingModel.SPOT)
        candidate = replace(world.candidate(), offers=[*world.offers, now])
        assert bool(gates.check(candidate)) is refused


def test_an_exception_is_accepted_by_name_only(world: World) -> None:
    _family_missing(world)
    subject = "ec2 accelerator L4"
    assert world.broken() == {"nothing_vanished": [subject]}
    accepted = [("nothing_vanished", subject)]
    gates.require(world.candidate(), accepted)
    with pytest.raises(SnapshotRefusedError):
        gates.require(world.candidate(), [("nothing_vanished", "ec2 accelerator T4")])
    with pytest.raises(SnapshotRefusedError):
        gates.require(world.candidate(), [("price_is_positive", subject)])


def test_a_refusal_lists_ten_rows_and_counts_the_rest(world: World) -> None:
    world.offers = [replace(o, source="") for o in world.offers]
    with pytest.raises(SnapshotRefusedError) as caught:
        gates.require(world.candidate())
    assert len(caught.value.violations) == 17
    assert caught.value.why.splitlines()[-1] == "... and 7 more"
    assert "17 rows break an integrity gate" in str(caught.value)


def test_an_empty_snapshot_is_refused(world: World) -> None:
    world.offers = []
    with pytest.raises(SnapshotRefusedError):
        gates.require(world.candidate())
