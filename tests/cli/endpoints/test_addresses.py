"""``planner url``, ``key`` and ``connect`` in the simulated clouds."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
from typing import TYPE_CHECKING

import openai
import pytest
from click.testing import CliRunner

from planner.cli.app import cli
from planner.cli.endpoints import url as url_command
from planner.errors import UsageError
from planner.sandbox import process, scenarios

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from subprocess import CompletedProcess

    from planner.sandbox.server import Sandbox

    Planner = Callable[..., CompletedProcess[str]]


@pytest.fixture(autouse=True)
def world(sandbox: Sandbox, own_state_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sandbox with quotas that the installed command finds."""
    own_state_folder.mkdir(parents=True, exist_ok=True)
    monkeypatch.setenv("PLANNER_SANDBOX", "1")
    monkeypatch.setenv("HF_TOKEN", "hf_NotAToken")
    process.write_state(sandbox.endpoints)
    ready = {"endpoint_startup_s": "0", "list_lag_s": "0"}
    sandbox.world.reset(scenarios.with_settings(scenarios.get("approved"), ready))


@pytest.mark.long
def test_an_application_on_sagemaker(installed_planner: Planner) -> None:
    made = installed_planner("deploy", "llama-2-70b", "--yes", "--create-roles", "--accept-license")
    assert made.returncode == 0, made.stderr
    assert "from openai import OpenAI" in made.stdout
    url = installed_planner("url", "llama-2-70b")
    key = installed_planner("key", "llama-2-70b", "--for", "15m")
    assert key.stdout.strip() not in key.stderr
    with openai.OpenAI(base_url=url.stdout.strip(), api_key=key.stdout.strip()) as client:
        assert client.chat.completions.create(
            model="llama-2-70b", messages=[{"role": "user", "content": "hello"}], max_tokens=8
        ).choices
    told = json.loads(installed_planner("url", "llama-2-70b", "--format", "json").stdout)
    assert told == {
        "name": "llama-2-70b",
        "url": url.stdout.strip(),
        "needs_key": True,
        "certificate": "",
        "model": "llama-2-70b",
    }
    too_long = installed_planner("key", "llama-2-70b", "--for", "1d")
    assert (too_long.returncode, too_long.stdout) == (2, "")
    tunnel = installed_planner("connect", "llama-2-70b")
    assert tunnel.returncode == 2
    assert "planner --sandbox url llama-2-70b" in tunnel.stderr


@pytest.mark.long
def test_an_application_on_a_machine_of_its_own(installed_planner: Planner) -> None:
    made = installed_planner(
        "deploy", "llama-2-70b", "--to", "ec2", "--yes", "--create-roles", "--accept-license"
    )
    assert made.returncode == 0, made.stderr
    assert "planner --sandbox connect llama-2-70b --port 8000" in made.stdout
    for command in ("url", "key"):
        refused = installed_planner(command, "llama-2-70b")
        assert refused.returncode == 2
        assert "planner --sandbox connect llama-2-70b" in refused.stderr
    way = installed_planner("connect", "llama-2-70b")
    assert way.returncode == 0, way.stderr
    with openai.OpenAI(base_url=way.stdout.strip(), api_key="none") as client:
        assert client.chat.completions.create(
            model="llama-2-70b", messages=[{"role": "user", "content": "hello"}], max_tokens=8
        ).choices


@pytest.mark.long
def test_an_application_at_a_machine_s_own_address(
    installed_planner: Planner, tmp_path: Path
) -> None:
    made = installed_planner(
        *("deploy", "llama-2-70b", "--to", "gce", "--yes", "--create-roles", "--accept-license"),
        *("--access", "public", "--allow", "127.0.0.1"),
    )
    assert made.returncode == 0, made.stderr
    pem = tmp_path / "llama-2-70b.pem"
    url = installed_planner("url", "llama-2-70b", "--certificate", str(pem)).stdout.strip()
    assert url in made.stdout
    key = installed_planner("key", "llama-2-70b").stdout.strip()
    assert key
    assert key not in made.stdout + made.stderr

    code = made.stdout.partition("# Python with the openai package")[2].partition("\n\n")[0]
    printed = subprocess.run(
        [sys.executable, "-c", code.partition("\n")[2]],
        capture_output=True, text=True, check=False, cwd=tmp_path,
        env={**os.environ, "OPENAI_API_KEY": key},
    )  # fmt: skip
    assert printed.returncode == 0, printed.stderr
    assert printed.stdout.strip()

    def ask(shown: str) -> object:
        trusted = ssl.create_default_context(cafile=pem)
        with (
            openai.DefaultHttpxClient(verify=trusted) as http,
            openai.OpenAI(base_url=url, api_key=shown, http_client=http, max_retries=0) as client,
        ):
            return client.chat.completions.create(
                model="llama-2-70b", messages=[{"role": "user", "content": "hello"}], max_tokens=8
            ).choices

    assert ask(key)
    with pytest.raises(openai.AuthenticationError):
        ask("planner-guessed")
    rotated = installed_planner("key", "rotate", "llama-2-70b", "--at-once")
    assert rotated.stdout.strip() not in {"", key}
    assert rotated.stdout.strip() == installed_planner("key", "llama-2-70b").stdout.strip()
    assert installed_planner("destroy", "llama-2-70b", "--yes").returncode == 0


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["a", "b"], "takes one NAME"),
        (["a", "--at-once"], "planner key rotate a"),
        (["rotate", "a", "--for", "1h"], "leave rotate out"),
        (["rotate", "a", "--overlap", "1h", "--at-once"], "two things"),
    ],
)
def test_words_about_keys_that_do_not_go_together(words: list[str], says: str) -> None:
    done = CliRunner().invoke(cli, ["key", *words])
    assert done.exit_code == 2
    assert says in done.output


def test_a_certificate_that_cannot_be_written_and_one_that_is_not_needed(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot write"):
        url_command._write(tmp_path / "no" / "such.pem", "-----BEGIN", "llama")
    with pytest.raises(UsageError, match="needs no certificate"):
        url_command._write(tmp_path / "a.pem", "", "llama")
    assert not list(tmp_path.rglob("*.pem"))
