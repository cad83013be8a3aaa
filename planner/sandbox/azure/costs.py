"""Simulated Microsoft.CostManagement: the query of a subscription's costs, by tag and meter.

Documented (azure-mgmt-costmanagement 5, api-version 2025-03-01): path, question, ``columns`` and
``rows``, ``nextLink`` asked with POST. Assumed: the names of the columns (the aggregated column's
own name, ``UsageDate`` as a number, ``TagKey`` and ``TagValue``, then the dimensions,
``Currency``), as published answers show them. The costs are those that a test puts into the
world: ``world.notes["azure-costs"]["rows"]``; nothing that runs here is billed by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, jsonify, request

from planner.sandbox.azure.arm import SUBSCRIPTION, ArmError, route

if TYPE_CHECKING:
    from planner.sandbox.world import World

_KIND = "Microsoft.CostManagement/query"
_PAGE = 100
_FROM = {"ActualCost": "billed", "AmortizedCost": "amortized"}


def blueprint(world: World) -> Blueprint:
    """Return the routes."""
    made = Blueprint("costs", __name__)

    @route(made, f"{SUBSCRIPTION}/providers/{_KIND}", f"{_KIND}/read", "POST")
    def query(subscription: str) -> Response:
        del subscription
        question = request.get_json()
        if question["type"] not in _FROM or question["dataset"].get("granularity") != "Daily":
            raise ArmError("BadRequest", "Invalid query definition.")
        with world.lock:
            rows = [_row(item, question) for item in world.notes["azure-costs"].get("rows", ())]
        found = [row for row in rows if row is not None]
        start = int(request.args.get("$skiptoken", 0))
        more = start + _PAGE < len(found)
        base = request.url.partition("&$skiptoken")[0].partition("&%24skiptoken")[0]
        return jsonify(
            properties={
                "columns": [{"name": name, "type": kind} for name, kind in _COLUMNS],
                "rows": found[start : start + _PAGE],
                "nextLink": f"{base}&$skiptoken={start + _PAGE}" if more else None,
            }
        )

    return made


_COLUMNS = (
    ("Cost", "Number"),
    ("UsageQuantity", "Number"),
    ("UsageDate", "Number"),
    ("TagKey", "String"),
    ("TagValue", "String"),
    ("MeterCategory", "String"),
    ("ChargeType", "String"),
    ("Currency", "String"),
)


def _row(item: dict[str, Any], question: dict[str, Any]) -> list[Any] | None:
    """Return a cost as a row of the answer; None where it is not in the period."""
    period = question["timePeriod"]
    if not period["from"][:10] <= item["day"] <= period["to"][:10]:
        return None
    tag = next(g["name"] for g in question["dataset"]["grouping"] if g["type"] == "TagKey")
    return [
        item[_FROM[question["type"]]],
        item.get("hours", 0),
        int(item["day"].replace("-", "")),
        tag,
        item["endpoint"],
        item["meter"],
        item.get("charge", "Usage"),
        item.get("currency", "USD"),
    ]
