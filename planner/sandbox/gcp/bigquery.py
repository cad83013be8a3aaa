"""Simulated BigQuery: one question, planner's, to a billing export.

Documented (discovery document bigquery.v2): ``jobs.query`` with a dry run, rows as ``f`` and
``v``, ``pageToken``, ``jobs.getQueryResults``, an answer that is not complete yet. Not simulated:
SQL. The rows are those that a test puts into the world in the order of planner's columns:
``world.notes["gcp-costs"]["rows"]``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, jsonify, request

from planner.sandbox.gcp.google import GoogleError, route

if TYPE_CHECKING:
    from planner.sandbox.world import World

_QUERIES = "/bigquery/v2/projects/<project>/queries"
_PAGE = 100
_TABLE = re.compile(r"FROM `([^`]+)`")
_NAMES = (
    "endpoint",
    "day",
    "service",
    "sku",
    "cost_type",
    "currency",
    "cost",
    "commitments",
    "credits",
    "until",
)


def blueprint(world: World) -> Blueprint:
    """Return the routes."""
    made = Blueprint("bigquery", __name__)

    @route(made, _QUERIES, "bigquery.jobs.create", "POST")
    def query(project: str) -> Response:
        body = request.get_json()
        costs = world.notes["gcp-costs"]
        table = _TABLE.search(body["query"])
        if table is None or table[1] != costs.get("table"):
            raise GoogleError(404, "NOT_FOUND", f"Not found: Table {table and table[1]}")
        if body.get("dryRun"):
            read = str(costs.get("bytes", 0))
            return jsonify(jobComplete=True, totalBytesProcessed=read, schema=_SCHEMA)
        # The answer is complete at the second look, as with a large export.
        job = {"projectId": project, "jobId": "job_1", "location": "US"}
        return jsonify(jobComplete=False, jobReference=job)

    @route(made, f"{_QUERIES}/<job>", "bigquery.jobs.create")
    def results(project: str, job: str) -> Response:
        del project, job
        rows = world.notes["gcp-costs"].get("rows", [])
        start = int(request.args.get("pageToken", 0))
        answer: dict[str, Any] = {
            "jobComplete": True,
            "jobReference": {"jobId": "job_1", "location": "US"},
            "schema": _SCHEMA,
            "rows": [{"f": [{"v": v} for v in row]} for row in rows[start : start + _PAGE]],
        }
        if start + _PAGE < len(rows):
            answer["pageToken"] = str(start + _PAGE)
        return jsonify(answer)

    return made


_SCHEMA = {"fields": [{"name": name, "type": "STRING", "mode": "NULLABLE"} for name in _NAMES]}
