"""Deploys in processes of their own, to be interrupted and killed.

They import nothing of the sandbox, so that such a process holds what the command holds.
"""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from planner.clouds import settings
from planner.endpoints.deploying import deployment
from planner.endpoints.deploying.interruption import Interruption
from planner.endpoints.ingress import Ingress
from planner.endpoints.interface import adapter
from planner.errors import PlannerError
from planner.ledger import Ledger

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from planner.clouds.settings import CloudSettings
    from planner.endpoints.interface import EndpointAdapter
    from planner.plan import Plan

TOKEN = "hf_DoNotShowThisTokenAnywhere"  # noqa: S105 - it is what the tests search for
OPTIONS = deployment.Options(owner="Ada@Example", accept_license=True, create_roles=True)
WIDEST = replace(OPTIONS, ingress=Ingress.of("public", ["203.0.113.0/24"], ""))
"""A deploy on a machine with all the parts that it can have."""


def child(
    pipe: Connection,
    chosen: CloudSettings,
    plan: Plan,
    options: deployment.Options,
    folder: str,
) -> None:
    """Deploy in a process of its own, which ends with the command's exit code."""
    pipe.recv()
    os.environ.update(PLANNER_STATE_DIR=folder, HF_TOKEN=TOKEN)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    settings.use(chosen)
    made = adapter("sagemaker")
    try:
        with Ledger() as book:
            prepared = deployment.prepare(plan, options, made, book)
            with Interruption(cleanup=f"planner destroy {options.name}") as interruption:
                deployment.deploy(prepared, made, book, interruption, options=options)
    except PlannerError as error:
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)


def deploy(plan: Plan, options: deployment.Options, made: EndpointAdapter) -> deployment.Outcome:
    """Prepare and deploy in this process."""
    with Ledger() as book:
        prepared = deployment.prepare(plan, options, made, book)
        with Interruption(cleanup=f"planner destroy {prepared.spec.name}") as interruption:
            return deployment.deploy(prepared, made, book, interruption, options=options)


def vm_child(  # noqa: PLR0917 - a process takes no keywords more readably
    pipe: Connection, chosen: CloudSettings, service: str, plan: Plan, name: str, folder: str
) -> None:
    """Deploy in a process of its own, which ends with the command's exit code."""
    pipe.recv()
    os.environ.update(PLANNER_STATE_DIR=folder, HF_TOKEN=TOKEN)
    settings.use(chosen)
    try:
        deploy(plan, replace(WIDEST, name=name), adapter(service))
    except PlannerError as error:
        sys.exit(error.exit_code)
