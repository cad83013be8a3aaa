"""The Vega-Lite specification of each chart, for one width."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

from planner.reports import drawing, series, wording
from planner.reports.drawing import (
    BLUE,
    GREEN,
    INK,
    MUTED,
    ORANGE,
    PINK,
    PURPLE,
    THOUSANDS,
    Line,
    Records,
    Size,
    Spec,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

_WAYS = {
    series.ON_DEMAND: (BLUE, "circle"),
    series.ONE_YEAR: (GREEN, "square"),
    series.THREE_YEARS: (PURPLE, "triangle-up"),
    series.SPOT: (ORANGE, "diamond"),
}
_LINES = (BLUE, GREEN, PURPLE, ORANGE, INK)
_HEIGHT = 300
# Points of a line that show a tooltip.
_TIPS = 30


def monthly(records: Records, size: Size) -> Spec:
    """Return the prices of each plan as points on a line between its cheapest and dearest."""
    names = _distinct_names(records)
    rows = [
        {
            **record,
            "label": names[record["rank"]],
            "tip": f"{record['instance_type']}, {record['place']}, {record['gpus']}, "
            f"{record['way']}: {wording.usd(record['monthly_usd'])} a month",
        }
        for record in records
    ]
    y = {
        "field": "label",
        "type": "nominal",
        "sort": list(names.values()),
        "axis": {
            "title": None,
            "labels": not size.narrow,
            "labelLimit": 330,
            "labelColor": INK,
            "domain": False,
            "ticks": False,
            "grid": True,
        },
    }
    x = {
        "field": "monthly_usd",
        "type": "quantitative",
        "scale": {"domain": [0, max(r["monthly_usd"] for r in rows) * 1.05], "nice": False},
        "axis": {
            "title": "$ a month",
            "labelExpr": THOUSANDS,
            "tickCount": 4 if size.narrow else 8,
        },
    }
    layers = [_span(x), _prices(rows, x, size), *_ends(rows, x)]
    if size.narrow:  # no room beside the marks: each name stands above its row
        layers.append(
            {
                "data": {"values": [{"label": name} for name in names.values()]},
                "mark": {"type": "text", "align": "left", "dy": -14, "x": 0, "aria": False},
                "encoding": {"text": {"field": "label"}},
            }
        )
    return {
        **drawing.frame(size, (44 if size.narrow else 28) * len(names), left=24),
        "data": {"values": rows},
        "encoding": {"y": y},
        "layer": layers,
    }


def cumulative(records: Records, size: Size, points: Sequence[series.BreakEvenMonth]) -> Spec:
    """Return what each way of paying costs in all, with the break-even points."""
    rows = [
        {**r, "tip": f"{r['way']}, kept {r['months']} months: {wording.usd(r['total_usd'])}"}
        for r in records
    ]
    last = {row["way"]: row for row in rows}
    lines = [
        Line(
            way,
            _WAYS[way][0],
            (row["months"], row["total_usd"]),
            f"{way} {wording.usd(row['total_usd'])}",
        )
        for way, row in last.items()
    ]
    x = {
        "field": "months",
        "type": "quantitative",
        "scale": {"domain": [0, series.HORIZON_MONTHS]},
        "axis": {
            "title": "months it is kept",
            "values": list(range(0, series.HORIZON_MONTHS + 1, 6)),
            "grid": False,
        },
    }
    y = {
        "field": "total_usd",
        "type": "quantitative",
        "axis": {"title": "$ in all", "labelExpr": THOUSANDS, "tickCount": 5},
    }
    marks = [
        {
            "months": p.months,
            "total_usd": p.total_usd,
            "text": f"{p.months:.1f} months",
            "tip": f"{p.way} is the cheaper from {p.months:.1f} months on",
        }
        for p in points
    ]
    domain = (0.0, max(row["total_usd"] for row in rows))
    return {
        **drawing.frame(size, _HEIGHT),
        "encoding": {"x": x, "y": y},
        "layer": [
            drawing.strokes(rows, "way", lines, size),
            drawing.hover(rows),
            *([] if size.narrow else [drawing.end_labels(lines, (x, y), _HEIGHT, domain)]),
            {
                "data": {"values": marks},
                "mark": {"type": "point", "size": 110, "color": INK, "opacity": 1},
                "encoding": {"description": {"field": "tip"}},
            },
            {
                "data": {"values": marks},
                "mark": {"type": "text", "align": "left", "dx": 9, "dy": 15, "aria": False},
                "encoding": {"text": {"field": "text"}},
            },
        ],
    }


def tokens(records: Records, size: Size) -> Spec:
    """Return the price of a million tokens over the load, both logarithmic."""
    rows = [
        {
            **r,
            "tip": f"{r['name']}, {wording.significant(r['load'])} million tokens a month: "
            f"{wording.usd(r['usd'], 2)} a million",
        }
        for r in records
    ]
    last = {row["name"]: row for row in rows}
    lines = [
        Line(name, _token_colour(row), (row["load"], row["usd"]), _short(name))
        for name, row in last.items()
    ]
    loads, prices = [row["load"] for row in rows], [row["usd"] for row in rows]
    domain = (min(prices) * 0.8, max(prices) * 1.2)
    x = {
        "field": "load",
        "type": "quantitative",
        "scale": {"type": "log", "domain": [min(loads), max(loads)], "nice": False},
        "axis": {
            "title": "million output tokens a month",
            "format": "~s",
            "grid": False,
            "values": drawing.round_values(min(loads), max(loads), (1,) if size.narrow else (1, 3)),
        },
    }
    y = {
        "field": "usd",
        "type": "quantitative",
        "scale": {"type": "log", "domain": list(domain), "nice": False},
        "axis": {
            "title": "$ a million output tokens",
            "format": "$~g",
            "values": drawing.round_values(*domain),
        },
    }
    return {
        **drawing.frame(size, _HEIGHT + 40),
        "encoding": {"x": x, "y": y},
        "layer": [
            drawing.strokes(rows, "name", lines, size),
            drawing.hover(_some(rows)),
            *([] if size.narrow else [drawing.end_labels(lines, (x, y), _HEIGHT + 40, domain)]),
        ],
    }


def history(records: Records, size: Size) -> Spec:
    """Return prices over time: each stands until the next price list."""
    rows = [
        {**r, "tip": f"{r['name']} {r['region']}, {r['date']}: ${r['hourly_usd']:,.4g} an hour"}
        for r in records
    ]
    last = {row["name"]: row for row in rows}
    lines = [
        Line(
            name,
            _LINES[i % len(_LINES)],
            (row["date"], row["hourly_usd"]),
            f"{name} ${row['hourly_usd']:,.2f}",
        )
        for i, (name, row) in enumerate(last.items())
    ]
    x = {
        "field": "date",
        "type": "temporal",
        "axis": {
            "title": None,
            "grid": False,
            "format": "%b %Y",
            "tickCount": 3 if size.narrow else 5,
            "labelOverlap": True,
        },
    }
    y = {
        "field": "hourly_usd",
        "type": "quantitative",
        "axis": {"title": "$ an hour", "tickCount": 5},
    }
    domain = (0.0, max(row["hourly_usd"] for row in rows))
    return {
        **drawing.frame(size, _HEIGHT),
        "encoding": {"x": x, "y": y},
        "layer": [
            drawing.strokes(rows, "name", lines, size, interpolate="step-after"),
            {
                "data": {"values": rows},
                "mark": {"type": "point", "filled": True, "size": 34, "opacity": 1},
                "encoding": {
                    "color": {"field": "name", "scale": drawing.colours(lines), "legend": None},
                    "description": {"field": "tip"},
                },
            },
            *([] if size.narrow else [drawing.end_labels(lines, (x, y), _HEIGHT, domain)]),
        ],
    }


def _span(x: Spec) -> Spec:
    """Return the lines between the cheapest and the dearest price of each plan."""
    return {
        "mark": {"type": "rule", "color": MUTED, "strokeWidth": 1.5, "aria": False},
        "encoding": {
            "x": {**x, "aggregate": "min"},
            "x2": {"field": "monthly_usd", "aggregate": "max"},
        },
    }


def _prices(rows: Records, x: Spec, size: Size) -> Spec:
    shown = [way for way in _WAYS if any(row["way"] == way for row in rows)]
    way = {"field": "way", "type": "nominal", "sort": shown}
    shades, shapes = zip(*(_WAYS[name] for name in shown), strict=True)
    return {
        "mark": {"type": "point", "filled": True, "size": 90, "opacity": 1},
        "encoding": {
            "x": x,
            "color": {
                **way,
                "scale": {"domain": shown, "range": list(shades)},
                "legend": {"columns": 2 if size.narrow else 0},
            },
            "shape": {**way, "scale": {"domain": shown, "range": list(shapes)}},
            "description": {"field": "tip"},
        },
    }


def _ends(rows: Records, x: Spec) -> list[Spec]:
    """Return the figures at both ends of each plan's line."""
    least, most = [], []
    for label in dict.fromkeys(row["label"] for row in rows):
        own = sorted((r for r in rows if r["label"] == label), key=lambda r: r["monthly_usd"])
        least.append(own[0])
        most += own[1:][-1:]
    return [
        {
            "data": {"values": [{**r, "usd": wording.usd(r["monthly_usd"])} for r in ends]},
            "mark": {"type": "text", "align": align, "dx": dx, "fontSize": 11, "aria": False},
            "encoding": {"x": x, "text": {"field": "usd"}},
        }
        for ends, align, dx in ((least, "right", -10), (most, "left", 10))
    ]


def _distinct_names(records: Records) -> dict[int, str]:
    """Return a label of each plan: its instance type, with what tells it apart where needed."""
    plans = {record["rank"]: record for record in records}
    names: dict[int, str] = {}
    for rank, record in plans.items():
        several = [r for r in plans.values() if r["instance_type"] == record["instance_type"]]
        more = [
            record[field]
            for field in ("place", "precision")
            if len({r[field] for r in several}) > 1
        ]
        name = ", ".join([record["instance_type"], *more])
        names[rank] = name if name not in names.values() else f"{name} ({rank + 1})"
    return names


def _token_colour(row: dict[str, object]) -> str:
    if row["api"]:
        return PINK
    return GREEN if row["way"] == "committed_1y" else BLUE


def _some(rows: Records) -> Records:
    """Return rows of each line, few enough to rest a pointer on."""
    counts = Counter(row["name"] for row in rows)
    seen: Counter[str] = Counter()
    kept = []
    for row in rows:
        if seen[row["name"]] % math.ceil(counts[row["name"]] / _TIPS) == 0:
            kept.append(row)
        seen[row["name"]] += 1
    return kept


def _short(name: str) -> str:
    return name.removeprefix("Standard_").replace("_", " ")
