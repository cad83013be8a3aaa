"""What a machine is told to do when it starts: the engine's arguments, and the cloud-init."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.bundled import deploy_templates
from planner.endpoints.deploying import vllm_command

if TYPE_CHECKING:
    from planner.endpoints.model import DeploymentSpec


def vllm_arguments(spec: DeploymentSpec, host: str, port: int) -> list[str]:
    """Return the arguments of vLLM, one a line of the file they go into."""
    return [
        *vllm_command.words(vllm_command.of(spec)),
        *("--host", host, "--port", str(port)),
        # The clouds keep the last megabyte of a console: a line for each request would push
        # everything else out of it within hours.
        "--disable-uvicorn-access-log",
    ]


def user_data(template: str, **values: object) -> str:
    """Return the cloud-init of a machine.

    Args:
        template: Name of the file in ``deploy_templates/cloud-init``.
        values: What it is filled with; a value that is missing is an error.
    """
    from jinja2 import Environment, StrictUndefined

    source = (deploy_templates() / "cloud-init" / template).read_text(encoding="utf-8")
    # It is YAML and shell, not HTML.
    # Bash's own ${#array} must not begin a comment of the template.
    environment = Environment(  # noqa: S701
        undefined=StrictUndefined, keep_trailing_newline=True, comment_start_string="<!--#"
    )
    return environment.from_string(source).render(values)
