"""What is sent to Google: by its discovery documents, by cloud-init, by bash."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import borrowed
import jsonschema
import pytest
import yaml
from gce_rig import OPTIONS, TOKEN, cheapest
from jsonschema import Draft4Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

from planner.endpoints.deploying import deployment
from planner.endpoints.gce import Adapter, requests, zones
from planner.endpoints.model import DeploymentSpec, Secret
from planner.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
KEY = "projects/p/secrets/planner-m-1"


def schema(kind: str, document: str = "compute.v1") -> Draft4Validator:
    """Return the validator of a type of a discovery document; unknown members are errors."""
    text = (files("googleapiclient.discovery_cache.documents") / f"{document}.json").read_text(
        encoding="utf-8"
    )

    def strict(node: Any) -> Any:
        if isinstance(node, dict):
            changed = {k: strict(v) for k, v in node.items() if k not in {"id", "format"}}
            if "properties" in changed:
                changed["additionalProperties"] = False
            return changed
        return [strict(item) for item in node] if isinstance(node, list) else node

    registry: Registry[Any] = Registry().with_resources(
        (name, Resource(contents=strict(body), specification=DRAFT4))
        for name, body in json.loads(text)["schemas"].items()
    )
    return Draft4Validator({"$ref": kind}, registry=registry)


def wrong(body: dict[str, Any], kind: str, document: str = "compute.v1") -> list[str]:
    return [error.message for error in schema(kind, document).iter_errors(body)]


def spec(provisioning: str = "STANDARD", **changes: Any) -> DeploymentSpec:
    made = deployment.specify(
        cheapest(), OPTIONS, now=NOW, container_for=Adapter(provisioning).container
    )
    account = "planner-endpoint@p.iam.gserviceaccount.com"
    return replace(made, execution_role=account, token=Secret(TOKEN), **changes)


@pytest.mark.parametrize("provisioning", requests.MODELS)
def test_the_machine_is_what_the_discovery_document_knows(provisioning: str) -> None:
    body = requests.instance(spec(provisioning), "us-east4-a", KEY, NOW)
    assert wrong(body, "Instance") == []
    assert body["scheduling"] == {
        "provisioningModel": provisioning,
        "onHostMaintenance": "TERMINATE",
        "automaticRestart": False,
        "maxRunDuration": {"seconds": "28800"},
        "instanceTerminationAction": "DELETE",
    }


def test_the_validator_finds_a_word_that_google_does_not_know() -> None:
    body = requests.instance(spec(), "us-east4-a", KEY, NOW)
    body["scheduling"]["maxRuntime"] = "8h"
    assert wrong(body, "Instance")


def test_firewall_and_secret_are_what_the_discovery_documents_know() -> None:
    for rule in requests.firewall_rules():
        assert wrong(rule, "Firewall") == []
    assert wrong(requests.secret(spec()), "Secret", "secretmanager.v1") == []


def test_only_iap_comes_in_and_only_to_vllm() -> None:
    closed, iap = requests.firewall_rules()
    assert (closed["denied"], closed["sourceRanges"]) == ([{"IPProtocol": "all"}], ["0.0.0.0/0"])
    assert iap["priority"] < closed["priority"]
    assert iap["allowed"] == [{"IPProtocol": "tcp", "ports": [str(requests.PORT)]}]
    assert iap["sourceRanges"] == ["35.235.240.0/20"]


def test_the_token_is_in_nothing_that_is_sent_to_compute_engine() -> None:
    body = requests.instance(spec(), "us-east4-a", KEY, NOW)
    assert TOKEN not in json.dumps(body)
    assert TOKEN not in json.dumps(requests.secret(spec()))


def test_without_an_expiry_the_machine_stays_and_spot_goes_for_good() -> None:
    forever = requests.scheduling(spec(expires_at=None), NOW)
    assert "maxRunDuration" not in forever
    assert "instanceTerminationAction" not in forever
    spot = requests.scheduling(spec("SPOT", expires_at=None), NOW)
    assert spot["instanceTerminationAction"] == "DELETE"


def test_the_disk_holds_the_weights_unless_the_machine_brings_its_own() -> None:
    made = spec()
    assert made.weights.size_gb == pytest.approx(137.95, abs=0.05)
    assert requests.disk_gb(made) >= 60 + 137.95
    plan = replace(made.plan, instance_type="a2-ultragpu-8g")
    assert requests.disk_gb(replace(made, plan=plan)) == 60
    assert requests.disk_type("a4-highgpu-8g") == "hyperdisk-balanced"
    assert requests.disk_type("g2-standard-96") == "pd-balanced"


@pytest.mark.long
def test_old_machines_get_their_cards_attached() -> None:
    made = spec()
    plan = replace(made.plan, instance_type="n1-standard-32+4xnvidia-tesla-t4")
    body = requests.instance(replace(made, plan=plan), "us-central1-a", KEY, NOW)
    assert wrong(body, "Instance") == []
    assert body["machineType"] == "zones/us-central1-a/machineTypes/n1-standard-32"
    (cards,) = body["guestAccelerators"]
    assert cards["acceleratorCount"] == 4
    assert cards["acceleratorType"].endswith("/nvidia-tesla-t4")


def test_labels_take_what_google_allows() -> None:
    labels = requests.labels(spec())
    assert labels["planner-owner"] == "ada-example"
    assert labels["planner-expires"] == "2026-11-23t20-00-00z"
    assert all(len(value) <= 63 for value in labels.values())


def test_the_run_time_stays_within_what_google_takes() -> None:
    assert requests.seconds_of_life(spec(expires_at=NOW + timedelta(seconds=5)), NOW) == 30
    assert requests.seconds_of_life(spec(expires_at=NOW + timedelta(days=400)), NOW) == 120 * 86400


@pytest.mark.parametrize("secret", [KEY, ""])
def test_cloud_init_and_bash_take_the_user_data(secret: str, tmp_path: Path) -> None:
    text = requests.user_data(spec(), secret)
    assert "{{" not in text
    parsed = yaml.safe_load(text)
    by_path = {item["path"]: item["content"] for item in parsed["write_files"]}
    given = by_path["/etc/planner/arguments"].splitlines()
    assert given == requests.arguments(spec())
    script = tmp_path / "start.sh"
    script.write_text(by_path["/etc/planner/start.sh"])
    checked = subprocess.run(["bash", "-n", script], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    assert ("secretmanager" in script.read_text()) is bool(secret)


def test_cloud_init_s_own_schema_takes_the_user_data() -> None:
    schema = jsonschema.Draft4Validator(borrowed.cloud_config_schema())
    config = yaml.safe_load(requests.user_data(spec(), KEY))
    assert not list(schema.iter_errors(config))
    assert list(schema.iter_errors(config | {"runcmd": "yes"}))


def test_zones_are_those_where_the_type_was_last_seen() -> None:
    assert zones.zones("a3-highgpu-8g", "us-central1") == (
        "us-central1-a",
        "us-central1-b",
        "us-central1-c",
    )
    assert "us-central1-f" in zones.zones("n1-standard-8+1xnvidia-tesla-t4", "us-central1")
    assert zones.zones("a3-highgpu-8g", "mars-north1") == ()


def test_other_engines_and_weights_in_s3_are_refused() -> None:
    make = Adapter().container
    with pytest.raises(UsageError, match="tgi"):
        deployment.specify(cheapest(), replace(OPTIONS, engine="tgi"), container_for=make)
    with pytest.raises(UsageError, match="S3"):
        deployment.specify(cheapest(), replace(OPTIONS, weights="s3://b/p/"), container_for=make)
