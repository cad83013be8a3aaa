"""``planner doctor``: what works, what is missing, and what to do about it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from planner import doctor
from planner.cli.app import cli
from planner.clouds import settings
from planner.endpoints import verifying
from planner.sandbox import scenarios

if TYPE_CHECKING:
    from pathlib import Path

    from planner.sandbox.server import Sandbox


def run(*arguments: str, code: int = 0) -> Result:
    done = CliRunner().invoke(
        cli, ["doctor", *arguments], standalone_mode=False, catch_exceptions=False
    )
    assert (done.return_value or 0) == code, done.output
    return done


def test_a_sound_account_is_well(sandbox: Sandbox) -> None:
    del sandbox
    rows = json.loads(run("--format", "json").stdout)
    assert {row["subject"] for row in rows} == {"aws", "azure", "gcp", "planner"}
    # The bundled prices grow old; what doctor says of them is tested below.
    assert all(row["works"] for row in rows if row["check"] not in {"prices", "verified"})
    text = json.dumps(rows)
    assert "...9012" in text
    assert "123456789012" not in text


def test_the_age_of_prices_is_that_of_the_whole_list_not_of_a_newer_sample(
    sandbox: Sandbox,
) -> None:
    del sandbox
    rows = json.loads(run("--format", "json").stdout)
    (prices,) = (row for row in rows if row["check"] == "prices")
    assert "aws 2026-01-21" in prices["detail"]
    assert prices["works"] is None
    assert prices["advice"] == "planner refresh"


@pytest.mark.parametrize(
    ("knobs", "advice"),
    [
        ({"api_enabled": False}, "gcloud services enable cloudquotas.googleapis.com"),
        ({"providers_registered": False}, "az provider register --namespace Microsoft.Compute"),
        ({"denied_actions": ("servicequotas:GetServiceQuota",)}, "planner doctor --permissions"),
    ],
)
def test_what_is_missing_comes_with_what_to_do(
    sandbox: Sandbox, knobs: dict[str, object], advice: str
) -> None:
    sandbox.world.reset(replace(scenarios.get("new-account"), **knobs))
    assert advice in " ".join(run().stderr.split())


def test_no_cloud_that_works_is_exit_code_five(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AZURE_SUBSCRIPTION_ID", "AWS_ACCESS_KEY_ID", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AZURE_CONFIG_DIR", str(tmp_path))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    settings.use(None)
    done = run("--cloud", "aws", "--cloud", "azure", code=5)
    assert "no AWS credentials" in " ".join(done.stdout.split())
    assert "az login" in done.stderr


def test_permissions_are_printed_ready_to_use() -> None:
    done = run("--permissions", "--command", "quota-check", "--cloud", "aws")
    assert json.loads(done.stdout)["Version"] == "2012-10-17"
    assert "aws iam put-user-policy" in done.stderr


def test_the_record_of_a_canary_is_shown_with_its_date(sandbox: Sandbox) -> None:
    del sandbox
    rehearsal = verifying.Record(
        "2026-11-25T09:00:00+00:00", "gce", "us-central1", "g2", "1", simulated=True
    )
    verifying.keep(rehearsal)
    (row,) = [r for r in json.loads(run("--format", "json").stdout) if "verified" in r["check"]]
    assert row["works"] is None  # a rehearsal proves nothing of the cloud
    failed = verifying.Proof("guard deletes", passed=False, detail="it is still there")
    verifying.keep(replace(rehearsal, simulated=False, proofs=(failed,)))
    (row,) = [r for r in json.loads(run("--format", "json").stdout) if "verified" in r["check"]]
    assert (row["check"], row["works"]) == ("verified gce", False)
    assert row["detail"].startswith("2026-11-25")
    assert "it is still there" in row["detail"]


@pytest.mark.parametrize(
    ("script", "is_another"),
    [
        ("#!/bin/sh\nexec llm-d-planner\n", True),
        ("#!/usr/bin/python\nfrom planner.cli import main\nmain()\n", False),
        ('#!/usr/bin/env bash\nexec "/root/.pyenv/libexec/pyenv" exec planner\n', False),
    ],
)
def test_another_program_of_this_name_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, script: str, is_another: bool
) -> None:
    file = tmp_path / "planner"
    file.write_text(script)
    file.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    found = doctor._namesake()
    assert bool(found) is is_another
    for finding in found:
        assert finding.works is False
        assert str(file) in finding.detail
        assert "gpu-planner" in finding.advice
