"""Corrections of moto itself, applied once when the sandbox starts."""

from __future__ import annotations


def apply() -> None:
    """Let moto accept the instance types that SageMaker accepts today.

    moto 5.2 checks ``CreateEndpointConfig`` against an old list and refuses ml.g5, g6, g6e,
    p4d, p5 and inf2. The list of the botocore model is checked by the SDK's own enum instead.
    """
    from moto.sagemaker import models

    def accept(self: object, instance_type: str) -> None:
        del self, instance_type

    models.FakeEndpointConfig.validate_instance_type = accept  # type: ignore[method-assign]
