"""The token for gated weights: a parameter of Parameter Store that one run's machine reads.

A SecureString of the standard tier, encrypted with the account's own key: it costs nothing.
"""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, NamedTuple

from planner.endpoints.aws import calls
from planner.endpoints.ec2 import requests
from planner.errors import CloudError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from planner.endpoints.model import DeploymentSpec


class Stored(NamedTuple):
    """A parameter of planner's, and the endpoint it is for."""

    endpoint: str
    name: str
    created: datetime | None


def create(spec: DeploymentSpec) -> str:
    """Store the token of a deployment and return the parameter's name."""
    if spec.token is None:
        return ""
    name = requests.parameter_name(spec)
    try:
        calls.call(
            "ssm",
            spec.region,
            "put_parameter",
            "store the token",
            Name=name,
            Description="planner: the token that a machine loads its weights with",
            Value=spec.token.reveal(),
            Type="SecureString",
            Tags=requests.short_tags(spec),
        )
    except CloudError as error:
        # The name is this run's alone: a repeated call has found its own work.
        if error.code != "ParameterAlreadyExists":
            raise
    return name


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
