"""One place decides whose account is asked and where."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from planner.clouds import aws, azure, gcp, settings
from planner.errors import NoCredentialsError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def no_account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    for name in ("AZURE_SUBSCRIPTION_ID", "GOOGLE_CLOUD_PROJECT", "CLOUDSDK_CORE_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AZURE_CONFIG_DIR", str(tmp_path))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    settings.use(None)
    yield
    settings.use(None)


def test_the_environment_decides_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_SUBSCRIPTION_ID", "sub")
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "proj")
    assert azure.subscription() == "sub"
    assert gcp.project() == "proj"


def test_options_of_a_command_win_and_keep_the_rest() -> None:
    settings.use(settings.CloudSettings(azure_subscription="a", gcp_project="b", simulated=True))
    settings.override(gcp_project="c")
    assert settings.current() == settings.CloudSettings(
        azure_subscription="a", gcp_project="c", simulated=True
    )


def test_the_azure_cli_default_is_found(tmp_path: Path) -> None:
    profile = {"subscriptions": [{"id": "x", "isDefault": False}, {"id": "y", "isDefault": True}]}
    (tmp_path / "azureProfile.json").write_text(json.dumps(profile), encoding="utf-8-sig")
    assert azure.subscription() == "y"


def test_no_subscription_anywhere_is_one_clear_error() -> None:
    with pytest.raises(NoCredentialsError, match="no Azure subscription"):
        azure.subscription()


def test_a_profile_that_does_not_exist_is_one_clear_error() -> None:
    settings.use(settings.CloudSettings(aws_profile="nobody"))
    with pytest.raises(NoCredentialsError) as caught:
        aws.client("ec2", "us-east-1")
    assert caught.value.advice == "aws configure list-profiles"


def test_clients_are_made_once_per_service_and_region() -> None:
    settings.use(settings.CloudSettings(aws_endpoint="http://127.0.0.1:9", simulated=True))
    first = aws.client("service-quotas", "us-east-1")
    assert aws.client("service-quotas", "us-east-1") is first
    assert aws.client("service-quotas", "us-west-2") is not first
    assert first.meta.endpoint_url == "http://127.0.0.1:9"
    settings.use(settings.CloudSettings(aws_endpoint="http://127.0.0.1:10", simulated=True))
    assert aws.client("service-quotas", "us-east-1").meta.endpoint_url == "http://127.0.0.1:10"
