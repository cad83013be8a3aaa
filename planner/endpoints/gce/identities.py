"""What all machines of planner's share, made once and kept: it costs nothing.

A service account without any role (it may read the one secret it is given), and two firewall
rules for machines that carry planner's network tag.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.clouds import gcp
from planner.endpoints.gce import api, compute, requests
from planner.errors import CloudError

if TYPE_CHECKING:
    from planner.endpoints.interface import Context

ACCOUNT = "planner-endpoint"


def email() -> str:
    """Return the address of the service account."""
    return f"{ACCOUNT}@{gcp.project()}.iam.gserviceaccount.com"


def account() -> str:
    """Return the service account if it is there; empty where it is not."""
    try:
        api.call(
            "GET",
            f"/v1/{api.project_path()}/serviceAccounts/{email()}",
            "look for the service account",
            api="iam",
            action="iam.serviceAccounts.get",
        )
    except CloudError as error:
        if api.is_missing(error):
            return ""
        raise
    return email()


def create_account() -> str:
    """Create the service account and return its address."""
    try:
        api.call(
            "POST",
            f"/v1/{api.project_path()}/serviceAccounts",
            "create the service account",
            api="iam",
            action="iam.serviceAccounts.create",
            body={
                "accountId": ACCOUNT,
                "serviceAccount": {"displayName": "planner: machines that serve models"},
            },
        )
    except CloudError as error:
        if not api.is_taken(error):
            raise
    return email()


def close_firewall(context: Context) -> None:
    """Make the firewall rules that are not there yet."""
    for rule in requests.firewall_rules():
        compute.make_firewall_rule(rule, context)
