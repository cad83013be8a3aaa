"""Requests on the three clouds, from filed to decided, through the real SDKs."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import forked
import pytest

from planner.clouds import settings
from planner.errors import CloudError, PlannerError, QuotaShortError, UsageError
from planner.ledger import Ledger
from planner.pricing import instance_types
from planner.quotas import azure_tickets, by_id, checking, following, tracker
from planner.quotas.interface import Ask, Contact, QuotaAdapter, adapter
from planner.quotas.model import Demand
from planner.quotas.tracker import How
from planner.sandbox import scenarios

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.sandbox.endpoints import Endpoints
    from planner.sandbox.server import Sandbox

CLOUDS = ("aws", "azure", "gcp")
TYPES = {
    "aws": ("p4d.24xlarge", "us-west-2"),
    "azure": ("Standard_NC24ads_A100_v4", "westus2"),
    "gcp": ("a2-ultragpu-2g", "us-central1"),
}
ADA = Contact("ada@example.com", "Ada", "Lovelace", "GBR")


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    with Ledger() as opened:
        yield opened


def turn(sandbox: Sandbox, **knobs: object) -> None:
    sandbox.world.reset(replace(scenarios.get("new-account"), **knobs))


def asks(cloud: str, instances: int = 1) -> list[Ask]:
    name, region = TYPES[cloud]
    item = instance_types.bundled().get(name)
    demand = Demand.of(item, region, instances=instances, model="llama-2-70b")
    return tracker.asks(checking.check([demand])[0], "We will serve llama-2-70b.", ADA)


def last(cloud: str, instances: int = 1) -> tuple[Ask, QuotaAdapter]:
    """Return the request for the accelerator itself, and the adapter to send it with."""
    by_need = sorted(asks(cloud, instances), key=lambda ask: ask.check.limit or 0)
    return by_need[0], adapter(cloud)


STATES = [
    ("aws", "approved", "APPROVED"),
    ("aws", "partial", "PARTIAL"),
    ("aws", "denied", "DENIED"),
    ("aws", "not-approved", "DENIED"),
    ("aws", "invalid", "DENIED"),
    ("aws", "case-closed", "UNKNOWN"),
    ("aws", "needs-human", "NEEDS_HUMAN"),
    ("aws", "never", "PENDING"),
    ("azure", "approved", "APPROVED"),
    ("azure", "partial", "PARTIAL"),
    ("azure", "denied", "DENIED"),
    ("azure", "invalid", "DENIED"),
    ("azure", "never", "PENDING"),
    ("gcp", "approved", "APPROVED"),
    ("gcp", "partial", "PARTIAL"),
    ("gcp", "denied", "DENIED"),
    ("gcp", "never", "PENDING"),
]


@pytest.mark.parametrize(("cloud", "outcome", "state"), STATES)
def test_every_ending_is_told_after_reading_the_limit_again(
    sandbox: Sandbox, ledger: Ledger, cloud: str, outcome: str, state: str
) -> None:
    turn(sandbox, outcome=outcome)
    ask, made = last(cloud)
    filed = tracker.file(ask, made, ledger)
    assert (filed.how, filed.request.state) == (How.FILED, "PENDING")
    assert filed.request.native_id
    sandbox.world.clock.advance(timedelta(days=1))
    (seen,) = following.refresh(ledger, ledger.requests())
    assert seen.state == state
    assert seen.native_state
    assert seen.reason
    assert seen.is_open == (state in {"PENDING", "NEEDS_HUMAN"})
    (after,) = checking.check([ask.demand])  # type: ignore[list-item]
    limit = {c.quota.quota_id: c.limit for c in after.checks}[ask.check.quota.quota_id]
    granted = {"APPROVED": ask.desired, "PARTIAL": ask.desired // 2}.get(state, 0)
    assert limit == granted
    assert seen.granted == (None if seen.is_open else granted)
    # AWS's pending requests can be taken to a person.
    silent = {"APPROVED"} if cloud == "aws" else {"APPROVED", "PENDING"}
    assert bool(following.next_steps(seen)) == (state not in silent)


@pytest.mark.long
def test_approved_without_effect_is_not_called_approved(sandbox: Sandbox, ledger: Ledger) -> None:
    turn(sandbox, apply_after_s=3600)
    ask, made = last("aws")
    tracker.file(ask, made, ledger)
    sandbox.world.clock.advance(timedelta(hours=6, minutes=1))
    (seen,) = following.refresh(ledger, ledger.requests())
    assert (seen.native_state, seen.state, seen.is_open) == ("APPROVED", "PENDING", True)
    sandbox.world.clock.advance(timedelta(hours=1))
    (seen,) = following.refresh(ledger, ledger.requests())
    assert seen.state == "APPROVED"


@pytest.mark.parametrize(
    ("code", "state", "words"),
    [
        ("ContactSupport", "NEEDS_HUMAN", "ticket"),
        ("QuotaNotAvailableForResource", "DENIED", "asking for less does not help"),
        ("DeprecatedQuotaType", "DENIED", "being retired"),
        ("InvalidResourceName", "DENIED", "does not know"),
        ("QuotaReductionNotSupported", "DENIED", "below the present limit"),
    ],
)
def test_azure_codes_are_explained(
    sandbox: Sandbox, ledger: Ledger, code: str, state: str, words: str
) -> None:
    turn(sandbox, outcome="denied", azure_refusal=code)
    tracker.file(*last("azure"), ledger)
    sandbox.world.clock.advance(timedelta(days=1))
    (seen,) = following.refresh(ledger, ledger.requests())
    assert seen.state == state
    assert words in seen.reason


@pytest.mark.parametrize("cloud", CLOUDS)
def test_zero_becomes_the_smallest_total_that_runs_the_machines(
    sandbox: Sandbox, cloud: str
) -> None:
    del sandbox
    wished = {ask.check.quota.quota_id: ask.desired for ask in asks(cloud, instances=2)}
    assert (
        wished
        == {
            "aws": {"L-417A185B": 192},
            "azure": {"cores": 48, "StandardNCADSA100v4Family": 48},
            "gcp": {
                "NVIDIA-A100-80GB-GPUS-per-project-region": 4,
                "GPUS-ALL-REGIONS-per-project": 4,
            },
        }[cloud]
    )


@pytest.mark.parametrize("cloud", CLOUDS)
def test_the_same_wish_is_filed_once(sandbox: Sandbox, ledger: Ledger, cloud: str) -> None:
    ask, made = last(cloud)
    first = tracker.file(ask, made, ledger)
    second = tracker.file(ask, adapter(cloud), ledger)
    assert second.how is How.FOUND
    assert second.request.native_id == first.request.native_id
    assert len(sandbox.world.requests) == 1


@pytest.mark.parametrize("cloud", CLOUDS)
def test_a_request_of_somebody_else_is_found_in_the_cloud(
    sandbox: Sandbox, ledger: Ledger, cloud: str
) -> None:
    ask, made = last(cloud)
    made.file(ask)
    found = tracker.file(ask, made, ledger)
    assert found.how is How.FOUND
    assert ledger.requests() == [found.request]
    assert len(sandbox.world.requests) == 1


@pytest.mark.parametrize(
    ("cloud", "how"), [("aws", How.WAITS), ("azure", How.WAITS), ("gcp", How.RAISED)]
)
def test_a_higher_wish_changes_the_request_where_the_cloud_allows(
    sandbox: Sandbox, ledger: Ledger, cloud: str, how: How
) -> None:
    tracker.file(*last(cloud), ledger)
    more, made = last(cloud, instances=2)
    filed = tracker.file(more, made, ledger)
    assert filed.how is how
    assert (filed.request.desired == more.desired) == (how is How.RAISED)
    assert len(sandbox.world.requests) == 1


@pytest.mark.parametrize("cloud", CLOUDS)
def test_after_a_decision_a_new_wish_is_filed_anew(
    sandbox: Sandbox, ledger: Ledger, cloud: str
) -> None:
    turn(sandbox, outcome="denied")
    tracker.file(*last(cloud), ledger)
    sandbox.world.clock.advance(timedelta(days=1))
    again = tracker.file(*last(cloud), ledger)
    assert again.how is How.FILED
    assert [request.state for request in ledger.requests()] == ["PENDING", "DENIED"]


@pytest.mark.parametrize("cloud", CLOUDS)
def test_a_run_that_died_before_sending_leaves_no_hindrance(
    sandbox: Sandbox, ledger: Ledger, cloud: str
) -> None:
    ask, made = last(cloud)
    ledger.add_request(tracker._wish(ask, made.account()))
    filed = tracker.file(ask, made, ledger)
    assert filed.how is How.FILED
    assert len(ledger.requests()) == len(sandbox.world.requests) == 1


@pytest.mark.parametrize("cloud", CLOUDS)
def test_a_run_that_died_after_sending_is_resolved_from_the_cloud(
    sandbox: Sandbox, ledger: Ledger, cloud: str
) -> None:
    ask, made = last(cloud)
    ledger.add_request(tracker._wish(ask, made.account()))
    made.file(ask)
    found = tracker.file(ask, made, ledger)
    assert found.how is How.FOUND
    assert found.request.native_id
    assert ledger.requests() == [found.request]
    assert len(sandbox.world.requests) == 1


def test_a_sending_that_was_interrupted_long_ago_is_unknown(
    sandbox: Sandbox, ledger: Ledger
) -> None:
    del sandbox
    ask, made = last("aws")
    wish = tracker._wish(ask, made.account())
    old = ledger.add_request(replace(wish, filed_at=wish.filed_at - timedelta(hours=1)))
    (seen,) = following.refresh(ledger, ledger.requests())
    assert old is not None
    assert (seen.id, seen.state, seen.is_open) == (old.id, "UNKNOWN", False)
    fresh = ledger.add_request(wish)
    assert fresh in following.refresh(ledger, ledger.requests())


def _file_in_another_process(endpoints: Endpoints, start: Any, results: Any) -> None:
    settings.use(endpoints.settings())
    ask, made = last("aws")
    start.wait()
    with Ledger() as ledger:
        results.put(tracker.file(ask, made, ledger).how.value)


@pytest.mark.long
def test_two_processes_at_once_file_one_request(sandbox: Sandbox) -> None:
    forked.start_server()
    start, results = forked.CONTEXT.Barrier(2), forked.CONTEXT.Queue()
    workers = [
        forked.process(_file_in_another_process, sandbox.endpoints, start, results)
        for _ in range(2)
    ]
    for worker in workers:
        worker.start()
    outcomes = sorted(results.get(timeout=forked.LONGEST_S) for _ in workers)
    for worker in workers:
        worker.join()
    assert outcomes == ["already open", "filed"]
    assert len(sandbox.world.requests) == 1
    with Ledger() as ledger:
        assert len(ledger.requests()) == 1


def test_a_duplicate_that_the_cloud_refuses_is_found_and_shown(sandbox: Sandbox) -> None:
    ask, made = last("aws")
    made.file(ask)
    again = made.file(ask)
    assert again.native_state == "PENDING"
    assert len(sandbox.world.requests) == 1


def test_a_refused_request_leaves_nothing_in_the_ledger(sandbox: Sandbox, ledger: Ledger) -> None:
    ask, made = last("aws")
    turn(sandbox, denied_actions=("servicequotas:RequestServiceQuotaIncrease",))
    with pytest.raises(PlannerError, match="RequestServiceQuotaIncrease"):
        tracker.file(ask, made, ledger)
    assert ledger.requests() == []


@pytest.mark.parametrize(
    ("knobs", "code"),
    [
        ({"adjustable": False}, "InvalidResourceStateException"),
        ({"gpu_instances": 64}, "IllegalArgumentException"),
    ],
)
def test_aws_refusals_are_explained(sandbox: Sandbox, knobs: dict[str, object], code: str) -> None:
    ask, made = last("aws")
    turn(sandbox, **knobs)
    with pytest.raises(CloudError) as caught:
        made.file(ask)
    assert caught.value.code == code
    assert caught.value.advice


def test_too_many_active_requests_are_explained(sandbox: Sandbox, ledger: Ledger) -> None:
    table = instance_types.bundled()
    demands = [
        Demand.of(table.get(name), "ap-southeast-3")
        for name in ("p4d.24xlarge", "g5.xlarge", "inf2.xlarge")
    ]
    for check in checking.check(demands[:2]):
        tracker.file(tracker.asks(check)[0], adapter("aws"), ledger)
    (third,) = checking.check(demands[2:])
    with pytest.raises(CloudError, match="takes no more requests") as caught:
        tracker.file(tracker.asks(third)[0], adapter("aws"), ledger)
    assert caught.value.code == "QuotaExceededException"
    assert len(sandbox.world.requests) == 2


def test_an_unregistered_provider_comes_with_the_command(sandbox: Sandbox) -> None:
    ask, made = last("azure")
    turn(sandbox, providers_registered=False)
    with pytest.raises(PlannerError) as caught:
        made.file(ask)
    assert caught.value.advice == "az provider register --namespace Microsoft.Quota"


def test_google_wants_a_contact_before_anything_is_sent(sandbox: Sandbox) -> None:
    ask, made = last("gcp")
    with pytest.raises(UsageError, match="e-mail"):
        made.payload(replace(ask, contact=Contact()))
    assert not sandbox.world.requests


def test_what_google_is_sent_is_what_was_shown(sandbox: Sandbox, ledger: Ledger) -> None:
    del sandbox
    ask, made = last("gcp")
    shown = made.payload(ask)
    filed = tracker.file(ask, made, ledger).request
    assert filed.native_id.endswith(shown["quotaPreferenceId"])
    assert (filed.dimensions, filed.desired) == (shown["dimensions"], 2)
    assert filed.justification == shown["justification"]


def test_the_ticket_is_filed_with_the_documented_payload(sandbox: Sandbox, ledger: Ledger) -> None:
    sandbox.world.reset(scenarios.get("needs-human"))
    request = tracker.file(*last("azure"), ledger).request
    (seen,) = following.refresh(ledger, [request])
    assert (seen.state, seen.is_open) == ("NEEDS_HUMAN", True)
    assert any("--ticket" in step for step in adapter("azure").next_steps(seen))
    name = azure_tickets.file(seen, ADA).name
    sent = sandbox.world.notes["azure-support"][name]["properties"]
    details = sent["quotaTicketDetails"]
    assert details["quotaChangeRequestVersion"] == "1.0"
    (change,) = details["quotaChangeRequests"]
    assert change["region"] == "westus2"
    assert json.loads(change["payload"]) == {"VMFamily": seen.quota_id, "NewLimit": seen.desired}
    assert sent["contactDetails"]["country"] == "GBR"


def test_a_plan_without_support_gets_the_text_and_the_link(
    sandbox: Sandbox, ledger: Ledger
) -> None:
    turn(sandbox, support_plan=False)
    request = tracker.file(*last("azure"), ledger).request
    with pytest.raises(CloudError, match="support plan") as caught:
        azure_tickets.file(request, ADA)
    assert request.justification in caught.value.why
    assert "portal.azure.com" in caught.value.advice


def test_a_ticket_without_a_contact_is_not_sent(sandbox: Sandbox, ledger: Ledger) -> None:
    request = tracker.file(*last("azure"), ledger).request
    with pytest.raises(UsageError, match="contact") as caught:
        azure_tickets.file(request, Contact(email="ada@example.com"))
    assert "--contact-country" in caught.value.why
    assert not sandbox.world.notes["azure-support"]


def test_a_cloud_that_cannot_be_asked_leaves_the_last_word(
    sandbox: Sandbox, ledger: Ledger
) -> None:
    filed = tracker.file(*last("aws"), ledger).request
    turn(sandbox, expired=True)
    failures: list[PlannerError] = []
    found = following.refresh(ledger, [filed], failed=lambda _, error: failures.append(error))
    assert found == [filed]
    assert len(failures) == 1


def test_one_quota_by_its_id(sandbox: Sandbox, ledger: Ledger) -> None:
    wish = by_id.ask("aws", "L-DB2E81BA", 192, region="us-east-1", justification="because")
    filed = tracker.file(wish, adapter("aws"), ledger).request
    assert (filed.quota_name, filed.desired) == ("Running On-Demand G and VT instances", 192)
    wish = by_id.ask(
        "gcp",
        "GPUS-PER-GPU-FAMILY-per-project-region",
        8,
        region="us-central1",
        gpu_family="NVIDIA_H100",
        contact=ADA,
    )
    filed = tracker.file(wish, adapter("gcp"), ledger).request
    assert filed.dimensions == {"gpu_family": "NVIDIA_H100", "region": "us-central1"}
    assert len(sandbox.world.requests) == 2


@pytest.mark.parametrize(
    ("cloud", "quota_id", "total", "words"),
    [
        ("aws", "L-1216C47A", 5, "is 5 already"),
        ("aws", "L-00000000", 8, "cannot be read"),
        ("azure", "nothing", 8, "cannot be read"),
        ("gcp", "nothing", 8, "cannot be read"),
    ],
)
def test_a_pointless_wish_by_id_is_refused(
    sandbox: Sandbox, cloud: str, quota_id: str, total: int, words: str
) -> None:
    region = TYPES[cloud][1]
    with pytest.raises(UsageError, match=words):
        by_id.ask(cloud, quota_id, total, region=region, service="ec2")
    assert not sandbox.world.requests


def test_a_pointless_wish_is_not_filed(sandbox: Sandbox, ledger: Ledger) -> None:
    turn(sandbox, ineligible="NO_VALID_BILLING_ACCOUNT")
    with pytest.raises(QuotaShortError, match="pointless") as caught:
        tracker.file(*last("gcp"), ledger)
    assert "billing account" in caught.value.why
    assert not sandbox.world.requests
