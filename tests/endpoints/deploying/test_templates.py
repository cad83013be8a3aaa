"""Templates say the same as a deploy does, and pass the checks of their own tools."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from rig import OPTIONS, TOKEN, cheapest

from planner.endpoints.deploying import deployment, templates
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
    resources = templates.cloudformation(spec)["Resources"]
    (variant,) = resources["EndpointConfig"]["Properties"]["ProductionVariants"]
    assert {k: v for k, v in variant.items() if k != "ModelName"} == requests.variant(spec)
    environment = dict(resources["Model"]["Properties"]["PrimaryContainer"]["Environment"])
    environment.pop("HF_TOKEN", None)
    assert environment == spec.container.environment
    assert ("Expiry" in resources) is (spec.expires_at is not None)
    if spec.expires_at is not None:
        assert resources["Endpoint"]["DependsOn"] == "Expiry"


@pytest.mark.skipif(shutil.which("terraform") is None, reason="terraform is not installed")
def test_terraform_is_laid_out_as_terraform_fmt_lays_it_out(
    spec: DeploymentSpec, tmp_path: Path
) -> None:
    (tmp_path / "main.tf").write_text(templates.emit(spec, "terraform"))
    done = subprocess.run(
        ["terraform", "fmt", "-check", "-diff", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_terraform_names_each_setting_of_the_container(spec: DeploymentSpec) -> None:
    text = templates.emit(spec, "terraform")
    for name, value in spec.container.environment.items():
        assert any(name in line and json.dumps(value) in line for line in text.splitlines())


@pytest.mark.parametrize("kind", templates.FORMATS)
def test_no_template_holds_the_token(kind: str, plan: Plan) -> None:
    spec = replace(deployment.specify(plan, OPTIONS), token=Secret(TOKEN))
    assert TOKEN not in templates.emit(spec, kind)


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
