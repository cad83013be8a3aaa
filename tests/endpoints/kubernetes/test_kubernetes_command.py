"""``planner deploy --emit kubernetes`` through the installed command."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml
from kubernetes_schemas import problems

if TYPE_CHECKING:
    from collections.abc import Callable
    from subprocess import CompletedProcess

    Planner = Callable[..., CompletedProcess[str]]

TOKEN = "hf_DoNotShowThisTokenAnywhere"  # noqa: S105 - it is what the test searches for
EMIT = ("deploy", "llama-2-70b", "--emit", "kubernetes")


@pytest.mark.parametrize(
    ("where", "nodes"),
    [("gke", "gcloud"), ("eks", "eksctl"), ("aks", "az aks"), ("sagemaker", "eksctl")],
)
def test_the_command_writes_one_file_for_a_cluster(
    where: str, nodes: str, installed_planner: Planner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    done = installed_planner(*EMIT, "--to", where)
    assert done.returncode == 0, done.stderr
    assert nodes in done.stdout
    assert TOKEN not in done.stdout + done.stderr
    found = list(yaml.safe_load_all(done.stdout))
    assert "Deployment" in {item["kind"] for item in found}
    assert [text for item in found for text in problems(item)] == []


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ((*EMIT, "--to", "local"), "no cluster"),
        ((*EMIT, "--to", "gke", "--max-hourly", "1"), "ceiling"),
        ((*EMIT, "--to", "gke", "--plan"), "--plan"),
        (("deploy", "llama-2-70b", "--to", "gke"), "--emit kubernetes"),
    ],
)
def test_what_makes_no_sense_is_wrong_usage_and_writes_nothing(
    arguments: tuple[str, ...], why: str, installed_planner: Planner
) -> None:
    done = installed_planner(*arguments)
    assert done.returncode == 2
    assert why in done.stderr
    assert done.stdout == ""
