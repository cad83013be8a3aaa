"""AWS: boto3 sessions and clients, and what their errors mean.

Credentials come from boto3's default chain (environment, profiles, SSO, instance role).
Retries are botocore's own (``standard`` mode).
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from planner.clouds import pacing, settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    import boto3

HOME_REGION = "us-east-1"
_MAX_ATTEMPTS = 4

_lock = threading.Lock()
_sessions: list[boto3.Session] = []
_clients: dict[tuple[str, str], Any] = {}


def forget() -> None:
    """Drop the session and the clients: the settings changed."""
    with _lock:
        _sessions.clear()
        for made in _clients.values():
            made.close()
        _clients.clear()


settings.on_change(forget)


def session() -> boto3.Session:
    """Return the session of this process.

    Raises:
        NoCredentialsError: The profile does not exist.
    """
    with _lock:
        return _session()


def client(service: str, region: str) -> Any:  # noqa: ANN401 - boto3 makes its clients at run time
    """Return the client of a service in a region; boto3 clients may be shared by threads.

    Args:
        service: Boto3's name: ``service-quotas``, ``ec2``, ``sagemaker``, ...
        region: ``us-east-1``, ...
    """
    from botocore.config import Config

    with _lock:
        if (service, region) not in _clients:
            config = Config(
                retries={"mode": "standard", "max_attempts": _MAX_ATTEMPTS},
                connect_timeout=5,
                read_timeout=60,
                user_agent_appid="gpu-planner",
            )
            made = _session().client(
                service,
                region_name=region,
                endpoint_url=settings.current().aws_endpoint,
                config=config,
            )
            made.meta.events.register("before-send", _before_send(service, region))
            _clients[service, region] = made
        return _clients[service, region]


def account() -> str:
    """Return the account number that the credentials belong to.

    Raises:
        AccessError: No credentials, or they are not valid.
    """
    with errors("find out which AWS account this is", action="sts:GetCallerIdentity"):
        return str(client("sts", HOME_REGION).get_caller_identity()["Account"])


def enabled_regions() -> frozenset[str]:
    """Return the regions that are switched on in the account."""
    with errors("list the regions of the account", action="ec2:DescribeRegions"):
        found = client("ec2", HOME_REGION).describe_regions(AllRegions=True)
    return frozenset(
        region["RegionName"]
        for region in found["Regions"]
        if region.get("OptInStatus") != "not-opted-in"
    )


@contextmanager
def errors(what: str, *, action: str = "", region: str = "") -> Iterator[None]:
    """Turn what boto3 raises inside the block into planner's errors.

    Args:
        what: What is tried, for the message: "read the quota ...".
        action: The IAM action, where AWS does not name it itself.
        region: Where it is tried.
    """
    from botocore import exceptions

    from planner.clouds import aws_errors

    try:
        yield
    except (exceptions.BotoCoreError, exceptions.ClientError) as error:
        raise aws_errors.translate(
            error, what=what, action=action, region=region, enabled_regions=enabled_regions
        ) from error


def _session() -> boto3.Session:
    """Return the session; the caller holds the lock, since making sessions is not safe."""
    import boto3
    from botocore.exceptions import BotoCoreError

    from planner.clouds import aws_errors

    if not _sessions:
        chosen = settings.current()
        if chosen.simulated:
            # Static and meaningless, so that the sandbox needs no account and reads none.
            made = boto3.Session(aws_access_key_id="sandbox", aws_secret_access_key="sandbox")  # noqa: S106
        else:
            try:
                made = boto3.Session(profile_name=chosen.aws_profile)
            except BotoCoreError as error:
                raise aws_errors.translate(error, what="open the AWS profile") from error
        _sessions.append(made)
    return _sessions[0]


def _before_send(service: str, region: str) -> Any:  # noqa: ANN401 - botocore's hook signature
    def hook(event_name: str, **_: object) -> None:
        # before-send.<service>.<Operation>: fires for each attempt, retries too.
        pacing.pace("aws", f"{service}:{event_name.rsplit('.', 1)[-1]}", region)

    return hook
