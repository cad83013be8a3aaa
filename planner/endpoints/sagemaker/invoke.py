"""Carry requests to a SageMaker endpoint: InvokeEndpoint and its response stream."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from planner.clouds import aws
from planner.errors import AsleepError, CloudError

if TYPE_CHECKING:
    from collections.abc import Iterator

_JSON = "application/json"


class Transport:
    """Sends to one endpoint.

    Args:
        name: Of the endpoint.
        region: Where it is.
        component: Of its inference component, where it has one.
    """

    def __init__(self, name: str, region: str, component: str = "") -> None:
        self._name = name
        self._region = region
        self._target = {
            "EndpointName": name,
            "ContentType": _JSON,
            **({"InferenceComponentName": component} if component else {}),
        }

    def send(self, body: dict[str, Any]) -> bytes:
        """Send a request and return the whole answer."""
        client = aws.client("sagemaker-runtime", self._region)
        with self._errors():
            answer = client.invoke_endpoint(
                **self._target,
                Accept=_JSON,
                Body=json.dumps(body).encode(),
            )
            content: bytes = answer["Body"].read()
            return content

    def stream(self, body: dict[str, Any]) -> Iterator[bytes]:
        """Send a request and yield the answer in pieces."""
        client = aws.client("sagemaker-runtime", self._region)
        with self._errors():
            answer = client.invoke_endpoint_with_response_stream(
                **self._target,
                Body=json.dumps(body).encode(),
            )
            for event in answer["Body"]:
                if "PayloadPart" in event:
                    yield event["PayloadPart"]["Bytes"]
                else:
                    (kind, details), *_ = event.items()
                    raise CloudError(
                        f"{self._name} broke off its answer",
                        code=kind,
                        why=str(details.get("Message", "")),
                        advice=f"planner logs {self._name}",
                    )

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            with aws.errors(
                f"ask {self._name}", action="sagemaker:InvokeEndpoint", region=self._region
            ):
                yield
        except CloudError as error:
            if error.code == "ValidationError" and "has no capacity" in error.why:
                raise AsleepError(
                    f"{self._name} has scaled to zero machines",
                    why="this request has woken it: users saw their first answer after about ten "
                    "minutes; until then it answers none",
                    advice=f"planner chat {self._name} --wait",
                ) from error
            if error.code != "ModelError":
                raise
            raise CloudError(
                f"the container of {self._name} refused the request",
                code=error.code,
                why=error.why,
                advice=f"planner logs {self._name}",
            ) from error
