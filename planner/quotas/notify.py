"""Tell someone that a request changed: run a command, or post to a webhook."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING, Any

from planner.errors import PlannerError

if TYPE_CHECKING:
    from planner.ledger import QuotaRequest

_TIMEOUT_S = 30


def message(request: QuotaRequest, before: str) -> dict[str, Any]:
    """Return what is told; without account numbers."""
    name = request.quota_name or request.quota_id
    where = request.region or "all regions"
    return {
        "text": f"planner: {name} in {where}: {before} -> {request.state}. {request.reason}",
        "cloud": request.cloud,
        "region": request.region,
        "quota_id": request.quota_id,
        "desired": request.desired,
        "granted": request.granted,
        "state_before": before,
        "state": request.state,
        "reason": request.reason,
    }


def notify(target: str, request: QuotaRequest, before: str) -> None:
    """Post JSON to an http(s) URL, or run a shell command with the message in its environment.

    A command sees ``PLANNER_MESSAGE``, ``PLANNER_STATE`` and ``PLANNER_QUOTA``.

    Raises:
        PlannerError: It could not be delivered.
    """
    told = message(request, before)
    try:
        if target.startswith(("https://", "http://")):
            _post(target, told)
        else:
            _run(target, told)
    except (OSError, subprocess.SubprocessError) as error:
        raise PlannerError("the notification could not be delivered", why=str(error)) from error


def _post(url: str, told: dict[str, Any]) -> None:
    import requests

    requests.post(url, json=told, timeout=_TIMEOUT_S).raise_for_status()


def _run(command: str, told: dict[str, Any]) -> None:
    environment = {
        **os.environ,
        "PLANNER_MESSAGE": str(told["text"]),
        "PLANNER_STATE": str(told["state"]),
        "PLANNER_QUOTA": json.dumps(told),
    }
    # The command is the user's own, given on the command line; that is what a shell is for.
    subprocess.run(  # noqa: S602 - see above
        command, shell=True, check=True, env=environment, timeout=_TIMEOUT_S
    )
