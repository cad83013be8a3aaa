"""``planner deploy`` where quota is too small: it offers to ask for it."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from terminal_rig import typed

from planner.sandbox import process, scenarios

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from subprocess import CompletedProcess

    from planner.sandbox.server import Sandbox

    Planner = Callable[..., CompletedProcess[str]]

DEPLOY = ("deploy", "llama-2-70b", "--create-roles", "--accept-license")


@pytest.fixture
def poor(sandbox: Sandbox, own_state_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """A new account: every GPU quota is zero."""
    own_state_folder.mkdir(parents=True, exist_ok=True)
    monkeypatch.setenv("HF_TOKEN", "hf_x")
    monkeypatch.setenv("PLANNER_SANDBOX", "1")
    process.write_state(sandbox.endpoints)
    settings = {"endpoint_startup_s": "0"}
    sandbox.world.reset(scenarios.with_settings(scenarios.get("new-account"), settings))
    return sandbox


@pytest.mark.long
def test_a_yes_files_what_was_shown_and_says_how_to_follow_it(
    poor: Sandbox, installed_planner: Planner
) -> None:
    done = typed(*DEPLOY, keys="y\n")
    assert done.code == 4, done.err
    (filed,) = poor.world.requests
    assert filed.desired == 1
    assert "for endpoint usage" in done.err
    assert "limit 0 -> 1" in done.err
    assert "planner --sandbox quota watch (#1)" in done.err
    assert not any("Create" in operation for _, operation in poor.world.calls)
    poor.world.clock.advance(timedelta(hours=7))
    assert installed_planner(*DEPLOY, "--yes").returncode == 0


def test_a_no_files_nothing_and_names_the_command(poor: Sandbox) -> None:
    done = typed(*DEPLOY, keys="n\n")
    assert done.code == 4
    assert poor.world.requests == []
    assert "planner quota request llama-2-70b" in done.err


@pytest.mark.long
@pytest.mark.parametrize("more", [("--yes",), ("--plan",), ("--plan", "--request-quota")])
def test_nobody_is_asked_for_more_than_was_said(more: tuple[str, ...], poor: Sandbox) -> None:
    done = typed(*DEPLOY, *more, keys="y\n")
    assert done.code == 4
    assert poor.world.requests == []


@pytest.mark.long
def test_a_flag_files_without_a_terminal_and_never_twice(
    poor: Sandbox, installed_planner: Planner
) -> None:
    for words in ("#1 filed", "#1 already open"):
        done = installed_planner(*DEPLOY, "--yes", "--request-quota")
        assert done.returncode == 4
        assert words in done.stderr
    assert len(poor.world.requests) == 1
    listed = json.loads(installed_planner("quota", "status", "--format", "json").stdout)
    assert [item["model"] for item in listed] == ["llama-2-70b"]


@pytest.mark.long
def test_the_offer_is_the_same_on_another_cloud(poor: Sandbox, installed_planner: Planner) -> None:
    more = ("--to", "gce", "--yes", "--request-quota")
    done = installed_planner(*DEPLOY, *more, PLANNER_CONTACT_EMAIL="ada@example.com")
    assert done.returncode == 4, done.stderr
    assert {request.key[0] for request in poor.world.requests} == {"gcp"}
    assert "ada@example.com" in done.stderr


def test_what_the_cloud_will_not_grant_is_not_asked_for(
    poor: Sandbox, installed_planner: Planner
) -> None:
    poor.world.scenario = scenarios.with_settings(poor.world.scenario, {"adjustable": "no"})
    done = installed_planner(*DEPLOY, "--yes", "--request-quota")
    assert done.returncode == 4
    assert "pointless" in done.stderr
    assert poor.world.requests == []
