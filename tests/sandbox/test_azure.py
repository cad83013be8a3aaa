"""Simulated Azure, through the azure-mgmt SDKs: recorded shapes, and refusals."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import requests
from azure.core.exceptions import HttpResponseError
from azure.mgmt.quota import models

from planner.clouds import azure
from planner.sandbox import scenarios

if TYPE_CHECKING:
    from planner.sandbox.server import Sandbox

T4 = "Standard NCASv3_T4 Family"  # the spaces are Azure's
SCOPE = f"subscriptions/{azure.SANDBOX_SUBSCRIPTION}/providers/Microsoft.Compute/locations/eastus"


def body(limit: int, name: str = T4) -> models.CurrentQuotaLimitBase:
    return models.CurrentQuotaLimitBase(
        properties=models.QuotaProperties(
            name=models.ResourceName(value=name), limit=models.LimitObject(value=limit)
        )
    )


def put(limit: int, name: str = T4, scope: str = SCOPE) -> None:
    azure.quota().quota.begin_create_or_update(name, scope, body(limit, name), polling=False)


def refusal(limit: int, name: str = T4, scope: str = SCOPE) -> str:
    with pytest.raises(HttpResponseError) as caught:
        put(limit, name, scope)
    assert caught.value.error is not None
    return str(caught.value.error.code)


def test_the_put_answers_as_it_was_recorded(sandbox: Sandbox) -> None:
    answer = requests.put(
        f"{sandbox.endpoints.azure}/{SCOPE}/providers/Microsoft.Quota/quotas/{T4}",
        json={
            "properties": {
                "name": {"value": T4},
                "limit": {"limitObjectType": "LimitValue", "value": 4},
            }
        },
        timeout=5,
    )
    assert answer.status_code == 202
    name = answer.json()["name"]
    assert (
        answer.headers["Azure-AsyncOperation"].split("?")[0].endswith(f"/operationsStatus/{name}")
    )
    assert answer.json()["properties"] == {
        "limit": {"limitObjectType": "LimitValue", "limitType": "Independent", "value": 4},
        "name": {"value": T4.upper()},
        "properties": {},
        "provisioningState": "InProgress",
        "isQuotaApplicable": True,
    }
    status = requests.get(answer.headers["Azure-AsyncOperation"], timeout=5).json()
    assert status["status"] == "InProgress"
    sandbox.world.clock.advance(timedelta(days=1))
    status = requests.get(answer.headers["Azure-AsyncOperation"], timeout=5).json()
    assert status["status"] == "Succeeded"


def test_the_sdks_own_poller_follows_a_request_to_the_end(sandbox: Sandbox) -> None:
    sandbox.world.reset(replace(scenarios.get("new-account"), decide_after_s=0))
    quota = azure.quota().quota
    result = quota.begin_create_or_update(T4, SCOPE, body(8), polling_interval=0).result()
    assert result.properties is not None
    assert quota.get(T4, SCOPE).properties.limit.value == 8  # type: ignore[union-attr]


@pytest.mark.usefixtures("sandbox")
class TestRefusals:
    def test_an_unknown_family(self) -> None:
        assert refusal(4, "standardNothingFamily") == "InvalidResourceName"

    def test_a_negative_limit(self) -> None:
        assert refusal(-1) == "InvalidRequest"

    def test_a_reduction(self) -> None:
        assert refusal(1, "cores") == "QuotaReductionNotSupported"

    def test_a_wrong_scope(self) -> None:
        scope = f"subscriptions/{azure.SANDBOX_SUBSCRIPTION}/providers/Microsoft.Compute"
        assert refusal(4, scope=scope) == "InvalidResourceType"

    def test_a_second_request_while_one_is_open(self) -> None:
        put(4)
        assert refusal(8) == "Conflict"


@pytest.mark.parametrize(
    ("outcome", "states", "limit"),
    [
        ("approved", ["Accepted", "InProgress", "Succeeded"], 8),
        ("partial", ["Accepted", "InProgress", "Succeeded"], 4),
        ("denied", ["Accepted", "InProgress", "Failed"], 0),
        ("invalid", ["Accepted", "InProgress", "Invalid"], 0),
        ("needs-human", ["Failed", "Failed", "Failed"], 0),
        ("never", ["Accepted", "InProgress", "InProgress"], 0),
    ],
)
def test_requests_take_their_course_over_time(
    sandbox: Sandbox, outcome: str, states: list[str], limit: int
) -> None:
    sandbox.world.reset(replace(scenarios.get("new-account"), outcome=outcome))
    put(8)
    seen = []
    for hours in (0, 2, 5):
        sandbox.world.clock.advance(timedelta(hours=hours))
        (row,) = azure.quota().quota_request_status.list(SCOPE)
        assert row.properties is not None
        seen.append(str(getattr(row.properties.provisioning_state, "value", "")))
    assert seen == states
    assert (row.properties.error is not None) == (states[-1] in {"Failed", "Invalid"})
    usage = {u.name.value: u.limit for u in azure.compute().usage.list("eastus")}
    assert usage[T4] == limit


def test_families_are_spelled_as_azure_spells_them(sandbox: Sandbox) -> None:
    del sandbox
    families = {
        sku.name: sku.family
        for sku in azure.compute().resource_skus.list(filter="location eq 'eastus'")
    }
    assert families["Standard_NC4as_T4_v3"] == "Standard NCASv3_T4 Family"
    assert families["Standard_ND96amsr_A100_v4"] == "standard NDAMSv4_A100Family"
