"""How calls to Google are repeated, against a server that breaks them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from google.api_core import exceptions
from requests.exceptions import ConnectionError as Broken

from planner.clouds import gcp, gcp_compute, gcp_retry, settings
from planner.errors import CloudError, PermissionDeniedError
from planner.sandbox.faults import Fault, Kind
from planner.sandbox.gcp import app as google
from planner.sandbox.gcp import faults
from planner.sandbox.server import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.sandbox.faults import Faults


@pytest.fixture
def front() -> Iterator[Faults]:
    with Sandbox() as sandbox:
        made = faults.in_front_of(google.app(sandbox.world))
        settings.use(replace(sandbox.endpoints.settings(), gcp_endpoint=sandbox._serve(made)))
        yield made
        settings.use(None)


@pytest.mark.parametrize("kind", [Kind.BROKEN_ONCE, Kind.THROTTLED_ONCE, Kind.LOST_ONCE])
def test_a_read_that_breaks_once_is_asked_again(front: Faults, kind: Kind) -> None:
    front.expect(Fault(0, kind))
    assert gcp.read("")["name"]
    assert len(front.requests) == 2


def test_a_read_is_given_up_after_so_many_attempts(front: Faults) -> None:
    front.expect(Fault(0, Kind.BROKEN))
    with pytest.raises(CloudError, match="answered 500"), gcp.errors("read the project"):
        gcp.read("")
    assert len(front.requests) == gcp_retry.ATTEMPTS


def test_a_refusal_is_final(front: Faults) -> None:
    front.expect(Fault(0, Kind.REFUSED))
    with pytest.raises(PermissionDeniedError), gcp.errors("read the project"):
        gcp.read("")
    assert len(front.requests) == 1


def test_what_may_not_happen_twice_is_sent_once(front: Faults) -> None:
    front.expect(Fault(0, Kind.BROKEN_ONCE))
    with pytest.raises(exceptions.InternalServerError):
        gcp.call("POST", "/v1/projects/p/secrets", api="secretmanager", body={})
    assert len(front.requests) == 1


def test_a_connection_that_breaks_is_made_again() -> None:
    broken = iter([Broken("reset by peer"), Broken("timed out")])

    def send() -> str:
        error = next(broken, None)
        if error is not None:
            raise error
        return "answer"

    assert gcp_retry.patient()(send)() == "answer"


@pytest.mark.long
def test_google_s_own_client_of_compute_engine_talks_to_the_given_address(front: Faults) -> None:
    from google.cloud import compute_v1

    request = compute_v1.GetMachineTypeRequest(
        project="p", zone="us-central1-a", machine_type="g2-standard-4"
    )
    front.expect(Fault(0, Kind.BROKEN_ONCE))
    found = gcp_compute.ask(compute_v1.MachineTypesClient, "get", request)
    assert found["name"] == "g2-standard-4"
    assert len(front.requests) == 2
    again = gcp_compute.client(compute_v1.MachineTypesClient)
    assert gcp_compute.client(compute_v1.MachineTypesClient) is again
    settings.use(settings.current())
    assert gcp_compute.client(compute_v1.MachineTypesClient) is not again
