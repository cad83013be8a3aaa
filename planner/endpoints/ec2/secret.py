"""Secrets of a machine: parameters of Parameter Store that one run's machine reads.

The token for gated weights, and the keys of the way in. SecureStrings of the standard tier,
encrypted with the account's own key: they cost nothing.
"""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, NamedTuple

from planner.endpoints.aws import calls
from planner.endpoints.ec2 import requests
from planner.endpoints.machines import secrets
from planner.endpoints.model import Secret
from planner.errors import CloudError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from planner.endpoints.machines.secrets import Kept
    from planner.endpoints.model import DeploymentSpec, Endpoint


class Stored(NamedTuple):
    """A parameter of planner's, and the endpoint it is for."""

    endpoint: str
    name: str
    created: datetime | None


def of(spec: DeploymentSpec) -> dict[str, Kept]:
    """Return the secrets of a deployment by their names."""
    return secrets.of(spec, requests.parameter_name(spec), requests.key_name(spec))


def create(spec: DeploymentSpec, name: str, kept: Kept) -> str:
    """Store a secret of a deployment and return the parameter's name."""
    try:
        calls.call(
            "ssm",
            spec.region,
            "put_parameter",
            f"store {kept.what}",
            Name=name,
            Description=f"planner: {kept.what} of a machine that serves a model",
            Value=kept.value.reveal(),
            Type="SecureString",
            Tags=requests.short_tags(spec),
        )
    except CloudError as error:
        # The name is this run's alone: a repeated call has found its own work.
        if error.code != "ParameterAlreadyExists":
            raise
    return name


def key_of(endpoint: Endpoint) -> str:
    """Return the name of what holds the keys of an endpoint's way in.

    Raises:
        NotFoundError: It is gone.
    """
    return secrets.key_of(endpoint, "parameter", requests.KEY, "Parameter Store")


def read(name: str, region: str) -> Secret:
    """Return what a parameter holds."""
    answer = calls.call(
        "ssm", region, "get_parameter", "read the key", Name=name, WithDecryption=True
    )
    return Secret(str(answer["Parameter"]["Value"]))


def write(name: str, region: str, value: Secret) -> None:
    """Give a parameter another value."""
    calls.call(
        "ssm",
        region,
        "put_parameter",
        "store the key",
        Name=name,
        Value=value.reveal(),
        Type="SecureString",
        Overwrite=True,
    )


def delete(name: str, region: str) -> None:
    """Delete a parameter; one that is gone is no error."""
    try:
        calls.call("ssm", region, "delete_parameter", "delete the token", Name=name)
    except CloudError as error:
        if error.code != "ParameterNotFound":
            raise


def stored(region: str, endpoint: str = "") -> Iterator[Stored]:
    """Yield planner's parameters in a region, or those of one endpoint."""
    prefix = requests.parameter_prefix(endpoint)
    pages = calls.pages(
        "ssm",
        region,
        "describe_parameters",
        "list the tokens",
        ParameterFilters=[{"Key": "Name", "Option": "BeginsWith", "Values": [prefix]}],
    )
    for item in (item for page in pages for item in page["Parameters"]):
        owner, _, run = item["Name"].removeprefix(requests.parameter_prefix()).partition("/")
        if owner and run:
            made = item.get("LastModifiedDate")
            yield Stored(owner, item["Name"], made.astimezone(UTC) if made else None)
