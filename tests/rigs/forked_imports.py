"""Imported by the server of the test processes: what planner's commands import, and nothing run.

No client is made and no query asked here: a fork must not inherit a thread or a connection.
"""

from importlib import import_module
from pkgutil import walk_packages

import planner

# Real programs and optional parts: importing them is not what a command does.
_APART = ("planner.__main__", "planner.sandbox", "planner.serving.speed.shipping", "planner.web")
_LAZY = (
    "azure.core.exceptions",
    "azure.mgmt.compute.models",
    "azure.mgmt.core.polling.arm_polling",
    "azure.mgmt.quota",
    "azure.mgmt.resource.resources",
    "boto3",
    "botocore.session",
    "duckdb",
    "filelock",
    "google.api_core.exceptions",
    "google.auth.transport.requests",
    "google.cloud.cloudquotas_v1",
    "requests",
    "rich.console",
    "rich.table",
    "httpx2",
    "tenacity",
)
# What the tests' own processes run.
_CHILDREN = ("children", "killed_refresh")

for _found in walk_packages(planner.__path__, "planner."):
    if not _found.name.startswith(_APART):
        try:
            import_module(_found.name)
        except ImportError:
            continue
for _name in (*_LAZY, *_CHILDREN):
    import_module(_name)
