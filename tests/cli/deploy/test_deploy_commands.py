"""The installed command, from a new account to an answer and to nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from planner.sandbox import process, scenarios

if TYPE_CHECKING:
    from collections.abc import Callable
    from subprocess import CompletedProcess

    from planner.sandbox.server import Sandbox

    Planner = Callable[..., CompletedProcess[str]]

TOKEN = "hf_DoNotShowThisTokenAnywhere"  # noqa: S105 - it is what the tests search for
YES = ("--yes", "--create-roles", "--accept-license")


@pytest.fixture
def world(sandbox: Sandbox, own_state_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """A sandbox that the installed command finds, with a token in the environment."""
    own_state_folder.mkdir(parents=True, exist_ok=True)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setenv("PLANNER_SANDBOX", "1")
    process.write_state(sandbox.endpoints)
    set_up(sandbox, "approved")
    return sandbox


def set_up(sandbox: Sandbox, name: str, **settings: str) -> None:
    base = scenarios.with_settings(scenarios.get(name), {"endpoint_startup_s": "0", **settings})
    sandbox.world.reset(base)


@pytest.mark.long
def test_from_no_quota_to_a_chat_answer_to_nothing(
    world: Sandbox, installed_planner: Planner
) -> None:
    set_up(world, "new-account")
    refused = installed_planner("deploy", "llama-2-70b", *YES)
    assert refused.returncode == 4
    advice = next(line for line in refused.stderr.splitlines() if "planner quota request" in line)
    asked = installed_planner(*advice.split("planner ", 1)[1].split(), "--yes")
    assert asked.returncode == 0, asked.stderr
    world.world.clock.advance(timedelta(hours=7))
    done = installed_planner("deploy", "llama-2-70b", *YES)
    assert done.returncode == 0, done.stderr
    assert "llama-2-70b answers in" in done.stdout
    assert "planner --sandbox key llama-2-70b" in done.stdout
    assert "invoke_endpoint(" in done.stdout
    assert "from openai import OpenAI" in done.stdout
    assert "SIMULATED" in done.stderr
    answer = installed_planner("chat", "llama-2-70b", "why?", "--max-tokens", "8")
    assert answer.returncode == 0
    assert answer.stdout.strip()
    listed = json.loads(installed_planner("status", "--format", "json").stdout)
    assert [(item["name"], item["state"]) for item in listed] == [("llama-2-70b", "in service")]
    assert listed[0]["spent_usd"] >= 0
    assert listed[0]["seconds_left"] > 7 * 3600
    log = installed_planner("logs", "llama-2-70b")
    assert "Application startup complete" in log.stdout
    longer = installed_planner("extend", "llama-2-70b", "2d")
    assert longer.returncode == 0
    gone = installed_planner("destroy", "llama-2-70b", "--yes")
    assert gone.returncode == 0
    assert "is gone" in gone.stdout
    assert json.loads(installed_planner("status", "--format", "json").stdout) == []
    everything = [refused, asked, done, answer, log, longer, gone]
    assert not any(TOKEN in item.stdout + item.stderr for item in everything)


@pytest.mark.long
@pytest.mark.parametrize(
    ("arguments", "settings", "code", "words"),
    [
        ((), {"gpu_instances": "0"}, 4, "planner quota request"),
        ((), {"capacity": "no"}, 6, "--to cheapest"),
        ((), {"denied_actions": "sagemaker:CreateModel"}, 5, "sagemaker:CreateModel"),
        ((), {"endpoint_failure": "gated"}, 1, "Hugging Face"),
        (("--max-hourly", "1"), {}, 2, "above the ceiling"),
        (("--instance-type", "ml.g5.xlarge"), {}, 3, "planner compare"),
        (("--name", "a b"), {}, 2, "cannot be called"),
        (("--precision", "int8"), {}, 2, "--weights"),
    ],
)
def test_each_way_to_fail_has_its_exit_code_and_a_next_step(  # noqa: PLR0917 - fixtures
    arguments: tuple[str, ...],
    settings: dict[str, str],
    code: int,
    words: str,
    world: Sandbox,
    installed_planner: Planner,
) -> None:
    set_up(world, "approved", **settings)
    done = installed_planner("deploy", "llama-2-70b", *YES, *arguments)
    assert done.returncode == code, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert installed_planner("status", "--region", "us-west-2").stdout == "No endpoints.\n"


@pytest.mark.long
def test_without_a_yes_nothing_is_made(world: Sandbox, installed_planner: Planner) -> None:
    done = installed_planner("deploy", "llama-2-70b", "--accept-license")
    assert done.returncode == 2
    assert "nobody is there to say yes" in done.stderr
    assert not any("Create" in operation for _, operation in world.world.calls)


@pytest.mark.long
def test_the_plan_is_json_on_request_and_says_what_stands_in_the_way(
    world: Sandbox, installed_planner: Planner
) -> None:
    done = installed_planner("deploy", "llama-2-70b", "--plan", "--output", "json")
    plan = json.loads(done.stdout)
    assert done.returncode == 2  # the licence is not accepted
    assert plan["plan"]["on_demand_hourly_usd"] > 0
    assert {f["check"] for f in plan["findings"] if f["status"] == "bad"} >= {"licence"}
    assert not any("Create" in operation for _, operation in world.world.calls)


@pytest.mark.long
def test_the_plan_fits_eighty_columns(world: Sandbox, installed_planner: Planner) -> None:
    del world
    done = installed_planner("deploy", "llama-2-70b", "--plan", COLUMNS="80")
    assert max(len(line) for line in done.stderr.splitlines()) <= 80


@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_the_installed_command_rolls_back(
    number: signal.Signals, world: Sandbox, installed_planner: Planner
) -> None:
    set_up(world, "approved", endpoint_startup_s="2")
    command = Path(sys.executable).with_name("planner")
    running = subprocess.Popen(
        [command, "deploy", "llama-2-70b", *YES],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ.copy(),
    )
    deadline = time.monotonic() + 30
    while ("aws", "sagemaker:CreateEndpoint") not in world.world.calls:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    running.send_signal(number)
    out, err = running.communicate(timeout=60)
    assert running.returncode == 130, err
    assert "planner destroy llama-2-70b" in err
    assert "rolling back" in err
    assert out == ""
    assert installed_planner("status", "--region", "us-west-2").stdout == "No endpoints.\n"


@pytest.mark.long
def test_a_pipe_that_nobody_reads_any_more_rolls_back(
    world: Sandbox, installed_planner: Planner
) -> None:
    set_up(world, "approved", endpoint_startup_s="3")
    command = Path(sys.executable).with_name("planner")
    with subprocess.Popen(
        [command, "deploy", "llama-2-70b", *YES],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ.copy(),
    ) as running:
        assert running.stderr is not None
        while "create the endpoint configuration" not in running.stderr.readline():
            assert running.poll() is None
        running.stderr.close()
        assert running.wait(60) != 0
    assert ("aws", "sagemaker:CreateModel") in world.world.calls
    assert installed_planner("status", "--region", "us-west-2").stdout == "No endpoints.\n"


@pytest.mark.long
def test_orphans_are_found_and_removed_everywhere(
    world: Sandbox, installed_planner: Planner
) -> None:
    assert installed_planner("deploy", "llama-2-70b", *YES, "--format", "json").returncode == 0
    world.world.clock.advance(timedelta(hours=9))
    shown = json.loads(installed_planner("status", "--format", "json").stdout)
    assert [item["state"] for item in shown] == ["leftover"]
    done = installed_planner("destroy", "--orphans", "--yes", "--region", shown[0]["region"])
    assert done.returncode == 0, done.stderr
    assert json.loads(installed_planner("status", "--format", "json").stdout) == []


def test_a_name_that_is_not_there_has_its_own_exit_code(
    world: Sandbox, installed_planner: Planner
) -> None:
    del world
    done = installed_planner("destroy", "nobody", "--yes", "--region", "us-east-1")
    assert done.returncode == 3
    assert "planner --sandbox status --all-regions" in done.stderr


@pytest.mark.long
def test_bench_compares_with_the_prediction_and_keeps_nothing_simulated(
    world: Sandbox, installed_planner: Planner, tmp_path: Path
) -> None:
    del world
    assert installed_planner("deploy", "llama-2-70b", *YES, "--format", "json").returncode == 0
    done = installed_planner(
        "bench", "llama-2-70b", "--concurrency", "1", "--concurrency", "3",
        "--requests", "2", "--input-tokens", "32", "--output-tokens", "16", "--format", "json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    loads = json.loads(done.stdout)
    assert [item["concurrency"] for item in loads] == [1, 3]
    assert all(item["failed"] == 0 for item in loads)
    assert all(item["output_tokens"] == 16 for item in loads)
    assert all(item["tokens_per_second"] > 0 < item["ttft_p50_ms"] for item in loads)
    assert all(item["predicted_tokens_per_second"] > 0 for item in loads)
    assert "not kept" in done.stderr
    assert not list((tmp_path / "data").rglob("measurements.csv"))


@pytest.mark.parametrize("kind", ["cloudformation", "terraform"])
def test_templates_are_written_without_a_cloud(kind: str, installed_planner: Planner) -> None:
    bucket = ("--weights", "s3://bucket/llama/") if kind == "terraform" else ()
    done = installed_planner("deploy", "llama-2-70b", *bucket, "--emit", kind, HF_TOKEN=TOKEN)
    assert done.returncode == 0
    assert "ml.g7e.12xlarge" in done.stdout
    assert TOKEN not in done.stdout
