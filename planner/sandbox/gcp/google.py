"""What the simulated Google services have in common: routes, faults, errors."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, current_app, jsonify, request

if TYPE_CHECKING:
    from collections.abc import Callable

    from planner.sandbox.world import World

PROJECT_NUMBER = "123456789012"
_ACTIONS = "GOOGLE_PERMISSIONS"


class GoogleError(Exception):
    """An error that Google would answer with (google.rpc.Status)."""

    def __init__(
        self, status: int, name: str, message: str, *, info: dict[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.name = name
        self.info = info

    def response(self) -> Response:
        """Return it in the JSON envelope."""
        details = (
            [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", **self.info}]
            if self.info
            else []
        )
        answer = jsonify(
            error={
                "code": self.status,
                "message": str(self),
                "status": self.name,
                "details": details,
            }
        )
        answer.status_code = self.status
        return answer


def route(
    blueprint: Blueprint, rule: str, permission: str, method: str = "GET"
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a view together with the IAM permission that it needs."""

    def register(view: Callable[..., Any]) -> Callable[..., Any]:
        blueprint.add_url_rule(rule, view_func=view, methods=[method])
        blueprint.record(
            lambda state: state.app.config.setdefault(_ACTIONS, {}).__setitem__(
                f"{blueprint.name}.{view.__name__}", permission
            )
        )
        return view

    return register


def faults(world: World) -> None:
    """Refuse what the scenario refuses; runs before each view.

    Documented: status codes, ``ErrorInfo`` with ``SERVICE_DISABLED`` and
    ``IAM_PERMISSION_DENIED``. Assumed: the exact sentences.
    """
    scenario = world.scenario
    time.sleep(scenario.latency_s)
    permission = str(current_app.config.get(_ACTIONS, {}).get(request.endpoint, ""))
    world.count("gcp", permission or f"{request.method} {request.path}")
    if scenario.expired or world.signed_out:
        raise GoogleError(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.")
    api = "compute" if request.path.startswith("/compute/") else "cloudquotas"
    if not scenario.api_enabled:
        raise GoogleError(
            403,
            "PERMISSION_DENIED",
            f"{api} API has not been used in project {PROJECT_NUMBER} before or it is disabled. "
            f"Enable it by visiting https://console.developers.google.com/apis/api/"
            f"{api}.googleapis.com/overview?project={PROJECT_NUMBER} then retry.",
            info={
                "reason": "SERVICE_DISABLED",
                "domain": "googleapis.com",
                "metadata": {
                    "service": f"{api}.googleapis.com",
                    "consumer": f"projects/{PROJECT_NUMBER}",
                },
            },
        )
    if not scenario.quota_project and not request.headers.get("X-Goog-User-Project"):
        raise GoogleError(
            403,
            "PERMISSION_DENIED",
            "Your application is authenticating by using local Application Default Credentials. "
            f"The {api}.googleapis.com API requires a quota project, which is not set by default. "
            "To learn how to set your quota project, see https://cloud.google.com/docs/"
            "authentication/adc-troubleshooting/user-creds .",
            info={
                "reason": "SERVICE_DISABLED",
                "domain": "googleapis.com",
                "metadata": {
                    "service": f"{api}.googleapis.com",
                    "consumer": "projects/764086051850",
                },
            },
        )
    if permission in scenario.denied_actions:
        raise GoogleError(
            403,
            "PERMISSION_DENIED",
            f"Permission '{permission}' denied on resource (or it may not exist).",
            info={
                "reason": "IAM_PERMISSION_DENIED",
                "domain": "iam.googleapis.com",
                "metadata": {"permission": permission},
            },
        )
    if world.throttles("gcp", permission, request.path):
        raise GoogleError(429, "RESOURCE_EXHAUSTED", "Quota exceeded for read requests.")
