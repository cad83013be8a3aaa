"""What a model's publisher asks for: a licence that is accepted, a token that is present."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from planner.clouds.aws import errors
from planner.endpoints.deploying import containers
from planner.endpoints.deploying.preflight import Check, Finding, Status, good
from planner.endpoints.model import Secret
from planner.errors import NoCredentialsError, UsageError

if TYPE_CHECKING:
    from planner.endpoints.model import DeploymentSpec, Weights
    from planner.serving.models import Model

TOKEN_VARIABLES = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")


def token_for(weights: Weights, *, secret_name: str = "", region: str) -> Secret | None:
    """Return the Hugging Face token, where the weights need one and there is one.

    Args:
        weights: Gated or not; from S3 none is needed.
        secret_name: Read it from this secret of AWS Secrets Manager, not the environment.
        region: Where that secret lies.

    Raises:
        PlannerError: The secret cannot be read.
    """
    if weights.in_s3 or not weights.gated:
        return None
    if secret_name:
        return _from_secrets_manager(secret_name, region)
    for name in TOKEN_VARIABLES:
        if os.environ.get(name):
            return Secret(os.environ[name])
    return None


def checks(spec: DeploymentSpec, model: Model, *, accepted: bool) -> list[Check]:
    """Return the checks of licence and token."""
    return [
        Check("licence", lambda: _licence(model, accepted=accepted)),
        Check("token", lambda: _token(spec, model)),
    ]


def _licence(model: Model, *, accepted: bool) -> Finding:
    must_accept, url = containers.license_of(model)
    if not must_accept:
        return good("licence", model.license)
    if not accepted:
        unknown = model.license == "not known"
        return Finding(
            "licence",
            Status.BAD,
            f"planner does not know the licence of {model.name}: {url}"
            if unknown
            else f"{model.name} is under the {model.license}: {url}",
            "read it, then add --accept-license",
            UsageError,
        )
    return good("licence", f"{model.license}, accepted")


def _token(spec: DeploymentSpec, model: Model) -> Finding:
    if spec.weights.in_s3:
        return good("token", "not needed: the weights come from S3")
    if not spec.weights.gated:
        return good("token", f"not needed: {spec.weights.location} is open")
    if spec.token is None:
        return Finding(
            "token",
            Status.BAD,
            f"{spec.weights.location} is gated: Hugging Face wants the token of someone who "
            "accepted its licence there",
            f"export HF_TOKEN=... (https://huggingface.co/settings/tokens), --token-secret NAME "
            f"(AWS Secrets Manager), or --weights s3://BUCKET/PREFIX/ with a copy of {model.name}",
            NoCredentialsError,
        )
    if spec.plan.service != "sagemaker":
        return good("token", "HF_TOKEN, handed over through the cloud's secret store")
    return Finding(
        "token",
        Status.WARNING,
        "it is passed in the container's environment, where everyone who may call "
        "sagemaker:DescribeModel can read it",
        "--weights s3://BUCKET/PREFIX/ needs no token",
    )


def _from_secrets_manager(name: str, region: str) -> Secret:
    from planner.clouds import aws

    client = aws.client("secretsmanager", region)
    with errors(f"read the secret {name}", action="secretsmanager:GetSecretValue", region=region):
        return Secret(client.get_secret_value(SecretId=name)["SecretString"].strip())
