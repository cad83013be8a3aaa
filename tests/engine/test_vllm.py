"""A deploy in the sandbox that real vLLM answers, on a CPU: ``make test-engine``.

vLLM's own ``/ping`` and ``/invocations`` are SageMaker's contract with a container, so what
speaks here is the engine that runs in the cloud. It says nothing about quality or GPU speed.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import time
import urllib.request
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from planner.bundled import deploy_templates
from planner.endpoints.deploying import containers, vllm_command
from planner.planning import Request, compare
from planner.sandbox import engine, process, scenarios
from planner.serving import models

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from planner.sandbox.server import Sandbox

PYTHON = os.environ.get("PLANNER_ENGINE_PYTHON", "")
HERE = Path(__file__).parent
pytestmark = pytest.mark.skipif(not PYTHON, reason="make test-engine installs vLLM first")


@contextmanager
def served(folder: Path, *flags: str) -> Iterator[str]:
    """Start vLLM with a tiny Llama and these flags; yield its URL."""
    subprocess.run([PYTHON, HERE / "tiny_llama_hf.py", folder / "model"], check=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    log = (folder / "log").open("w")
    server = subprocess.Popen(
        [
            *(PYTHON, "-m", "vllm.entrypoints.openai.api_server"),
            *("--model", folder / "model", "--served-model-name", "llama-2-70b"),
            *("--host", "127.0.0.1", "--port", str(port)),
            *("--enforce-eager", "--max-model-len", "512", *flags),
        ],
        env={**os.environ, "VLLM_CPU_KVCACHE_SPACE": "1"},
        stdout=log,
        stderr=log,
    )
    deadline = time.monotonic() + 300
    while not answers(f"{url}/ping"):
        assert server.poll() is None, (folder / "log").read_text()[-2000:]
        assert time.monotonic() < deadline
        time.sleep(1)
    yield url
    server.terminate()
    server.wait(30)
    log.close()


@pytest.fixture(scope="module")
def vllm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start vLLM with one copy of a tiny Llama; return its URL."""
    with served(tmp_path_factory.mktemp("vllm")) as url:
        yield url


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:  # noqa: S310 - loopback
            return bool(response.status == 200)
    except OSError:
        return False


def test_a_deploy_and_a_chat_are_answered_by_vllm(
    vllm: str,
    sandbox: Sandbox,
    own_state_folder: Path,
    installed_planner: Callable[..., subprocess.CompletedProcess[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own_state_folder.mkdir(parents=True, exist_ok=True)
    monkeypatch.setenv("PLANNER_SANDBOX", "1")
    monkeypatch.setenv("HF_TOKEN", "hf_NotAToken")
    monkeypatch.setenv(engine.URL_VARIABLE, vllm)
    monkeypatch.setattr(engine, "_made", [])
    process.write_state(sandbox.endpoints)
    approved = scenarios.with_settings(scenarios.get("approved"), {"endpoint_startup_s": "0"})
    sandbox.world.reset(approved)
    done = installed_planner("deploy", "llama-2-70b", "--yes", "--create-roles", "--accept-license")
    assert done.returncode == 0, done.stderr
    assert "llama-2-70b answers in" in done.stdout
    answer = installed_planner("chat", "llama-2-70b", "hello", "--max-tokens", "12")
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.strip()
    refused = installed_planner("chat", "llama-2-70b", "hello " * 400)
    assert refused.returncode == 1
    assert "refused the request" in refused.stderr
    assert installed_planner("destroy", "llama-2-70b", "--yes").returncode == 0


def test_both_copies_of_a_machine_answer(tmp_path: Path) -> None:
    """What planner tells vLLM for two copies makes two engines behind one address."""
    model = models.get("llama-3.1-8b")
    plan = replace(compare(Request("llama-3.1-8b", top=1)).plans[0], replicas=2, tensor_parallel=1)
    flags = vllm_command.flags(plan, containers.weights_for(model, "bf16"), 512)
    copies = ("--data-parallel-size", flags["data-parallel-size"])
    with served(tmp_path, *copies) as url:
        for copy in ("0", "1"):
            assert ask(url, copy)
        counted = count_by_copy(url)
    assert set(counted) == {"0", "1"}
    assert all(requests >= 1 for requests in counted.values())


def ask(url: str, copy: str) -> str:
    """Ask one copy by vLLM's own header; return what it said."""
    body = {"model": "llama-2-70b", "prompt": "hello", "max_tokens": 8}
    request = urllib.request.Request(  # noqa: S310 - loopback
        f"{url}/v1/completions",
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json", "X-data-parallel-rank": copy},
    )
    with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310 - loopback
        return str(json.load(response)["choices"][0]["text"])


def count_by_copy(url: str) -> dict[str, float]:
    """Return the requests that each engine has finished, from vLLM's metrics."""
    with urllib.request.urlopen(f"{url}/metrics", timeout=10) as response:  # noqa: S310 - loopback
        text = response.read().decode()
    found: dict[str, float] = {}
    for line in text.splitlines():
        match = re.match(r'vllm:request_success_total\{.*engine="(\d+)".*\} ([\d.]+)', line)
        if match is not None:
            found[match[1]] = found.get(match[1], 0) + float(match[2])
    return found


def test_the_list_of_arguments_is_the_engines_own() -> None:
    """What ``build.py`` would write with this engine is what is kept."""
    folder = deploy_templates() / "vllm"
    kept = (folder / "arguments.csv").read_text(encoding="utf-8")
    program = "; ".join(
        (
            "import csv, runpy, sys",
            f"made = runpy.run_path({str(folder / 'build.py')!r})",
            "rows = made['rows']()",  # vLLM logs to stdout meanwhile
            "writer = csv.DictWriter(sys.stdout, made['COLUMNS'], lineterminator='\\n')",
            "writer.writeheader()",
            "writer.writerows(rows)",
        )
    )
    done = subprocess.run([PYTHON, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout[done.stdout.index("argument,") :] == kept
