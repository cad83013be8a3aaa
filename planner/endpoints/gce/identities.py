"""What all machines of planner's share, made once and kept: it costs nothing.

A service account without any role: it may read the one secret it is given. The firewall rules are
shared too; they are made with the first machine (:mod:`steps`).
"""

from __future__ import annotations

from planner.clouds import gcp
from planner.endpoints.gce import api
from planner.errors import CloudError

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
            repeatable=True,  # a second one finds the first
            body={
                "accountId": ACCOUNT,
                "serviceAccount": {"displayName": "planner: machines that serve models"},
            },
        )
    except CloudError as error:
        if not api.is_taken(error):
            raise
    return email()
