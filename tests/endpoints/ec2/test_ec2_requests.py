"""What is sent to AWS: by botocore's models, by cloud-init, by bash."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import borrowed
import botocore.session
import jsonschema
import pytest
import yaml
from botocore.validate import ParamValidator
from ec2_rig import OPTIONS, TOKEN, cheapest

from planner.endpoints.aws import roles
from planner.endpoints.deploying import deployment
from planner.endpoints.ec2 import Adapter, identities, requests
from planner.endpoints.model import DeploymentSpec, Secret
from planner.errors import UsageError
from planner.sandbox.aws import rules

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
MOST_USER_DATA = 16 * 1024  # "Instance user data": 16 KB before it is encoded
MOST_TAGS, LONGEST_TAG = 50, 256


def wrong(body: dict[str, Any], service: str, operation: str) -> list[str]:
    shape = botocore.session.get_session().get_service_model(service)
    taken = shape.operation_model(operation).input_shape
    report = ParamValidator().validate(body, taken)
    found = [report.generate_report()] if report.has_errors() else []
    return found + list(rules.violations(taken, body))


def spec(provisioning: str = "STANDARD", **changes: Any) -> DeploymentSpec:
    made = deployment.specify(
        cheapest(), OPTIONS, now=NOW, container_for=Adapter(provisioning).container
    )
    role = "arn:aws:iam::123456789012:role/planner-ec2-expiry"
    named = replace(made, execution_role="planner-ec2-endpoint", expiry_role=role)
    return replace(named, token=Secret(TOKEN), **changes)


def body(made: DeploymentSpec, *, public: bool = True) -> dict[str, Any]:
    return requests.instance(made, "ami-0123456789abcdef0", "subnet-1", "sg-1", public=public)


@pytest.mark.parametrize("provisioning", requests.MODELS)
def test_the_machine_is_what_botocore_s_model_knows(provisioning: str) -> None:
    made = body(spec(provisioning))
    assert wrong(made, "ec2", "RunInstances") == []
    assert made["MetadataOptions"]["HttpTokens"] == "required"
    assert made["InstanceInitiatedShutdownBehavior"] == "terminate"
    assert ("InstanceMarketOptions" in made) is (provisioning == "SPOT")


def test_one_token_a_run_and_subnet() -> None:
    made = spec()
    same = requests.client_token(made, "subnet-1")
    assert same == requests.client_token(made, "subnet-1")
    assert same != requests.client_token(made, "subnet-2")
    assert same != requests.client_token(replace(made, run="other"), "subnet-1")
    assert len(same) <= 64


def test_the_token_is_in_nothing_that_is_sent_to_ec2() -> None:
    assert TOKEN not in json.dumps(body(spec()))


def test_tags_take_what_aws_allows_and_give_the_settings_back() -> None:
    made = spec()
    found = {tag["Key"]: tag["Value"] for tag in requests.tags(made)}
    assert len(found) <= MOST_TAGS
    assert all(len(value) <= LONGEST_TAG for value in found.values())
    assert requests.details(found) == made.settings
    assert requests.details({}) == {}


def test_the_expiry_is_what_scheduler_s_model_knows() -> None:
    made = spec()
    assert made.expires_at is not None
    name = requests.schedule_name(made.name, made.run)
    order = requests.schedule(name, made.name, "i-1", made.expiry_role, made.expires_at)
    assert wrong(order, "scheduler", "CreateSchedule") == []
    assert json.loads(order["Target"]["Input"]) == {"InstanceIds": ["i-1"]}
    assert requests.endpoint_of_schedule(name) == made.name
    assert requests.endpoint_of_schedule(f"planner.{made.name}.{made.run}") == ""


def test_the_disk_holds_the_weights_unless_the_machine_brings_its_own() -> None:
    made = spec()
    assert requests.disk_gb(made) == 120
    plan = replace(made.plan, instance_type="p6-unknown.8xlarge")
    assert requests.disk_gb(replace(made, plan=plan)) >= 120 + 137.95


@pytest.mark.parametrize("parameter", ["/planner/ec2/m/1", ""])
@pytest.mark.parametrize("ends", [True, False])
def test_cloud_init_and_bash_take_the_user_data(
    parameter: str, tmp_path: Path, *, ends: bool
) -> None:
    made = spec() if ends else spec(expires_at=None)
    text = requests.user_data(made, parameter)
    assert "{{" not in text
    assert len(text.encode()) < MOST_USER_DATA
    config = yaml.safe_load(text)
    assert not list(jsonschema.Draft4Validator(borrowed.cloud_config_schema()).iter_errors(config))
    by_path = {item["path"]: item["content"] for item in config["write_files"]}
    assert "--host\n127.0.0.1" in by_path["/etc/planner/arguments"]
    scripts = [content for path, content in by_path.items() if path.endswith(".sh")]
    assert len(scripts) == 1 + ends
    for number, content in enumerate(scripts):
        script = tmp_path / f"{number}.sh"
        script.write_text(content)
        checked = subprocess.run(["bash", "-n", script], capture_output=True, check=False)
        assert checked.returncode == 0, checked.stderr
    assert ("get-parameter" in scripts[0]) is bool(parameter)


@pytest.mark.long
def test_the_machine_s_own_clock_reads_its_tag_and_switches_off(tmp_path: Path) -> None:
    """Run the clock itself, with a metadata service and a poweroff that are ours."""
    config = yaml.safe_load(requests.user_data(spec(), ""))
    by_path = {item["path"]: item["content"] for item in config["write_files"]}
    said = by_path["/etc/planner/expiry.sh"].replace("sleep 60", "sleep 0.01")
    (tmp_path / "curl").write_text('#!/bin/bash\necho "$*" >> "$CALLS"; cat "$TAG"\n')
    (tmp_path / "systemctl").write_text('#!/bin/bash\necho "$*" > "$OFF"; kill "$PPID"\n')
    for name in ("curl", "systemctl"):
        (tmp_path / name).chmod(0o755)
    (tmp_path / "tag").write_text("2026-01-01T00:00:00Z")  # long over
    names = {"CALLS": "calls", "TAG": "tag", "OFF": "off"}
    variables = {name: str(tmp_path / file) for name, file in names.items()}
    subprocess.run(
        ["bash", "-c", said], env={**variables, "PATH": f"{tmp_path}:/usr/bin:/bin"}, check=False
    )
    assert (tmp_path / "off").read_text().strip() == "poweroff"
    assert "tags/instance/planner:expires" in (tmp_path / "calls").read_text()


@pytest.mark.parametrize("role", [identities.ENDPOINT, identities.EXPIRY])
def test_a_role_may_do_what_its_text_says_and_no_more(role: roles.Role) -> None:
    rights = roles.rights(role)
    actions = json.dumps(rights)
    assert roles.trusts({"AssumeRolePolicyDocument": roles.trust(role)}, role.service)
    assert '"*"' not in json.dumps([s["Action"] for s in rights["Statement"]])
    assert ("ec2:TerminateInstances" in actions) is (role is identities.EXPIRY)
    assert ("ssm:GetParameter" in actions) is (role is identities.ENDPOINT)


def test_other_engines_and_weights_in_s3_are_refused() -> None:
    make = Adapter().container
    with pytest.raises(UsageError, match="tgi"):
        deployment.specify(cheapest(), replace(OPTIONS, engine="tgi"), container_for=make)
    with pytest.raises(UsageError, match="S3"):
        deployment.specify(cheapest(), replace(OPTIONS, weights="s3://b/p/"), container_for=make)
