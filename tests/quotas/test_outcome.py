"""Every native state of the three clouds, and what the limit makes of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.quotas import aws_requests, azure_requests
from planner.quotas.outcome import Answer, Phase, State, decide

OLD, WISH = 8.0, 96.0


def state(phase: Phase, limit: float | None, old: float | None = OLD) -> tuple[State, bool]:
    outcome = decide(Answer("id", "word", phase, limit), old=old, desired=WISH)
    assert outcome.reason
    return outcome.state, outcome.is_open


@pytest.mark.parametrize(
    ("phase", "limit", "expected"),
    [
        (Phase.OPEN, 8, (State.PENDING, True)),
        (Phase.OPEN, None, (State.PENDING, True)),
        (Phase.CASE, 8, (State.NEEDS_HUMAN, True)),
        (Phase.CONTACT, 8, (State.NEEDS_HUMAN, True)),
        (Phase.GRANTED, 96, (State.APPROVED, False)),
        (Phase.GRANTED, 100, (State.APPROVED, False)),
        (Phase.GRANTED, 32, (State.PARTIAL, False)),
        (Phase.GRANTED, 8, (State.PENDING, True)),
        (Phase.GRANTED, None, (State.UNKNOWN, False)),
        (Phase.REFUSED, 8, (State.DENIED, False)),
        (Phase.REFUSED, 32, (State.PARTIAL, False)),
        (Phase.CLOSED, 8, (State.UNKNOWN, False)),
        (Phase.CLOSED, 32, (State.PARTIAL, False)),
        (Phase.CLOSED, 96, (State.APPROVED, False)),
        (Phase.LOST, 8, (State.UNKNOWN, False)),
    ],
)
def test_the_limit_decides_and_the_word_explains(
    phase: Phase, limit: float | None, expected: tuple[State, bool]
) -> None:
    assert state(phase, limit) == expected


@given(st.sampled_from(Phase), st.none() | st.floats(0, 200), st.none() | st.floats(0, 95))
def test_approved_only_ever_follows_from_the_limit(
    phase: Phase, limit: float | None, old: float | None
) -> None:
    found, is_open = state(phase, limit, old)
    assert (found is State.APPROVED) == (limit is not None and limit >= WISH)
    assert not (is_open and found in {State.APPROVED, State.PARTIAL, State.DENIED})


def test_a_denial_without_knowing_the_old_limit_is_unknown() -> None:
    assert state(Phase.REFUSED, 8, old=None) == (State.UNKNOWN, False)


def test_every_aws_status_has_its_phase() -> None:
    from botocore.session import get_session

    model = get_session().get_service_model("service-quotas")
    assert set(aws_requests.PHASES) == set(model.shape_for("RequestStatus").enum)


def test_every_azure_state_has_its_phase() -> None:
    from azure.mgmt.quota.models import QuotaRequestState

    assert set(azure_requests.PHASES) == {state.value for state in QuotaRequestState}
