"""The console of a machine, which boot diagnostics keep: no way in is needed to read it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.clouds import azure
from planner.endpoints.azure_vm import api
from planner.errors import CloudError

if TYPE_CHECKING:
    from planner.endpoints.azure_vm.requests import Group

_ACTION = "Microsoft.Compute/virtualMachines/retrieveBootDiagnosticsData/action"
_NOT_YET = {404, 409}
_RETRY_STATUS = (429, 500, 502, 503, 504)


def lines(where: Group, name: str) -> list[str]:
    """Return what the machine wrote to its serial port."""
    try:
        with azure.errors("read the machine's console", action=_ACTION):
            found = azure.compute().virtual_machines.retrieve_boot_diagnostics_data(
                where.name,
                name,
                retry_on_methods=["POST"],  # it only reads
            )
    except CloudError as error:
        # A machine that is just being made has no console yet.
        if api.is_missing(error) or error.code in {"409", "Conflict"}:
            return []
        raise
    address = found.serial_console_log_blob_uri
    return _download(address) if address else []


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
