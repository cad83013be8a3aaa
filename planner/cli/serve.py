"""``planner serve``: the report as a live page on this machine."""

from __future__ import annotations

import socket

import click

from planner.cli.output import note
from planner.errors import PlannerError

# More connections than browsers open; what comes beyond is told to come again (503).
_MOST_AT_ONCE = 100
# How long answers that are under way may take once it is told to end.
_LAST_ANSWERS_S = 2


@click.command()
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8765,
    show_default=True,
    help="Where to listen; 0 for any free port.",
)
@click.option("--open/--no-open", "open_browser", default=False, help="Open the browser.")
def serve(port: int, open_browser: bool) -> None:
    """Explore prices live in the browser, on this machine only.

    Choose a model, precision, context, load, geography, utilisation and commitment: the table
    and the charts follow. The page reads and never changes anything; its address holds what
    was chosen, so that it can be sent on.

    \b
    planner serve
    planner serve --port 0 --open
    """  # noqa: D301 - click reads the backspace as "keep these lines"
    import uvicorn

    from planner.web.app import create_app

    with _listen(port) as listening:
        address = f"http://localhost:{listening.getsockname()[1]}/"
        app = create_app()
        note(f"planner explorer: {address}  (Ctrl-C ends it)")
        if open_browser:
            click.launch(address)
        server = uvicorn.Server(
            uvicorn.Config(
                app,
                log_level="warning",
                server_header=False,
                lifespan="off",
                limit_concurrency=_MOST_AT_ONCE,
                timeout_graceful_shutdown=_LAST_ANSWERS_S,
            )
        )
        try:
            server.run(sockets=[listening])
        except KeyboardInterrupt:  # how it is meant to end
            return


def _listen(port: int) -> socket.socket:
    """Return a socket on this machine's own address."""
    try:
        return socket.create_server(("127.0.0.1", port))
    except OSError as error:
        raise PlannerError(
            f"port {port} cannot be used", why=str(error), advice="planner serve --port 0"
        ) from error
