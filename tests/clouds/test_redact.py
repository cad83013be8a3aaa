"""Account numbers, principals and tokens do not leave planner."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.clouds.redact import mask, redact

digits = st.text("0123456789", min_size=12, max_size=12)


@given(digits)
def test_an_account_number_in_an_arn_goes(account: str) -> None:
    assert account not in redact(f"User: arn:aws:iam::{account}:user/ada is not authorized")


@given(st.uuids())
def test_a_subscription_goes(subscription: object) -> None:
    assert str(subscription) not in redact(f"over scope /subscriptions/{subscription}/providers")


@pytest.mark.parametrize(
    "secret",
    [
        "AKIAIOSFODNN7EXAMPLE",
        "hf_abcdefghijklmnop",
        "ya29.a0AfH6SMBx",
        "ada@example.com",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc",
    ],
)
def test_tokens_keys_and_people_go(secret: str) -> None:
    assert secret not in redact(f"failed for {secret} today")


def test_what_helps_stays() -> None:
    text = "not authorized to perform: servicequotas:GetServiceQuota, quota L-417A185B, 192 vCPU"
    assert redact(text) == text


@pytest.mark.long
@given(st.text(min_size=5))
def test_a_mask_shows_four_characters_at_most(identifier: str) -> None:
    assert mask(identifier) == f"...{identifier[-4:]}"
