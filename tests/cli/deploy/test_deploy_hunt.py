"""The capacity hunt through the installed command: three clouds, scripted shortages."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from planner.sandbox import process, scenarios

if TYPE_CHECKING:
    from collections.abc import Callable
    from subprocess import CompletedProcess

    from planner.sandbox.server import Sandbox

    Planner = Callable[..., CompletedProcess[str]]

YES = ("--yes", "--create-roles", "--accept-license")
HUNT = ("deploy", "llama-2-70b", "--to", "cheapest", *YES, "--output", "json")
AZURE = ("eastus", "eastus2", "westus2", "westus3")
"""The four cheapest places for Llama 2 70B in the US; Google's us-east4 comes after them."""


@pytest.fixture
def world(sandbox: Sandbox, own_state_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """A sandbox that the installed command finds, with a token in the environment."""
    own_state_folder.mkdir(parents=True, exist_ok=True)
    monkeypatch.setenv("HF_TOKEN", "hf_of_nobody")
    monkeypatch.setenv("PLANNER_SANDBOX", "1")
    process.write_state(sandbox.endpoints)
    set_up(sandbox)
    return sandbox


def set_up(sandbox: Sandbox, name: str = "approved", **settings: str) -> None:
    base = scenarios.with_settings(scenarios.get(name), {"endpoint_startup_s": "0", **settings})
    sandbox.world.reset(base)


def everywhere(planner: Planner) -> list[dict[str, Any]]:
    """Return what exists in any region of any cloud, by the clouds' own tags."""
    shown = planner("status", "--all-regions", "--format", "json")
    assert shown.returncode == 0, shown.stderr
    return json.loads(shown.stdout)  # type: ignore[no-any-return]


def places(found: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    return [(item["service"], item["region"], item["state"]) for item in found]


@pytest.mark.long
def test_the_hunt_over_three_clouds_ends_on_the_cheapest_that_has_room(
    world: Sandbox, installed_planner: Planner
) -> None:
    # Room neither on Azure nor, at Google, for the cheapest type; SageMaker has some.
    set_up(world, no_capacity_in=",".join((*AZURE, "g2-standard-96")))
    done = installed_planner(*HUNT, "--tries", "12")
    assert done.returncode == 0, done.stderr
    outcome = json.loads(done.stdout)
    tried = [item for item in outcome["attempts"] if item["result"] == "no room"]
    prices = [float(item["hourly_usd"]) for item in tried]
    assert prices == sorted(prices)
    assert float(outcome["hourly_usd"]) >= prices[-1]
    assert {item["service"] for item in tried} == {"azure-vm", "gce"}
    assert len({item["region"] for item in tried}) > 4
    assert outcome["answered"]
    assert places(everywhere(installed_planner)) == [
        (outcome["service"], outcome["region"], "in service")
    ]
    # Every cheaper place that is not listed as full was passed over for a reason that is.
    assert all(item["why"] for item in outcome["attempts"])
    again = installed_planner(*HUNT)
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["changed"] is False
    assert len(everywhere(installed_planner)) == 1
    assert installed_planner("destroy", "llama-2-70b", "--yes").returncode == 0
    assert everywhere(installed_planner) == []


@pytest.mark.long
def test_no_room_anywhere_has_its_exit_code_and_leaves_nothing(
    world: Sandbox, installed_planner: Planner
) -> None:
    set_up(world, capacity="no")
    failed = installed_planner(*HUNT, "--tries", "3")
    assert failed.returncode == 6
    assert "no room in 3 places tried" in failed.stderr
    assert "--keep-trying" in failed.stderr
    assert everywhere(installed_planner) == []


@pytest.mark.long
def test_without_quota_nothing_is_tried_and_what_to_ask_for_is_said(
    world: Sandbox, installed_planner: Planner
) -> None:
    set_up(world, "new-account")
    failed = installed_planner("deploy", "llama-2-70b", "--to", "cheapest", *YES)
    assert failed.returncode == 4
    assert "nothing was made" in failed.stderr
    assert "planner --sandbox quota request llama-2-70b" in failed.stderr
    assert "Passed over" in failed.stdout


@pytest.mark.long
def test_a_cloud_without_access_does_not_stop_the_others(
    world: Sandbox, installed_planner: Planner
) -> None:
    set_up(world, providers_registered="no")
    done = installed_planner(*HUNT)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["service"] != "azure-vm"


@pytest.mark.long
def test_it_keeps_trying_until_there_is_room(world: Sandbox, installed_planner: Planner) -> None:
    set_up(world, capacity="no")

    command = Path(sys.executable).with_name("planner")
    with subprocess.Popen(
        [command, *HUNT, "--tries", "2", "--keep-trying", "1h"],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        env=os.environ.copy(),
    ) as running:
        assert running.stderr is not None
        lines = iter(running.stderr.readline, "")
        next(line for line in lines if "no place has room; again in" in line)
        world.world.scenario = scenarios.with_settings(world.world.scenario, {"capacity": "yes"})
        rest = "".join(lines)
        assert running.wait(60) == 0, rest
    assert len(everywhere(installed_planner)) == 1


@pytest.mark.long
def test_the_first_of_a_race_stays_and_the_others_go(
    world: Sandbox, installed_planner: Planner
) -> None:
    set_up(world, endpoint_startup_s="1")
    done = installed_planner(*HUNT, "--race", "3")
    assert done.returncode == 0, done.stderr
    outcome = json.loads(done.stdout)
    overtaken = [item for item in outcome["attempts"] if item["result"] == "overtaken"]
    assert len(overtaken) == 2
    assert len({(item["service"], item["region"]) for item in [*overtaken, outcome]}) == 3
    assert places(everywhere(installed_planner)) == [
        (outcome["service"], outcome["region"], "in service")
    ]


@pytest.mark.long
def test_spot_machines_are_shown_and_chosen_at_their_own_price(
    world: Sandbox, installed_planner: Planner
) -> None:
    shown = installed_planner(*HUNT, "--spot", "--plan")
    places = json.loads(shown.stdout)["places"]
    prices = [float(item["hourly_usd"]) for item in places]
    assert prices == sorted(prices)
    assert {item["service"] for item in places} <= {"ec2", "gce", "azure-vm"}
    done = installed_planner(*HUNT, "--spot")
    assert done.returncode == 0, done.stderr
    (there,) = everywhere(installed_planner)
    assert float(there["hourly_usd"]) == prices[0]
    offers = installed_planner(
        *("prices", "--instance-type", there["instance_type"], "--region", there["region"]),
        *("--pricing-model", "spot", "--format", "json"),
    )
    (offer,) = json.loads(offers.stdout)
    assert float(offer["effective_hourly_usd"]) == prices[0]
    assert world.world.scenario.name == "approved"


@pytest.mark.long
def test_the_plan_of_a_race_says_what_all_of_it_may_cost(
    world: Sandbox, installed_planner: Planner
) -> None:
    shown = installed_planner(*HUNT[:4], "--accept-license", "--race", "2", "--plan")
    assert shown.returncode == 0, shown.stderr
    assert "2 are started at once and billed" in shown.stderr
    listed = json.loads(installed_planner(*HUNT, "--race", "2", "--plan").stdout)["places"]
    dearest = sorted(float(item["hourly_usd"]) for item in listed)[-2:]
    assert f"${sum(dearest):.2f} an hour together" in shown.stderr
    assert not any("create" in name.lower() for _, name in world.world.calls)


@pytest.mark.long
@pytest.mark.parametrize("race", [(), ("--race", "2")], ids=["in turn", "race"])
def test_ctrl_c_amid_the_hunt_leaves_nothing(
    race: tuple[str, ...], world: Sandbox, installed_planner: Planner
) -> None:
    set_up(world, no_capacity_in=AZURE[0], endpoint_startup_s="3000")
    command = Path(sys.executable).with_name("planner")
    with subprocess.Popen(
        [command, *HUNT, *race],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ.copy(),
    ) as running:
        assert running.stderr is not None
        lines = iter(running.stderr.readline, "")
        # The second place has its machine.
        next(line for line in lines if f"no room: Standard_NC48ads_A100_v4 in {AZURE[0]}" in line)
        next(line for line in lines if "wait until it is in service" in line)
        running.send_signal(2)
        rest = "".join(lines)
        assert running.wait(60) == 130, rest
    assert "rolling back" in rest
    assert everywhere(installed_planner) == []


@pytest.mark.long
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--to", "sagemaker,local"), "--to local stands alone"),
        (("--to", "moon"), "none of sagemaker"),
        (("--to", "cheapest", "--race", "2", "--no-wait"), "--race"),
        (("--to", "cheapest", "--max-hourly", "0.5"), "costs $0.50 an hour or less"),
        (("--to", "local", "--keep-trying", "1h"), "--keep-trying"),
        (("--to", "sagemaker", "--spot"), "no spot endpoints"),
    ],
)
def test_words_that_make_no_sense_change_nothing(
    words: tuple[str, ...], said: str, world: Sandbox, installed_planner: Planner
) -> None:
    failed = installed_planner("deploy", "llama-2-70b", *words, *YES)
    assert failed.returncode in {2, 3}
    assert said in failed.stderr
    assert not any("create" in name.lower() for _, name in world.world.calls)
