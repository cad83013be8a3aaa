"""The Grafana dashboard asks only for metrics that planner writes, in Grafana's own form."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime
from decimal import Decimal

from planner.actuals.answer import Actuals, EndpointActuals
from planner.actuals.model import Period
from planner.actuals.records import prometheus_text
from planner.actuals.work.totals import Work
from planner.bundled import deploy_templates

# The parts of Grafana's dashboard model that a panel cannot do without
# (https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/view-dashboard-json-model/).
_PANEL = {"id", "type", "title", "datasource", "gridPos", "targets", "fieldConfig"}


def metrics() -> set[str]:
    endpoint = EndpointActuals(
        "chat",
        "aws",
        "USD",
        Decimal(1),
        Decimal(1),
        Decimal(1),
        None,
        None,
        None,
        Work(1, 0, 1, 1, 1),
        {},
        None,
        Decimal(0),
    )
    found = Actuals(
        Period(date(2026, 11, 1), date(2026, 12, 1)),
        "USD",
        ("bill",),
        (endpoint,),
        month_end=Decimal(1),
        until=datetime(2026, 11, 2, tzinfo=UTC),
    )
    lines = prometheus_text(found).splitlines()
    return {re.split(r"[{ ]", line)[0] for line in lines if not line.startswith("#")}


def test_the_dashboard_asks_for_what_is_written() -> None:
    dashboard = json.loads((deploy_templates() / "grafana-actuals.json").read_text())
    assert isinstance(dashboard["schemaVersion"], int)
    asked = set()
    taken = set()
    for panel in dashboard["panels"]:
        assert set(panel) >= _PANEL
        place = panel["gridPos"]
        assert place["x"] >= 0
        assert place["x"] + place["w"] <= 24
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken
        taken |= cells
        for target in panel["targets"]:
            asked |= set(re.findall(r"planner_[a-z_]+", target["expr"]))
    assert asked
    assert asked <= metrics()
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
