"""Follow a machine by its console, which boot diagnostics keep: no way in is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from planner.clouds import azure
from planner.endpoints.azure_vm import api
from planner.endpoints.machines import machine
from planner.errors import CloudError

if TYPE_CHECKING:
    from collections.abc import Callable

    from planner.endpoints.azure_vm.requests import Group
    from planner.endpoints.interface import Context, LogLine
    from planner.endpoints.model import DeploymentSpec

_ACTION = "Microsoft.Compute/virtualMachines/retrieveBootDiagnosticsData/action"
_RUNNING = {"", "starting", "running"}
_NOT_YET = {404, 409}
_RETRY_STATUS = (429, 500, 502, 503, 504)


def lines(where: Group, name: str) -> list[str]:
    """Return what the machine wrote to its serial port."""
    try:
        with azure.errors("read the machine's console", action=_ACTION):
            found = azure.compute().virtual_machines.retrieve_boot_diagnostics_data(
                where.name, name
            )
    except CloudError as error:
        # A machine that is just being made has no console yet.
        if api.is_missing(error) or error.code in {"409", "Conflict"}:
            return []
        raise
    address = found.serial_console_log_blob_uri
    return _download(address) if address else []


def in_service(
    spec: DeploymentSpec, where: Group, context: Context, *, still_made: Callable[[], bool]
) -> None:
    """Return when the machine serves the model.

    Args:
        spec: What it was made of.
        where: Its group.
        context: How to wait.
        still_made: Tells whether another run may be just making the machine.

    Raises:
        CloudError: It failed, is gone, or takes too long; with the telling lines.
    """
    machine.follow(
        spec,
        context,
        console=lambda: lines(where, spec.name),
        stopped=lambda: _stopped(where, spec.name, still_made),
    )


def log(where: Group, name: str) -> list[LogLine]:
    """Return the console as log lines."""
    return machine.log(lines(where, name), "serial console")


def power(found: dict[str, Any]) -> str:
    """Return the power state of a machine: ``running``, ``deallocated``; empty where unknown."""
    return _status(found, "PowerState/")


def refusal(found: dict[str, Any]) -> str:
    """Return why a machine could not be made, in Azure's words; empty where it could."""
    return _status(found, "ProvisioningState/failed/")


def _status(found: dict[str, Any], prefix: str) -> str:
    view = found.get("properties", {}).get("instanceView", {})
    for status in view.get("statuses", []):
        if str(status.get("code", "")).startswith(prefix):
            message = status.get("message", "")
            rest = str(status["code"]).removeprefix(prefix)
            return f"{rest}: {message}" if message else rest
    return ""


def _stopped(where: Group, name: str, still_made: Callable[[], bool]) -> str:
    found = api.machine(where, name)
    if found is None and still_made():
        return ""
    if found is None:
        raise CloudError(
            f"{name} is gone",
            why="Azure took it back (Spot), its time was up, or someone deleted it",
            advice="planner status",
        )
    state = power(found)
    return "" if state in _RUNNING else f"Azure has stopped the machine ({state})"


def _download(address: str) -> list[str]:
    """Return the lines behind an address that is itself the permission to read them."""
    import requests
    from urllib3.util import Retry

    with requests.Session() as session:
        retry = Retry(
            total=3, status_forcelist=_RETRY_STATUS, backoff_factor=0.2, raise_on_status=False
        )
        adapter = requests.adapters.HTTPAdapter(max_retries=retry)
        session.mount("https://", adapter)
        session.mount("http://", adapter)
        try:
            response = session.get(address, timeout=60)
        except requests.RequestException as error:
            # Its text has the address, which is a secret for as long as it is valid.
            raise CloudError(
                "could not read the machine's console",
                why=type(error).__name__,
                advice="run it again",
            ) from None
    if response.status_code in _NOT_YET:
        return []
    if not response.ok:
        raise CloudError(
            "could not read the machine's console",
            code=str(response.status_code),
            why=f"Azure's storage answered {response.status_code}",
            advice="run it again",
        )
    return [line.rstrip("\r") for line in response.text.splitlines()]
