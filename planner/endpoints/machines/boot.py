"""What a machine is told to do when it starts: the engine's arguments, and the cloud-init."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.bundled import deploy_templates
from planner.endpoints.deploying import vllm_command
from planner.serving import table

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
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    def source(name: str) -> str:
        return (deploy_templates() / name).read_text(encoding="utf-8")

    # It is YAML and shell, not HTML.
    # Bash's own ${#array} must not begin a comment of the template.
    environment = Environment(  # noqa: S701
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        comment_start_string="<!--#",
        loader=FunctionLoader(source),
    )
    return environment.get_template(f"cloud-init/{template}").render(values)


def ingress(spec: DeploymentSpec, key_name: str) -> dict[str, object]:
    """Return what the cloud-init needs of the way in.

    Args:
        spec: The deployment.
        key_name: Where the cloud's store holds its keys; the cloud's id of it.
    """
    rows = table.read(deploy_templates() / "ingress" / "settings.csv")
    pinned = {row["setting"]: row["value"] for row in rows}
    return {
        "access": str(spec.ingress.access),
        "domain": spec.ingress.domain,
        "key_name": key_name,
        "ingress_image": pinned["image"],
        "largest_request": pinned["largest_request"],
        "requests_at_once": pinned["requests_at_once"],
    }
