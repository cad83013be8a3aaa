"""Templates say the same as a deploy does, and pass the checks of their own tools."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from rig import OPTIONS, TOKEN, cheapest

from planner.endpoints.deploying import deployment, templates
from planner.endpoints.deploying.cloudformation import cloudformation
from planner.endpoints.deploying.terraform import terraform
from planner.endpoints.model import Secret
from planner.endpoints.sagemaker import requests
from planner.endpoints.watching.guard import Guard
from planner.errors import UnknownNameError, UsageError

if TYPE_CHECKING:
    from planner.endpoints.model import DeploymentSpec
    from planner.plan import Plan

CFN_LINT = str(Path(sys.executable).with_name("cfn-lint"))
VARIANTS = {
    "gated": {},
    "s3": {"weights": "s3://bucket/llama/"},
    "no expiry": {"life": None},
}


@pytest.fixture(params=sorted(VARIANTS))
def spec(request: pytest.FixtureRequest, plan: Plan) -> DeploymentSpec:
    made = deployment.specify(plan, replace(OPTIONS, **VARIANTS[request.param]))
    return replace(made, token=Secret(TOKEN))


@pytest.mark.long
def test_cloudformation_is_clean_for_cfn_lint(spec: DeploymentSpec, tmp_path: Path) -> None:
    path = tmp_path / "template.json"
    path.write_text(templates.emit(spec, "cloudformation"))
    done = subprocess.run(
        [CFN_LINT, "--regions", spec.region, "--", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.long
def test_cfn_lint_would_notice_a_wrong_machine(plan: Plan, tmp_path: Path) -> None:
    wrong = replace(
        deployment.specify(plan, OPTIONS), plan=replace(plan, instance_type="ml.g9.huge")
    )
    path = tmp_path / "template.json"
    path.write_text(templates.emit(wrong, "cloudformation"))
    done = subprocess.run(
        [CFN_LINT, "--", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "ml.g9.huge" in done.stdout


def test_cloudformation_orders_the_same_as_a_deploy(spec: DeploymentSpec) -> None:
    resources = cloudformation(spec)["Resources"]
    (variant,) = resources["EndpointConfig"]["Properties"]["ProductionVariants"]
    assert {k: v for k, v in variant.items() if k != "ModelName"} == requests.variant(spec)
    environment = dict(resources["Model"]["Properties"]["PrimaryContainer"]["Environment"])
    environment.pop("HF_TOKEN", None)
    assert environment == spec.container.environment
    assert ("Expiry" in resources) is (spec.expires_at is not None)
    if spec.expires_at is not None:
        assert resources["Endpoint"]["DependsOn"] == "Expiry"


class TestMoments:
    """A template is used on another day: it holds no moment."""

    @pytest.mark.parametrize("kind", templates.FORMATS)
    def test_none_is_written_down(self, kind: str, plan: Plan) -> None:
        spec = deployment.specify(plan, replace(OPTIONS, weights="s3://bucket/llama/"))
        assert spec.expires_at is not None
        text = templates.emit(spec, kind)
        assert not re.search(rf"{spec.expires_at:%Y-%m}-\d\dT", text)

    def test_cloudformation_takes_it_as_a_parameter_without_a_default(self, plan: Plan) -> None:
        made = cloudformation(deployment.specify(plan, OPTIONS))
        parameter = made["Parameters"]["ExpiresAt"]
        assert "Default" not in parameter
        assert re.fullmatch(parameter["AllowedPattern"], "2026-11-27T18:00:00Z")
        schedule = made["Resources"]["Expiry"]["Properties"]
        assert schedule["StartDate"] == {"Ref": "ExpiresAt"}
        tags = made["Resources"]["Endpoint"]["Properties"]["Tags"]
        assert {"Key": "planner:expires", "Value": {"Ref": "ExpiresAt"}} in tags

    def test_terraform_counts_it_from_each_apply(self, plan: Plan) -> None:
        options = replace(OPTIONS, weights="s3://bucket/llama/", life=timedelta(hours=3))
        made = terraform(deployment.specify(plan, options))
        assert made["variable"]["expires_in"]["default"] == "3h"
        assert "plantimestamp()" in made["locals"]["expires_at"]
        schedule = made["resource"]["aws_scheduler_schedule"]["expiry"]
        assert schedule["start_date"] == "${local.expires_at}"
        endpoint = made["resource"]["aws_sagemaker_endpoint"]["this"]
        assert "aws_scheduler_schedule.expiry" in endpoint["depends_on"]


class TestTerraform:
    @pytest.fixture(params=["s3", "no expiry"])
    def made(self, request: pytest.FixtureRequest, plan: Plan) -> dict[str, Any]:
        chosen = {"weights": "s3://bucket/llama/", **VARIANTS[request.param]}
        return terraform(deployment.specify(plan, replace(OPTIONS, **chosen)))

    def test_each_reference_names_what_is_there(self, made: dict[str, Any]) -> None:
        there = {f"{kind}.{name}" for kind, named in made["resource"].items() for name in named}
        there |= {f"local.{name}" for name in made.get("locals", {})}
        there |= {f"var.{name}" for name in made.get("variable", {})}
        text = json.dumps(made)
        named = set(re.findall(r"\b(?:aws_\w+|local|var)\.\w+", text))
        assert named <= there

    def test_it_orders_the_same_as_a_deploy(self, plan: Plan) -> None:
        spec = deployment.specify(plan, replace(OPTIONS, weights="s3://bucket/llama/"))
        made = terraform(spec)["resource"]
        (container,) = made["aws_sagemaker_model"]["this"]["primary_container"]
        assert container["environment"] == spec.container.environment
        (variant,) = made["aws_sagemaker_endpoint_configuration"]["this"]["production_variants"]
        assert set(requests.variant(spec).values()) <= set(variant.values())
        policy = made["aws_iam_role_policy"]["expiry"]["policy"]
        assert "sagemaker:DeleteEndpoint" in policy

    def test_what_would_keep_a_token_in_the_state_is_refused(self, plan: Plan) -> None:
        spec = replace(deployment.specify(plan, OPTIONS), token=Secret(TOKEN))
        with pytest.raises(UsageError) as caught:
            templates.emit(spec, "terraform")
        assert "--weights s3://" in caught.value.advice

    def test_texts_that_look_like_expressions_are_taken_as_they_are(self, plan: Plan) -> None:
        options = replace(OPTIONS, weights="s3://bucket/${x}/", owner="%{y}")
        text = json.dumps(terraform(deployment.specify(plan, options)))
        assert "$${x}" in text
        assert "%%{y}" in text


def test_cloudformation_does_not_hold_the_token(plan: Plan) -> None:
    spec = replace(deployment.specify(plan, OPTIONS), token=Secret(TOKEN))
    assert TOKEN not in templates.emit(spec, "cloudformation")


@pytest.mark.parametrize("kind", templates.FORMATS)
@pytest.mark.parametrize(
    "guard",
    [
        Guard(least_instances=0),
        Guard(idle=timedelta(hours=2), idle_action="delete"),
        Guard(budget_usd=5, notify="me@example.com"),
        Guard(most_instances=3),
    ],
)
def test_a_guard_is_not_left_out_silently(guard: Guard, kind: str, plan: Plan) -> None:
    spec = deployment.specify(plan, replace(OPTIONS, guard=guard))
    with pytest.raises(UsageError, match="no other guard"):
        templates.emit(spec, kind)


def test_an_unknown_kind_names_those_there_are(plan: Plan) -> None:
    with pytest.raises(UnknownNameError, match="pulumi"):
        templates.emit(deployment.specify(plan, OPTIONS), "pulumi")


def test_templates_of_quantized_models_need_no_secret() -> None:
    spec = deployment.specify(cheapest(precision="int4"), OPTIONS)
    assert "secretsmanager" not in templates.emit(spec, "cloudformation")
