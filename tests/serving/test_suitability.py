"""One table says where an engine can be set up; everybody who asks gets the same answer."""

from __future__ import annotations

import pytest

from planner.planning import Request, compare, deployable, explain
from planner.planning.deployable import DEPLOYS_TO
from planner.pricing import instance_types
from planner.serving import models, suitability
from planner.serving.suitability import Machine


def of(service: str, name: str) -> Machine:
    item = instance_types.bundled().find(service, name)
    assert item is not None, name
    return deployable.machine(item)


@pytest.mark.parametrize(
    ("service", "name", "aspect"),
    [
        ("azure-vm", "Standard_NV36ads_A10_v5", "driver"),
        ("azure-vm", "Standard_NV72ads_A10_v5", "driver"),
        ("azure-vm", "Standard_NV6ads_A10_v5", "driver"),
        ("gce", "g4-standard-6", "driver"),
        ("gce", "g4-standard-24", "driver"),
        ("azure-vm", "Standard_ND96isr_MI300X_v5", "driver"),
        ("ec2", "g4ad.xlarge", "driver"),
        ("ec2", "p3.2xlarge", "driver"),
        ("azure-vm", "Standard_NC6s_v3", "driver"),
        ("gce", "n1-standard-8+1xnvidia-tesla-v100", "driver"),
        ("ec2", "g5g.xlarge", "architecture"),
        ("azure-vm", "Standard_ND128isr_NDR_GB200_v6", "architecture"),
        ("azure-vm", "Standard_NCC40ads_H100_v5", "confidential"),
        ("sagemaker", "ml.inf2.xlarge", "engine"),
    ],
)
def test_what_does_not_suit_is_told_apart_by_its_aspect(
    service: str, name: str, aspect: str
) -> None:
    found = suitability.obstacle(of(service, name))
    assert found is not None
    assert found.aspect == aspect
    assert found.why


@pytest.mark.parametrize(
    ("service", "name"),
    [
        ("azure-vm", "Standard_NC24ads_A100_v4"),
        ("azure-vm", "Standard_ND96isr_H100_v5"),
        ("azure-vm", "Standard_NC4as_T4_v3"),
        ("gce", "g4-standard-48"),
        ("gce", "g2-standard-4"),
        ("gce", "n1-standard-8+1xnvidia-tesla-t4"),
        ("sagemaker", "ml.g5.48xlarge"),
        ("ec2", "p5.48xlarge"),
    ],
)
def test_whole_cards_with_a_current_driver_suit(service: str, name: str) -> None:
    assert suitability.obstacle(of(service, name)) is None


def test_an_older_engine_runs_on_an_older_card() -> None:
    volta = of("sagemaker", "ml.p3.2xlarge")
    assert suitability.obstacle(volta, "vllm") is not None
    assert suitability.obstacle(volta, "tgi") is None


@pytest.mark.parametrize(
    ("service", "engine", "suits"),
    [
        ("gce", "vllm", True),
        ("gce", "tgi", False),
        ("ec2", "vllm", True),
        ("ec2", "tgi", False),
        ("azure-vm", "sglang", False),
        ("sagemaker", "lmi", True),
        ("sagemaker", "tgi", True),
        ("sagemaker", "sglang", False),
        ("sagemaker", "tensorrt-llm", False),
    ],
)
def test_engines_are_those_that_planner_sets_up(service: str, engine: str, *, suits: bool) -> None:
    machine = Machine(service, "any", "L4", 1)
    assert (suitability.obstacle(machine, engine) is None) is suits


def test_the_user_s_own_machine_is_not_judged() -> None:
    assert suitability.obstacle(Machine("local", "this machine", "P100", 1), "llama.cpp") is None


def test_weights_that_nobody_published_are_an_obstacle() -> None:
    model = models.get("llama-2-70b")
    assert suitability.without_weights(model, "bf16") is None
    found = suitability.without_weights(model, "fp4")
    assert found is not None
    assert found.aspect == "weights"


def test_what_deploy_refuses_is_never_called_deployable() -> None:
    found = compare(Request("mistral-7b", precision="bf16", every_region=True, top=None)).plans
    assert found
    for plan in found:
        machine = Machine(
            plan.service, plan.instance_type, plan.accelerator, float(plan.accelerator_count)
        )
        refused = suitability.obstacle(machine, plan.engine)
        assert not (plan.deployable and refused), plan.instance_type
        if refused:
            assert any(refused.why in warning for warning in plan.warnings)
        elif plan.service in DEPLOYS_TO:
            assert plan.deployable


def test_fit_says_it_too() -> None:
    request = Request("mistral-7b", instance_types=("Standard_NV36ads_A10_v5",))
    (record,) = explain(request)
    assert any("GRID" in warning for warning in record["warnings"])
