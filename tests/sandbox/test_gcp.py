"""Simulated Google Cloud, through Google's client and against its own schemas."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import pytest
from google.api_core import exceptions
from google.cloud.cloudquotas_v1 import types
from jsonschema import Draft4Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

from planner.clouds import gcp
from planner.sandbox import scenarios

if TYPE_CHECKING:
    from planner.sandbox.server import Sandbox

PARENT = f"projects/{gcp.SANDBOX_PROJECT}/locations/global"
L4 = "NVIDIA-L4-GPUS-per-project-region"
HERE = {"region": "us-central1"}


def preference(value: int, **changes: Any) -> types.QuotaPreference:
    fields = {
        "service": "compute.googleapis.com",
        "quota_id": L4,
        "dimensions": HERE,
        "quota_config": types.QuotaConfig(preferred_value=value),
        "contact_email": "ada@example.com",
        **changes,
    }
    return types.QuotaPreference(**fields)


def create(value: int, name: str = "l4", **changes: Any) -> types.QuotaPreference:
    return gcp.quotas().create_quota_preference(
        parent=PARENT, quota_preference=preference(value, **changes), quota_preference_id=name
    )


@pytest.mark.usefixtures("sandbox")
class TestRefusals:
    @pytest.mark.parametrize(
        "changes",
        [
            {"contact_email": ""},
            {"dimensions": {"region": "us-central1", "zone": "a"}},
            {"dimensions": {"region": "moon-east1"}},
            {"quota_config": types.QuotaConfig(preferred_value=-2)},
        ],
    )
    def test_a_bad_request(self, changes: dict[str, Any]) -> None:
        with pytest.raises(exceptions.BadRequest):
            create(1, **changes)

    @pytest.mark.parametrize(
        "changes", [{"quota_id": "NVIDIA-H100-GPUS-per-project-region"}, {"service": "x"}]
    )
    def test_a_quota_that_does_not_exist(self, changes: dict[str, Any]) -> None:
        with pytest.raises(exceptions.NotFound):
            create(1, **changes)

    def test_a_second_preference_for_a_quota_is_a_conflict_over_rest(self) -> None:
        create(1)
        with pytest.raises(exceptions.Conflict) as caught:
            create(2, name="another")
        assert not isinstance(caught.value, exceptions.AlreadyExists)

    def test_dimensions_are_immutable(self) -> None:
        made = create(1)
        changed = preference(2, name=made.name, dimensions={"region": "us-east1"})
        with pytest.raises(exceptions.BadRequest, match="immutable"):
            gcp.quotas().update_quota_preference(quota_preference=changed)


def test_an_ineligible_project_is_refused(sandbox: Sandbox) -> None:
    sandbox.world.reset(scenarios.get("restricted"))
    with pytest.raises(exceptions.BadRequest, match="NOT_ENOUGH_USAGE_HISTORY"):
        create(1)


@pytest.mark.parametrize(
    ("outcome", "reconciling", "granted"),
    [("approved", False, 8), ("partial", False, 4), ("denied", False, 0), ("never", True, 0)],
)
def test_requests_take_their_course_over_time(
    sandbox: Sandbox, outcome: str, granted: int, *, reconciling: bool
) -> None:
    sandbox.world.reset(replace(scenarios.get("new-account"), outcome=outcome))
    made = create(8)
    assert made.reconciling
    sandbox.world.clock.advance(timedelta(days=1))
    found = gcp.quotas().get_quota_preference(name=made.name)
    assert found.reconciling is reconciling
    assert found.quota_config.granted_value == granted
    info = gcp.quotas().get_quota_info(
        name=f"{PARENT}/services/compute.googleapis.com/quotaInfos/{L4}"
    )
    rows = [(dict(row.dimensions), row.details.value) for row in info.dimensions_infos]
    assert rows[-1] == ({}, 0), "the general row comes last"
    assert rows[:-1] == ([(HERE, granted)] if granted else [])


def schema(kind: str) -> Draft4Validator:
    """Return the validator of a type of Compute Engine's discovery document."""
    documents = files("googleapiclient.discovery_cache.documents")
    document = json.loads((documents / "compute.v1.json").read_text(encoding="utf-8"))

    def strict(node: Any) -> Any:
        if isinstance(node, dict):
            changed = {k: strict(v) for k, v in node.items() if k not in {"id", "format"}}
            if "properties" in changed:
                changed["additionalProperties"] = False
            return changed
        return [strict(item) for item in node] if isinstance(node, list) else node

    registry: Registry[Any] = Registry().with_resources(
        (name, Resource(contents=strict(body), specification=DRAFT4))
        for name, body in document["schemas"].items()
    )
    return Draft4Validator({"$ref": kind}, registry=registry)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("", "Project"),
        ("/regions", "RegionList"),
        ("/aggregated/instances", "InstanceAggregatedList"),
    ],
)
def test_compute_answers_as_its_discovery_document_says(
    sandbox: Sandbox, path: str, kind: str
) -> None:
    sandbox.world.notes["gce"]["vm"] = {
        "name": "vm",
        "status": "RUNNING",
        "zone": "us-central1-a",
        "machineType": "zones/us-central1-a/machineTypes/a3-highgpu-8g",
        "scheduling": {"provisioningModel": "SPOT"},
    }
    answer = gcp.read(path)
    assert [error.message for error in schema(kind).iter_errors(answer)] == []


def test_the_regions_leave_out_what_is_counted_per_family(sandbox: Sandbox) -> None:
    del sandbox
    (page,) = gcp.pages("regions")
    metrics = {row["metric"] for row in page["items"][0]["quotas"]}
    assert "NVIDIA_L4_GPUS" in metrics
    assert not any("H100" in metric for metric in metrics)
