"""``planner mcp``: answer assistants."""

from __future__ import annotations

import click

from planner.errors import PlannerError


@click.command()
def mcp() -> None:
    """Answer assistants over the Model Context Protocol, on stdin and stdout.

    Offers compare, fit, prices, models, quota_check and report; nothing that spends. Needs
    the extra gpu-planner[mcp]. Give an assistant this command as a stdio server:

    \b
    planner mcp
    planner --sandbox mcp
    """  # noqa: D301 - click reads the backspace as "keep these lines"
    try:
        from planner.mcp import server
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in {"mcp", "mcp_types", "pydantic"}:
            raise
        raise PlannerError(
            "the MCP server is not installed",
            why=str(error),
            advice="pip install 'gpu-planner[mcp]'",
        ) from error
    server().run()
