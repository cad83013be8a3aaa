"""Tell someone that a request changed, once, whichever command noticed.

A target is an http(s) URL, a URL of Apprise (``discord://``, ``msteams://``, ``mailto://`` ...),
or a shell command. Web addresses that Apprise knows (Discord's, Slack's, Teams') get the form
that they want; others get JSON. What was told last is in the ledger.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from planner.errors import PlannerError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from planner.ledger import Ledger, QuotaRequest

_TIMEOUT_S = 30
_URL = re.compile(r"^([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
_INSTALL = "pip install 'gpu-planner[notify]'"
# Hosts whose payload is their own; without Apprise they would get what they refuse.
_OWN_PAYLOAD = ("discord.com", "discordapp.com", "hooks.slack.com", "webhook.office.com")


def message(request: QuotaRequest) -> dict[str, Any]:
    """Return what is told; without account numbers."""
    name = request.quota_name or request.quota_id
    where = request.region or "all regions"
    before = request.told or "PENDING"
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


def untold(requests: Iterable[QuotaRequest]) -> list[QuotaRequest]:
    """Return the requests whose state is not what was told last."""
    return [request for request in requests if request.told != request.state]


def tell(target: str | None, request: QuotaRequest, ledger: Ledger) -> QuotaRequest:
    """Tell of a request, and write down that it was told; without a target, only say it.

    Raises:
        PlannerError: It could not be delivered; the next command tries again.
    """
    if target is None:
        return request
    notify(target, message(request))
    told = replace(request, told=request.state)
    ledger.save_request(told)
    return told


def notify(target: str, told: dict[str, Any]) -> None:
    """Deliver a message. A command sees ``PLANNER_MESSAGE``, ``_STATE`` and ``_QUOTA``.

    Raises:
        PlannerError: It could not be delivered.
    """
    try:
        if not _URL.match(target):
            _run(target, told)
        elif not _by_apprise(target, str(told["text"])):
            _post(target, told)
    except (OSError, subprocess.SubprocessError) as error:
        raise PlannerError("the notification could not be delivered", why=str(error)) from error


def _by_apprise(target: str, text: str) -> bool:
    """Deliver through Apprise; False where the address is a plain web hook.

    Raises:
        PlannerError: It was refused, or Apprise is needed and not installed.
    """
    is_web = target.casefold().startswith(("http://", "https://"))
    try:
        with warnings.catch_warnings():
            # One of its parts imports imghdr, which Python is about to drop.
            warnings.simplefilter("ignore", DeprecationWarning)
            import apprise

            made = apprise.Apprise.instantiate(target, suppress_exceptions=True)
    except ModuleNotFoundError:
        if is_web and not any(host in target for host in _OWN_PAYLOAD):
            return False
        raise PlannerError(
            "this notification needs Apprise, which is not installed", advice=_INSTALL
        ) from None
    if made is None:
        if is_web:
            return False
        raise PlannerError(
            "Apprise does not know this kind of notification",
            why=f"{target.split(':', 1)[0]}://",
            advice="github.com/caronc/apprise/wiki lists them",
        )
    if not made.notify(body=text, title="planner quota"):
        raise PlannerError(
            "the notification could not be delivered", why="the service refused it, or is away"
        )
    return True


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
