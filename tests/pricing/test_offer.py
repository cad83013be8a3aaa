"""The effective hourly price: the one figure by which offers are compared."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.pricing.offer import (
    HOURS_PER_YEAR,
    Commitment,
    PaymentOption,
    effective_hourly,
    to_nano,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from planner.pricing.offer import Offer

NANO = Decimal("1e-9")
dollars = st.decimals(min_value=0, max_value=1_000_000, places=9)
terms = st.sampled_from([1, 3])


def test_a_published_reservation_is_amortised_as_the_cloud_states_it() -> None:
    """Azure NC48ads, eastus, one year: $42,066 in all, $4.802055 an hour."""
    assert effective_hourly(Decimal(0), Decimal(42066), 1) == Decimal("4.802054795")


@pytest.mark.long
@given(hourly=dollars, upfront=dollars, years=terms)
def test_what_is_paid_over_the_term_is_what_the_effective_price_says(
    hourly: Decimal, upfront: Decimal, years: int
) -> None:
    hours = HOURS_PER_YEAR * years
    paid = hourly * hours + upfront
    assert abs(effective_hourly(hourly, upfront, years) * hours - paid) <= NANO * hours


@given(hourly=dollars, upfront=dollars)
def test_the_same_upfront_weighs_a_third_over_three_years(
    hourly: Decimal, upfront: Decimal
) -> None:
    one = effective_hourly(hourly, upfront, 1) - hourly
    three = effective_hourly(hourly, upfront, 3) - hourly
    assert abs(one - 3 * three) <= 3 * NANO


@given(dollars)
def test_nothing_upfront_leaves_the_hourly_price(hourly: Decimal) -> None:
    assert effective_hourly(hourly, Decimal(0), 1) == hourly


@given(st.decimals(min_value=0, max_value=1000, places=14))
def test_rounding_moves_a_price_by_half_a_nano_dollar_at_most(amount: Decimal) -> None:
    assert abs(to_nano(amount) - amount) <= NANO / 2


def test_offers_of_different_commitment_term_or_payment_are_different_things(
    make_offer: Callable[..., Offer],
) -> None:
    keys = {
        make_offer(commitment=kind, term_years=years, payment_option=option).key
        for kind in Commitment
        for years in (1, 3)
        for option in PaymentOption
    } | {make_offer().key}
    assert len(keys) == len(Commitment) * 2 * len(PaymentOption) + 1
