"""What goes wrong in a cloud becomes one clear error, through the vendors' real SDKs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from planner.clouds import aws, azure, gcp, settings
from planner.clouds.gcp_transport import READ_RETRY
from planner.errors import (
    CloudError,
    ExpiredCredentialsError,
    NotEnabledError,
    PermissionDeniedError,
    ThrottledError,
)
from planner.sandbox import scenarios

if TYPE_CHECKING:
    from planner.sandbox.server import Sandbox

_INFO = "locations/global/services/compute.googleapis.com/quotaInfos/GPUS-ALL-REGIONS-per-project"


def read_aws(region: str = "us-east-1") -> object:
    with aws.errors("read", region=region):
        return aws.client("service-quotas", region).get_service_quota(
            ServiceCode="ec2", QuotaCode="L-417A185B"
        )


def read_azure() -> object:
    with azure.errors("read", region="eastus"):
        return list(azure.compute().usage.list("eastus"))


def read_gcp() -> object:
    with gcp.errors("read", api="cloudquotas.googleapis.com"):
        return gcp.quotas().get_quota_info(
            name=f"projects/{gcp.project()}/{_INFO}", retry=READ_RETRY
        )


def read_gce() -> object:
    with gcp.errors("read", api="compute.googleapis.com"):
        return gcp.read("")


READS = {"aws": read_aws, "azure": read_azure, "gcp": read_gcp, "gce": read_gce}


def turn(sandbox: Sandbox, **knobs: object) -> None:
    sandbox.world.reset(replace(scenarios.get("new-account"), **knobs))


@pytest.mark.parametrize("cloud", READS)
def test_expired_credentials_say_how_to_sign_in(sandbox: Sandbox, cloud: str) -> None:
    turn(sandbox, expired=True)
    with pytest.raises(ExpiredCredentialsError) as caught:
        READS[cloud]()
    assert "login" in caught.value.advice
    assert caught.value.exit_code == 5


@pytest.mark.parametrize(
    ("cloud", "action"),
    [
        ("aws", "servicequotas:GetServiceQuota"),
        ("azure", "Microsoft.Compute/locations/usages/read"),
        ("gcp", "cloudquotas.quotas.get"),
        ("gce", "compute.projects.get"),
    ],
)
def test_a_missing_permission_is_named_exactly(sandbox: Sandbox, cloud: str, action: str) -> None:
    turn(sandbox, denied_actions=(action,))
    with pytest.raises(PermissionDeniedError) as caught:
        READS[cloud]()
    assert caught.value.action == action
    assert action in str(caught.value)
    for secret in ("123456789012", "ada", "11111111-2222"):
        assert secret not in caught.value.why


@pytest.mark.parametrize("cloud", READS)
def test_a_little_throttling_is_sat_out_by_the_sdk(sandbox: Sandbox, cloud: str) -> None:
    turn(sandbox, throttle_first=1)
    assert READS[cloud]()


def test_much_throttling_is_an_error(sandbox: Sandbox) -> None:
    turn(sandbox, throttle_first=50, retry_after_s=0)
    with pytest.raises(ThrottledError):
        read_azure()


def test_an_hour_of_retry_after_is_not_waited_for(sandbox: Sandbox) -> None:
    turn(sandbox, throttle_first=1, retry_after_s=3600)
    with pytest.raises(ThrottledError) as caught:
        read_azure()
    assert caught.value.advice == "wait 3600 s and run it again"


@pytest.mark.long
def test_a_region_that_is_not_enabled_is_not_taken_for_wrong_keys(sandbox: Sandbox) -> None:
    turn(sandbox, disabled_regions=("ap-southeast-3",))
    with pytest.raises(NotEnabledError) as caught:
        read_aws("ap-southeast-3")
    assert caught.value.advice == "aws account enable-region --region-name ap-southeast-3"
    assert read_aws("us-east-1")


@pytest.mark.parametrize(
    ("cloud", "api"), [("gcp", "cloudquotas.googleapis.com"), ("gce", "compute.googleapis.com")]
)
def test_an_api_that_is_off_comes_with_the_command_to_enable_it(
    sandbox: Sandbox, cloud: str, api: str
) -> None:
    turn(sandbox, api_enabled=False)
    with pytest.raises(NotEnabledError) as caught:
        READS[cloud]()
    assert caught.value.advice == f"gcloud services enable {api}"
    assert "123456789012" not in caught.value.why


def test_a_read_does_not_register_azure_providers(sandbox: Sandbox) -> None:
    turn(sandbox, providers_registered=False)
    assert read_azure() == []
    assert not any("register" in name for _, name in sandbox.world.calls)


@pytest.mark.parametrize("cloud", ["aws", "azure"])
def test_an_endpoint_that_does_not_answer_is_said_so(
    monkeypatch: pytest.MonkeyPatch, cloud: str
) -> None:
    nowhere = "http://127.0.0.1:9"
    settings.use(
        settings.CloudSettings(aws_endpoint=nowhere, azure_endpoint=nowhere, simulated=True)
    )
    monkeypatch.setattr("time.sleep", lambda _: None)  # the SDKs' back-off
    try:
        with pytest.raises(CloudError, match="cannot be reached"):
            READS[cloud]()
    finally:
        settings.use(None)
