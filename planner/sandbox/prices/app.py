"""The WSGI application of the simulated price interfaces."""

from __future__ import annotations

from flask import Flask, Response, request

from planner.sandbox.prices import aws, azure, gcp


def app() -> Flask:
    """Return the application: all three clouds on one port, as their paths differ."""
    made = Flask("planner-sandbox-prices")
    for cloud in (aws, azure, gcp):
        made.register_blueprint(cloud.blueprint())

    @made.after_request
    def conditional(response: Response) -> Response:
        """Answer 304 to one who has the list already."""
        response.make_conditional(request)
        return response

    return made
