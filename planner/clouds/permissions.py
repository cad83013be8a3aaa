"""The least that each command needs to be allowed, in each cloud's own form.

The files are ``deploy_templates/permissions/COMMAND.CLOUD.json`` (or ``.yaml`` for Google): an
IAM policy, an Azure custom role, a Google Cloud role. A command whose file is missing for a
cloud needs nothing there. Tests hold them against the calls that the commands really make.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.bundled import deploy_templates
from planner.errors import UnknownNameError

if TYPE_CHECKING:
    from pathlib import Path

_HOW = {
    "aws": "aws iam put-user-policy --user-name NAME --policy-name {name} "
    "--policy-document file://{file}",
    "azure": "az role definition create --role-definition {file}  (fill in SUBSCRIPTION_ID)",
    "gcp": "gcloud iam roles create {role} --project PROJECT --file {file}",
}


@dataclass(frozen=True, slots=True)
class Policy:
    """What one command needs in one cloud.

    Attributes:
        text: The policy or role, ready for the cloud's own tool.
        how: The command that puts it in force.
    """

    command: str
    cloud: str
    text: str
    how: str


def commands() -> tuple[str, ...]:
    """Return the commands that need permissions: ``quota-check``, ``quota-request``, ..."""
    found = {path.name.split(".", 1)[0] for path in _folder().glob("*.*.*")}
    return tuple(sorted(found))


def policies(command: str | None = None, clouds: tuple[str, ...] = ()) -> list[Policy]:
    """Return the policies of one command or all, for some clouds or all.

    Raises:
        UnknownNameError: No command of that name needs permissions.
    """
    if command is not None and command not in commands():
        raise UnknownNameError(
            "command", command, commands(), advice="planner doctor --permissions"
        )
    found = []
    for path in sorted(_folder().glob(f"{command or '*'}.*.*")):
        name, cloud, _ = path.name.split(".")
        if not clouds or cloud in clouds:
            how = _HOW[cloud].format(
                name=f"planner-{name}",
                role=f"planner_{name.replace('-', '_')}",
                file=path.name,
            )
            found.append(Policy(name, cloud, path.read_text(encoding="utf-8"), how))
    return found


def _folder() -> Path:
    return deploy_templates() / "permissions"
