"""Draw Vega-Lite specifications as SVG, and the parts that the charts' specifications share.

Static SVG needs no script and no request, prints, and is readable without colour: series
differ in shape or dash as well, and are named beside their marks. Colours are attributes that
``report.css`` replaces in dark mode.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from planner import extras

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

Spec = dict[str, Any]
Records = list[dict[str, Any]]

# The colours of the light page; report.css and _STYLE name their dark counterparts.
INK, MUTED, GRID = "#1f2937", "#5b6472", "#e3e6eb"
BLUE, GREEN, PURPLE, ORANGE, PINK = "#2563c9", "#0f7a4f", "#7450c8", "#b4530a", "#b4235a"
# So that a drawing that stands alone (beside a Markdown file) is readable on a dark page too.
_STYLE = (
    "@media (prefers-color-scheme: dark){"
    f'[fill="{INK}"]{{fill:#e6e9ef}}[stroke="{INK}"]{{stroke:#e6e9ef}}'
    f'[fill="{MUTED}"]{{fill:#a3adbd}}[stroke="{MUTED}"]{{stroke:#a3adbd}}'
    f'[stroke="{GRID}"]{{stroke:#333b48}}}}'
)
_DASHES = ([1, 0], [6, 3], [2, 2], [8, 3, 2, 3], [4, 1])
# Pixels of a line of text.
_LINE = 17
_SVG = "http://www.w3.org/2000/svg"
THOUSANDS = "datum.value >= 1000 ? format(datum.value / 1000, ',~g') + 'k' : datum.value"


@dataclass(frozen=True, slots=True)
class Size:
    """A width that charts are drawn for, in CSS pixels."""

    name: str
    width: int

    @property
    def narrow(self) -> bool:
        """Tell whether there is no room beside the marks."""
        return self is NARROW


WIDE, NARROW = Size("wide", 920), Size("narrow", 340)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a chart, named at its end.

    Attributes:
        end: (x, y) of its last point.
        label: What is written there.
    """

    name: str
    colour: str
    end: tuple[Any, float]
    label: str


def require() -> None:
    """Look whether charts can be drawn.

    Raises:
        PlannerError: The extra ``report`` is not installed.
    """
    extras.require("vl_convert", "charts", "report")


def warm_up() -> None:
    """Start the engine, which takes half a second the first time."""
    draw({"mark": "point", "data": {"values": []}, "encoding": {}}, "")


def draw(spec: Spec, description: str, *, alone: bool = False) -> str:
    """Return a specification as SVG.

    Args:
        spec: Vega-Lite.
        description: For those who cannot see it.
        alone: For a file of its own, which no page's style reaches.
    """
    engine = extras.module("vl_convert", "charts", "report")
    root = ET.fromstring(engine.vegalite_to_svg(_styled(spec)))  # noqa: S314 - drawn here
    for mark in root.iter():
        # A mark's description becomes a tooltip; as ARIA labels all would be read one by one.
        label = mark.attrib.pop("aria-label", "")
        for name in ("role", "aria-roledescription"):
            mark.attrib.pop(name, None)
        if label:
            ET.SubElement(mark, f"{{{_SVG}}}title").text = label
    root.attrib.pop("class", None)
    root.set("role", "img")
    root.set("aria-label", description)
    if alone:
        style = ET.Element(f"{{{_SVG}}}style")
        style.text = _STYLE
        root.insert(0, style)
    ET.register_namespace("", _SVG)
    return ET.tostring(root, encoding="unicode")


def frame(size: Size, height: int, *, left: int = 4) -> Spec:
    """Return the outer measures; labels beside the marks are part of the width.

    ``left`` is slack: a reader's font may be wider than the one the drawing is measured with.
    """
    return {
        "width": size.width,
        "height": height + 60,
        "autosize": {"type": "fit", "contains": "padding"},
        "padding": {"left": left, "top": 4, "right": 16, "bottom": 4},
    }


