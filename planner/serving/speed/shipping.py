"""Turn a fit into the files that planner ships, and check them. For maintainers."""

from __future__ import annotations

import argparse
import csv
import io
import json
from collections import defaultdict
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from planner.bundled import pricing_data
from planner.serving.speed import corrections, first_token, fitting, judging

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from planner.serving.speed.calibration import Array, Design
    from planner.serving.speed.cases import Case
    from planner.serving.speed.fitting import Fitted

_POINT_COLUMNS = (
    *("engine", "generation", "regime", "accelerator", "model", "precision"),
    *("tensor_parallel", "pipeline_parallel", "input_tokens", "output_tokens", "batch"),
    *("weight", "first_weight"),
)
_TOLERANCE = 0.03  # how far a refit on another machine may lie from the shipped figures
_NOTHING = 5e-4  # an effect smaller than this is not shipped


def main(arguments: Sequence[str]) -> int:
    """Fit, print the hold-out errors, and write the files or check them."""
    parser = argparse.ArgumentParser(description="Fit the throughput model.")
    parser.add_argument("--check", action="store_true", help="compare with the shipped files")
    options = parser.parse_args(arguments)
    document, points = build()
    print(report(document))  # noqa: T201 - this is the maintainers' command
    if options.check:
        return check(document)
    text = json.dumps(document, indent=1) + "\n"
    (pricing_data() / "throughput.json").write_text(text, encoding="utf-8")
    (pricing_data() / "throughput_points.csv").write_text(points, encoding="utf-8")
    return 0


def build() -> tuple[dict[str, Any], str]:
    """Return what ``throughput.json`` and ``throughput_points.csv`` shall hold."""
    fitted = fitting.fit()
    judged = judging.judge(fitted)
    unused = +fitted.unused
    document = {
        "fitted_on": datetime.now(UTC).date().isoformat(),
        "measurements": {
            "rows": sum(unused.values()) + len(fitted.cases),
            "fitted": len(fitted.cases),
            "not_fitted": dict(unused.most_common()),
        },
        "kernel": asdict(fitting.KERNEL),
        "waiting": {engine: asdict(shares) for engine, shares in fitted.waiting.items()},
        "spread": asdict(first_token.spread(fitted.cases)),
        "bands": judged.bands,
        "holdout": {
            name: {
                group: {key: asdict(errors) for key, errors in rows.items()}
                for group, rows in groups.items()
            }
            for name, groups in judged.tables.items()
        },
        "within_twice": judged.within_twice,
        "shapes": shapes(fitted.cases),
        "effects": _effects(fitted.design, fitted.values),
    }
    return document, _points(fitted)


def shapes(known: Sequence[Case]) -> dict[str, dict[str, tuple[str, float, float]]]:
    """Return of each measured model and precision its kind and where it lies."""
    found: defaultdict[str, dict[str, tuple[str, float, float]]] = defaultdict(dict)
    for case in known:
        precision = case.setting.precision
        active, cache = corrections.size(case.workload.model, precision)
        found[case.model][precision] = (case.setting.kind, round(active, 5), round(cache, 5))
    return dict(sorted(found.items()))


def check(document: Mapping[str, Any]) -> int:
    """Compare a new fit with the shipped one; return an exit code."""
    path = pricing_data() / "throughput.json"
    shipped = json.loads(path.read_text(encoding="utf-8"))
    differences = list(_differences(shipped, json.loads(json.dumps(document)), ""))
    for line in differences:
        print(line)  # noqa: T201 - this is the maintainers' command
    return 1 if differences else 0


def report(document: Mapping[str, Any]) -> str:
    """Return the hold-out errors as Markdown tables."""
    lines = [f"Fitted {document['measurements']['fitted']} measurements.", ""]
    lines += [*_HEADER]
    lines += [_line(split, rows["all"]["all"]) for split, rows in document["holdout"].items()]
    lines += ["", f"TTFT within x/÷ 2: {100 * document['within_twice']:.0f} %"]
    for split, rows in document["holdout"].items():
        for group in ("generation", "card"):
            lines += ["", f"{split}, by {group}", "", *_HEADER]
            lines += [_line(name, row) for name, row in rows[group].items()]
    return "\n".join(lines)


_HEADER = (
    "| left out | points | mean error | median | bias | covers 92 % |",
    "|---|---:|---:|---:|---:|---:|",
)


def _line(name: str, row: Mapping[str, float]) -> str:
    mean, median, bias = 100 * row["mean"], 100 * row["median"], 100 * row["bias"]
    figures = f"{mean:.1f} % | {median:.1f} % | {bias:+.1f} % | x/÷ {row['factor']:.2f}"
    return f"| {name} | {row['points']} | {figures} |"


def _effects(design: Design, values: Array) -> dict[str, dict[str, dict[str, float]]]:
    found: defaultdict[str, dict[str, dict[str, float]]] = defaultdict(dict)
    for (level, key), rates in sorted(design.table(values).items()):
        kept = {rate: round(value, 4) for rate, value in rates.items() if abs(value) > _NOTHING}
        if kept or level == "card":
            found[level][key] = kept
    return dict(found)


def _points(fitted: Fitted) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_POINT_COLUMNS)
    known = fitted.cases
    for place in sorted(range(len(known)), key=lambda place: known[place].generation):
        first = fitted.first_weights[place]
        numbers = (f"{fitted.weights[place]:.4g}", f"{first:.4g}" if first else "")
        writer.writerow([*_coordinates(known[place]), *numbers])
    return text.getvalue()


def _coordinates(case: Case) -> tuple[object, ...]:
    load, at = case.workload, case.setting
    model, accelerator, precision, tensor_parallel, pipeline_parallel = load.nominal()
    return (
        *(at.engine, at.generation, at.regime, accelerator, model, precision),
        *(tensor_parallel, pipeline_parallel, load.input_tokens, load.output_tokens, case.batch),
    )


def _differences(shipped: Any, fresh: Any, where: str) -> Iterator[str]:  # noqa: ANN401 - JSON
    if isinstance(shipped, dict) and isinstance(fresh, dict):
        for key in sorted({*shipped, *fresh} - {"fitted_on"}):
            yield from _differences(shipped.get(key), fresh.get(key), f"{where}/{key}")
        return
    if isinstance(shipped, float) and isinstance(fresh, float):
        same = abs(shipped - fresh) <= _TOLERANCE * max(abs(shipped), abs(fresh), 0.1)
    else:
        same = shipped == fresh
    if not same:
        yield f"{where}: shipped {shipped}, fitted {fresh}"
