"""Turn a fit into the files that planner ships, and check them. For maintainers."""

from __future__ import annotations

import argparse
import csv
import io
import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from planner.bundled import pricing_data
from planner.serving.speed import calibration, holdout, measurements, residuals

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from planner.serving.speed.calibration import Case, FamilyFit
    from planner.serving.speed.holdout import Miss

# Engine and regime -> what ran, the year of the software, and where the figures were published.
_ORIGIN = {
    "deepspeed-mii/static-batch": ("DeepSpeed-MII of 2024", 2024, "Argonne LLM-Inference-Bench"),
    "vllm/static-batch": ("vLLM of 2024", 2024, "Argonne LLM-Inference-Bench"),
    "tensorrt-llm/static-batch": ("TensorRT-LLM of 2024", 2024, "Argonne LLM-Inference-Bench"),
    "tensorrt-llm/max-load": ("TensorRT-LLM 0.9, 0.14 and 1.0", 2025, "TensorRT-LLM docs"),
    "tensorrt-llm/serving": ("TensorRT-LLM 1.0 to 1.3", 2026, "aiconfigurator-core 0.12.0"),
    "vllm/serving": ("vLLM 0.12 and later", 2026, "aiconfigurator-core 0.12.0"),
    "sglang/serving": ("SGLang 0.5", 2026, "aiconfigurator-core 0.12.0"),
    "tgi/virtual-users": ("TGI 1.0.3", 2023, "philschmid SageMaker TGI tests"),
}
_POINT_COLUMNS = (
    "family",
    "accelerator",
    "model",
    "precision",
    "tensor_parallel",
    "pipeline_parallel",
    "input_tokens",
    "output_tokens",
    "concurrency",
    "weight",
)
_TOLERANCE = 0.02  # how far a refit on another machine may lie from the shipped figures
_SUBJECT = "llama-2-70b"


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
    cases, unused = calibration.cases(measurements.all_measurements())
    families = calibration.by_family(cases)
    kernel = rounded_kernel(calibration.fit_kernel(families))
    fits = {name: calibration.fit_family(items, kernel) for name, items in families.items()}
    exponent, exponent_error = calibration.first_token_exponent(families, fits)
    found = {name: holdout.leave_out(families, kernel, key) for name, key in holdout.SPLITS.items()}
    found["vendor"] = holdout.leave_vendor_out(families)
    document = {
        "fitted_on": datetime.now(UTC).date().isoformat(),
        "measurements": {
            "rows": sum(unused.values()) + len(cases),
            "fitted": len(cases),
            "not_fitted": dict(unused.most_common()),
        },
        "kernel": dict(zip(residuals.SCALES, kernel.scales, strict=True)),
        "first_token_exponent": round(exponent, 3),
        "first_token_error_factor": round(exponent_error, 3),
        "bands": holdout.bands(found, kernel),
        "families": {name: _family(name, fit) for name, fit in fits.items()},
        "holdout": {name: _rows(misses) for name, misses in found.items()},
        "holdout_of": {_SUBJECT: {name: _subject(misses) for name, misses in found.items()}},
    }
    sizes = asdict(kernel)
    scales = dict(zip(residuals.SCALES, sizes.pop("scales"), strict=True))
    document["kernel"] = {"scales": scales, **sizes}
    return document, _points(fits)


def rounded_kernel(kernel: residuals.Kernel) -> residuals.Kernel:
    """Round the kernel to the digits that are shipped, so that weights belong to it exactly."""
    return residuals.Kernel(
        tuple(_round(scale) for scale in kernel.scales),
        *(_round(size) for size in (kernel.family, kernel.accelerator, kernel.model, kernel.noise)),
    )


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
    lines += ["| left out | points | mean error | median | covers 90 % |"]
    lines += ["|---|---:|---:|---:|---:|"]
    lines += [_line(split, rows["all"]) for split, rows in document["holdout"].items()]
    for split, rows in document["holdout"].items():
        lines += [
            "",
            f"Left out: {split}",
            "",
            "| family, accelerator | n | mean | median | 90 % |",
        ]
        lines += ["|---|---:|---:|---:|---:|"]
        lines += [_line(name, row) for name, row in rows.items()]
    for model, splits in document["holdout_of"].items():
        lines += ["", f"{model}, by what was left out", ""]
        lines += ["| left out | n | mean | median | 90 % |", "|---|---:|---:|---:|---:|"]
        for split, rows in splits.items():
            lines += [_line(f"{split}: {name}", row) for name, row in rows.items()]
    return "\n".join(lines)


def _line(name: str, row: Mapping[str, float]) -> str:
    mean, median = 100 * row["mean"], 100 * row["median"]
    return f"| {name} | {row['points']} | {mean:.1f} % | {median:.1f} % | x/÷ {row['factor']:.2f} |"


def _rows(misses: Sequence[Miss]) -> dict[str, dict[str, float]]:
    return {name: asdict(errors) for name, errors in holdout.table(misses).items()}


def _subject(misses: Sequence[Miss]) -> dict[str, dict[str, float]]:
    return _rows([miss for miss in misses if miss.case.model == _SUBJECT])


def _family(name: str, fit: FamilyFit) -> dict[str, Any]:
    engine_and_regime, _, vendor = name.rpartition("/")
    engine, _, regime = engine_and_regime.partition("/")
    software, year, source = _ORIGIN[engine_and_regime]
    return {
        "engine": engine,
        "regime": regime,
        "vendor": vendor,
        "software": software,
        "year": year,
        "source": source,
        "points": len(fit.cases),
        "pooled": {key: _round(value) for key, value in asdict(fit.pooled).items()},
        "rates": {
            gpu: {key: _round(value) for key, value in asdict(rates).items()}
            for gpu, rates in fit.rates.items()
        },
    }


def _points(fits: Mapping[str, FamilyFit]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_POINT_COLUMNS)
    for name, fit in fits.items():
        for case, weight in zip(fit.cases, fit.weights, strict=True):
            writer.writerow([name, *_coordinates(case), f"{weight:.5g}"])
    return text.getvalue()


def _coordinates(case: Case) -> tuple[object, ...]:
    load = case.workload
    model, accelerator, precision, tensor_parallel, pipeline_parallel = load.nominal()
    return (
        accelerator,
        model,
        precision,
        tensor_parallel,
        pipeline_parallel,
        load.input_tokens,
        load.output_tokens,
        case.concurrency,
    )


def _round(value: float) -> float:
    return float(f"{value:.5g}")


def _differences(shipped: Any, fresh: Any, where: str) -> list[str]:  # noqa: ANN401 - JSON
    if isinstance(shipped, dict) and isinstance(fresh, dict):
        found = []
        for key in sorted({*shipped, *fresh} - {"fitted_on"}):
            found += _differences(shipped.get(key), fresh.get(key), f"{where}/{key}")
        return found
    if isinstance(shipped, float) and isinstance(fresh, float):
        scale = max(abs(shipped), abs(fresh), 1e-6)
        same = abs(shipped - fresh) <= _TOLERANCE * scale
    else:
        same = shipped == fresh
    return [] if same else [f"{where}: shipped {shipped}, fitted {fresh}"]
