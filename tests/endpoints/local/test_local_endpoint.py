"""Endpoints on this machine, through the installed command and a real engine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from local_processes import PLANNER, processes_of

from planner.endpoints.interface import adapter
from planner.endpoints.local import record
from planner.endpoints.model import State
from planner.errors import CloudError
from planner.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from planner.endpoints.deploying.deployment import Outcome

    Deploy = Callable[..., Outcome]
    Planner = Callable[..., subprocess.CompletedProcess[str]]


def wait_until(holds: Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.05)


def status_of(planner: Planner) -> list[dict[str, Any]]:
    return list(json.loads(planner("status", "--format", "json").stdout))


@pytest.mark.long
def test_deploy_chat_logs_status_extend_destroy_with_a_real_engine(
    installed_planner: Planner, tiny: Path, own_state_folder: Path
) -> None:
    done = installed_planner(
        *("deploy", str(tiny), "--to", "local", "--context", "512"),
        *("--expires", "10m", "--format", "json"),
    )
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    assert made["answered"]
    assert made["tokens"] > 1
    assert made["tokens_per_second"] > 1

    (shown,) = status_of(installed_planner)
    assert (shown["name"], shown["state"], shown["cloud"]) == ("tiny", "in service", "local")
    assert 500 < shown["seconds_left"] <= 600
    assert shown["last_request_s"] is not None

    spoken = installed_planner("chat", "tiny", "why?", "--max-tokens", "8")
    assert spoken.returncode == 0, spoken.stderr
    assert len(spoken.stdout.split()) >= 4

    logged = installed_planner("logs", "tiny")
    assert "llama.cpp listens on" in logged.stdout

    installed_planner("extend", "tiny", "3h")
    (shown,) = status_of(installed_planner)
    assert shown["seconds_left"] > 10000

    gone = installed_planner("destroy", "tiny", "--yes")
    assert gone.returncode == 0, gone.stderr
    assert status_of(installed_planner) == []
    assert processes_of(own_state_folder) == []
    with Ledger() as ledger:
        assert ledger.resources() == []
        (entry,) = [r for r in ledger.resources(include_removed=True) if r.kind == "local:endpoint"]
        assert entry.native_id.isdigit()


@pytest.mark.long
def test_when_its_time_is_up_engine_and_folder_go_with_no_planner_running(
    deploy: Deploy, own_state_folder: Path
) -> None:
    deploy()
    made = adapter("local")
    made.extend(made.find("tiny", "local"), datetime.now(UTC))
    wait_until(lambda: not record.folder("tiny").exists())
    wait_until(lambda: processes_of(own_state_folder) == [])
    assert adapter("local").endpoints("local") == []


@pytest.mark.long
def test_the_engine_does_not_outlive_a_killed_supervisor(
    deploy: Deploy, installed_planner: Planner, own_state_folder: Path
) -> None:
    deploy()
    watcher = record.process("tiny")
    assert watcher is not None
    watcher.send_signal(signal.SIGKILL)
    wait_until(lambda: processes_of(own_state_folder) == [])
    (shown,) = adapter("local").endpoints("local")
    assert shown.state is State.FAILED
    assert "killed" in shown.problem
    assert not shown.guarded
    assert installed_planner("destroy", "--orphans", "--region", "local", "--yes").returncode == 0
    assert record.all_names() == []


@pytest.mark.long
def test_a_lost_ledger_loses_no_endpoint(
    deploy: Deploy, installed_planner: Planner, own_state_folder: Path
) -> None:
    deploy()
    for file in own_state_folder.glob("ledger.db*"):
        file.unlink()
    assert [item["name"] for item in status_of(installed_planner)] == ["tiny"]
    assert installed_planner("destroy", "tiny", "--yes").returncode == 0
    assert record.all_names() == []


@pytest.mark.long
def test_deploying_twice_with_the_same_settings_starts_nothing(deploy: Deploy) -> None:
    deploy()
    first = record.process("tiny")
    again = deploy()
    assert not again.changed
    assert again.reply is not None
    assert record.process("tiny") == first


@pytest.mark.long
def test_other_settings_replace_the_engine_in_place(deploy: Deploy) -> None:
    deploy()
    before = record.read("tiny")
    assert deploy(concurrency=2).changed
    after = record.read("tiny")
    assert before is not None
    assert after is not None
    assert before.settings["$concurrency"] == "1"
    assert after.settings["$concurrency"] == "2"
    assert record.all_names() == ["tiny"]


@pytest.fixture
def broken(tiny: Path, tmp_path: Path) -> Path:
    """Return weights whose header is whole and whose tensors are cut short."""
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(tiny.read_bytes()[:-200_000])
    shape = {
        "model_type": "llama",
        "hidden_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 128,
        "vocab_size": 306,
    }
    (tmp_path / "config.json").write_text(json.dumps(shape))
    return cut


@pytest.mark.long
def test_weights_that_cannot_be_loaded_leave_nothing_and_say_why(
    installed_planner: Planner, broken: Path, own_state_folder: Path
) -> None:
    done = installed_planner("deploy", str(broken), "--to", "local", "--context", "512")
    assert done.returncode == 1
    assert "failed to start on this machine" in done.stderr
    assert "log:" in done.stderr
    assert record.all_names() == []
    assert processes_of(own_state_folder) == []
    with Ledger() as ledger:
        assert ledger.resources() == []


@pytest.mark.long
def test_an_update_that_fails_gives_the_old_engine_back(deploy: Deploy, broken: Path) -> None:
    deploy()
    before = record.read("tiny")
    with pytest.raises(CloudError, match="failed to start"):
        deploy(broken)
    assert record.read("tiny") == before
    wait_until(lambda: adapter("local").endpoints("local")[0].state is State.IN_SERVICE)
    assert deploy().reply is not None


@pytest.mark.long
def test_of_two_deploys_at_once_one_wins_and_nothing_doubles(
    tiny: Path, own_state_folder: Path, deploy: Deploy
) -> None:
    del deploy  # it cleans up
    command = [PLANNER, "deploy", tiny, "--to", "local", "--context", "512", "--yes"]
    runs = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    told = [run.communicate(timeout=60) for run in runs]
    codes = sorted(run.returncode for run in runs)
    # The loser either explains, or saw the winner's endpoint and joined it.
    assert codes[0] == 0, told
    assert codes[1] in {0, 1}, told
    assert record.all_names() == ["tiny"]
    supervisors = [line for line in processes_of(own_state_folder) if "supervisor" in line]
    assert len(supervisors) == 1


@pytest.mark.long
def test_interrupting_the_start_rolls_it_back(
    tmp_path: Path, own_state_folder: Path, tiny: Path
) -> None:
    # An engine that never comes up: what llama.cpp's own server is called, first on the path.
    slow = tmp_path / "bin" / "llama-server"
    slow.parent.mkdir()
    slow.write_text("#!/bin/sh\nexec sleep 600 # planner.endpoints.local\n")
    slow.chmod(0o755)
    environment = {**os.environ, "PATH": f"{slow.parent}:{os.environ['PATH']}"}
    run = subprocess.Popen(
        [PLANNER, "deploy", tiny, "--to", "local", "--context", "512"],
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    wait_until(lambda: bool(record.all_names()) and record.process("tiny") is not None)
    run.send_signal(signal.SIGINT)
    _, told = run.communicate(timeout=60)
    assert run.returncode == 130, told
    assert "rolling back" in told
    assert record.all_names() == []
    assert processes_of(own_state_folder) == []


@pytest.mark.long
def test_the_log_has_a_time_before_each_line(deploy: Deploy) -> None:
    before = datetime.now(UTC)
    deploy()
    times = [datetime.fromisoformat(line.split(" ", 1)[0]) for line in record.log("tiny")]
    assert times
    assert times == sorted(times)
    assert (times[0] - before).total_seconds() > -1


def test_a_process_number_given_to_another_process_is_not_taken_for_the_engine() -> None:
    own = psutil.Process()
    assert record.ProcessId(own.pid, own.create_time()).find() is not None
    assert record.ProcessId(own.pid, own.create_time() - 100).find() is None