def strokes(
    rows: Records, field: str, lines: Sequence[Line], size: Size, *, interpolate: str = "linear"
) -> Spec:
    """Return the layer of the lines; the legend stands in for labels where there is no room."""
    names = [line.name for line in lines]
    legend = {"columns": 1, "labelLimit": 300} if size.narrow else None
    dashes = [_DASHES[i % len(_DASHES)] for i in range(len(names))]
    channel = {"field": field, "type": "nominal", "legend": legend}
    return {
        "data": {"values": rows},
        "mark": {
            "type": "line",
            "strokeWidth": 2.5,
            "strokeJoin": "round",
            "interpolate": interpolate,
            "aria": False,
        },
        "encoding": {
            "color": {**channel, "scale": colours(lines)},
            "strokeDash": {**channel, "scale": {"domain": names, "range": dashes}},
        },
    }


def hover(rows: Records) -> Spec:
    """Return a layer of unseen points, whose ``tip`` shows where the pointer rests on a line."""
    return {
        "data": {"values": rows},
        "mark": {"type": "point", "filled": True, "size": 160, "opacity": 0},
        "encoding": {"description": {"field": "tip"}},
    }


def end_labels(
    lines: Sequence[Line], axes: tuple[Spec, Spec], height: int, domain: tuple[float, float]
) -> Spec:
    """Return the layer of the lines' names, moved apart where they would overlap.

    Args:
        lines: The lines.
        axes: The encodings of x and y.
        height: Of the chart, in pixels.
        domain: Of the y axis.
    """
    x, y = axes
    log = y.get("scale", {}).get("type") == "log"
    apart = _apart({line.name: line.end[1] for line in lines}, height, domain, log=log)
    rows = [
        {"name": line.name, x["field"]: line.end[0], y["field"]: apart[line.name], "t": line.label}
        for line in lines
    ]
    return {
        "data": {"values": rows},
        "mark": {"type": "text", "align": "left", "dx": 8, "aria": False},
        "encoding": {
            "text": {"field": "t"},
            "color": {"field": "name", "scale": colours(lines), "legend": None},
        },
    }


def colours(lines: Iterable[Line]) -> Spec:
    """Return the colour scale of lines."""
    lines = list(lines)
    return {"domain": [line.name for line in lines], "range": [line.colour for line in lines]}


def round_values(low: float, high: float, leading: Sequence[int] = (1, 2, 5)) -> list[float]:
    """Return the round numbers of a logarithmic axis."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    values = (digit * 10.0**decade for decade in decades for digit in leading)
    return [value for value in values if low <= value <= high]


def _apart(
    values: Mapping[str, float], height: int, domain: tuple[float, float], *, log: bool
) -> dict[str, float]:
    """Return the values moved up until no two are closer than a line of text."""
    scale: Callable[[float], float] = math.log if log else float
    back: Callable[[float], float] = math.exp if log else float
    gap = (scale(domain[1]) - scale(domain[0])) * _LINE / height
    placed: dict[str, float] = {}
    floor = -math.inf
    for name, value in sorted(values.items(), key=lambda item: item[1]):
        floor = max(scale(value), floor + gap)
        placed[name] = back(floor)
    return placed


def _styled(spec: Spec) -> Spec:
    axis = {
        "labelColor": MUTED,
        "titleColor": MUTED,
        "titleFontWeight": "normal",
        "labelFontSize": 12,
        "titleFontSize": 12,
        "domainColor": GRID,
        "tickColor": GRID,
        "gridColor": GRID,
        "labelPadding": 6,
    }
    legend = {
        "labelColor": INK,
        "labelFontSize": 12,
        "symbolSize": 90,
        "orient": "top",
        "title": None,
        "offset": 8,
    }
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "background": None,
        "config": {
            "font": "Helvetica, Arial, sans-serif",
            "view": {"stroke": None},
            "axis": axis,
            "legend": legend,
            "text": {"fontSize": 12, "color": INK},
        },
        **spec,
    }
