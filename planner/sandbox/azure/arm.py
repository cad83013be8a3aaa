"""What the simulated Azure services have in common: routes, faults, errors."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, current_app, jsonify, request

if TYPE_CHECKING:
    from collections.abc import Callable

    from planner.sandbox.world import World

SUBSCRIPTION = "/subscriptions/<subscription>"
_ACTIONS = "AZURE_ACTIONS"


class ArmError(Exception):
    """An error that Azure would answer with."""

    def __init__(self, code: str, message: str, status: int = 400, **headers: str) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.headers = headers

    def __deepcopy__(self, memo: dict[int, Any]) -> ArmError:
        """Return itself: it does not change."""
        del memo
        return self

    def response(self) -> Response:
        """Return it in ARM's error envelope."""
        answer = jsonify(error={"code": self.code, "message": str(self)})
        answer.status_code = self.status
        for name, value in self.headers.items():
            answer.headers[name.replace("_", "-")] = value
        return answer


def route(
    blueprint: Blueprint, rule: str, action: str, method: str = "GET"
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a view together with the RBAC action that it needs."""

    def register(view: Callable[..., Any]) -> Callable[..., Any]:
        blueprint.add_url_rule(rule, view_func=view, methods=[method])
        blueprint.record(
            lambda state: state.app.config.setdefault(_ACTIONS, {}).__setitem__(
                f"{blueprint.name}.{view.__name__}", action
            )
        )
        return view

    return register


def kind_and_name(path: str) -> tuple[str, str]:
    """Return type and name of a resource from what follows ``/providers/`` in its id.

    >>> kind_and_name("Microsoft.KeyVault/vaults/v/secrets/s")
    ('Microsoft.KeyVault/vaults/secrets', 's')
    >>> kind_and_name("Microsoft.Network/publicIPAddresses")
    ('Microsoft.Network/publicIPAddresses', '')
    """
    space, *rest = path.strip("/").split("/")
    names = rest[1::2]
    return "/".join([space, *rest[::2]]), names[-1] if len(rest) % 2 == 0 else ""


def _action() -> str:
    """Return the RBAC action of a call that names its resource in the path."""
    _, found, path = request.path.partition("/providers/")
    verbs = {"GET": "read", "PUT": "write", "PATCH": "write", "DELETE": "delete"}
    if not found or "/resourcegroups/" not in request.path.casefold():
        return ""
    if request.method == "POST":
        path, _, name = path.rpartition("/")
        return f"{kind_and_name(path)[0]}/{name}/action"
    return f"{kind_and_name(path)[0]}/{verbs[request.method]}"


def faults(world: World) -> None:
    """Refuse what the scenario refuses; runs before each view.

    Documented: the codes, the envelope, Retry-After. Assumed: nothing.
    """
    scenario = world.scenario
    time.sleep(scenario.latency_s)
    if not request.path.startswith("/subscriptions/"):
        return  # storage, or the machine itself: not Resource Manager's
    action = str(current_app.config.get(_ACTIONS, {}).get(request.endpoint, "")) or _action()
    world.count("azure", action or f"{request.method} {request.path}")
    if scenario.expired or world.signed_out:
        raise ArmError(
            "ExpiredAuthenticationToken",
            "The access token expiry UTC time is earlier than now.",
            401,
        )
    if action in scenario.denied_actions:
        raise ArmError(
            "AuthorizationFailed",
            "The client 'ada@example.com' with object id "
            "'11111111-2222-3333-4444-555555555555' does not have authorization to perform "
            f"action '{action}' over scope '{request.path}' or the scope is invalid.",
            403,
        )
    if world.throttles("azure", action, request.path):
        raise ArmError(
            "TooManyRequests",
            "The request is being throttled.",
            429,
            Retry_After=str(scenario.retry_after_s),
        )
