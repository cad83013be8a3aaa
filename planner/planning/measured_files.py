"""Read load tests: planner's own, and the result files of the tools that people use.

Known by what is in them: ``planner bench``, ``vllm bench serve --save-result`` (one result, a list
of them, or one a line), guidellm's ``benchmarks.json``, inference-perf's life-cycle metrics (one
file, or a folder of stages), and the answer of SageMaker's
``describe-inference-recommendations-job``. Times of the 95th percentile are taken where they are
there, else of the 99th, which is stricter, else the median.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from planner.errors import UsageError
from planner.planning.measured import Measured, Point

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

_MS, _SECONDS = 1000.0, 60
_MOST_APART = 1.5  # lengths are random in most tests; these are not of one kind any more
_PERCENTILES = ("p95", "p99", "median")
_KNOWN = (
    "a file of planner bench --save, vllm bench serve --save-result, guidellm, inference-perf, or "
    "SageMaker's describe-inference-recommendations-job"
)


@dataclass(frozen=True, slots=True)
class _Times:
    """A time in seconds, by percentile; those that the file has."""

    ttft: Mapping[str, float]
    tpot: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class _Row:
    """A point whose percentile is not chosen yet."""

    rate: float
    in_flight: float | None
    times: _Times
    input_tokens: float
    output_tokens: float
    failed: bool = False


def read(path: Path, *, instance_type: str = "", precision: str = "") -> Measured:
    """Return the load test in a file.

    Args:
        path: The file.
        instance_type: The machine that was loaded, where the file does not say.
        precision: Of the weights, likewise.

    Raises:
        UsageError: It is no load test, or nobody says of which machine.
    """
    documents = _documents(path)
    first = documents[0]
    if first.get("simulated"):
        raise UsageError(
            f"{path} is of simulated clouds, which measure nothing",
            advice="a load test of a real endpoint",
        )
    for is_this, rows_of in _FORMS:
        if is_this(first):
            try:
                rows = [row for document in documents for row in rows_of(document)]
            except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
                raise _unreadable(path, f"{type(error).__name__}: {error}") from error
            break
    else:
        raise _unreadable(path, "it is none of the forms that planner knows")
    if not rows:
        raise _unreadable(path, "no request in it was answered")
    machine = str(first.get("instance_type") or _recommended(first) or instance_type)
    if not machine:
        raise UsageError(
            f"{path} does not say which machine was loaded",
            advice=f"--measured p5.48xlarge={path} (its type; the whole machine was loaded)",
        )
    _check_alike(path, rows)
    percentile = _common(rows)
    return Measured(
        machine,
        str(first.get("precision") or precision),
        tuple(_point(row, percentile) for row in rows),
        path.name,
        percentile,
        str(first.get("model") or first.get("model_id") or ""),
    )


def _documents(path: Path) -> list[dict[str, Any]]:
    if path.is_dir():
        files = sorted(path.glob("stage_*_lifecycle_metrics.json"))
        if not files:
            raise _unreadable(path, "there is no stage_*_lifecycle_metrics.json in it")
        return [document for file in files for document in _documents(file)]
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"{path} cannot be read", why=why, advice=_KNOWN) from error
    try:
        found = json.loads(text)
    except ValueError:
        found = _lines(path, text)
    documents = found if isinstance(found, list) else [found]
    if not documents or not all(isinstance(item, dict) for item in documents):
        raise _unreadable(path, "there is no JSON object in it")
    return documents


def _lines(path: Path, text: str) -> list[Any]:
    try:
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    except ValueError as error:
        raise _unreadable(path, f"not JSON: {error}") from error


def _unreadable(path: Path, why: str) -> UsageError:
    return UsageError(f"{path} is no load test that planner can read", why=why, advice=_KNOWN)


def _check_alike(path: Path, rows: Sequence[_Row]) -> None:
    """Refuse loads of different requests: a rate of one says nothing of the other."""
    for lengths in ([row.input_tokens for row in rows], [row.output_tokens for row in rows]):
        if max(lengths) > _MOST_APART * min(lengths):
            raise UsageError(
                f"the loads in {path} have requests of different lengths",
                why=f"from {min(lengths):,.0f} to {max(lengths):,.0f} tokens",
                advice="a file for each length",
            )


def _common(rows: Iterable[_Row]) -> str:
    """Return the percentile that every row has."""
    listed = list(rows)
    for name in _PERCENTILES:
        if all(_has(row.times, name) for row in listed):
            return name
    return _PERCENTILES[-1]


def _has(times: _Times, name: str) -> bool:
    there = [known for known in (times.ttft, times.tpot) if known]
    return all(name in known for known in there)


def _point(row: _Row, percentile: str) -> Point:
    ttft, tpot = row.times.ttft.get(percentile), row.times.tpot.get(percentile)
    return Point(
        row.rate,
        row.in_flight or _little(row),
        ttft,
        tpot,
        row.input_tokens,
        row.output_tokens,
        row.failed,
    )


def _little(row: _Row) -> float:
    """Return the requests at once that a rate and their times come to (Little's law)."""
    ttft = row.times.ttft.get("mean", row.times.ttft.get("median", 0.0))
    tpot = row.times.tpot.get("mean", row.times.tpot.get("median", 0.0))
    return row.rate * (ttft + tpot * max(0.0, row.output_tokens - 1))


def _planner(document: Mapping[str, Any]) -> Iterable[_Row]:
    for load in document["loads"]:
        if load["tokens_per_second"] is None:
            continue
        yield _Row(
            load["tokens_per_second"] / load["output_tokens"],
            load["concurrency"],
            _Times(
                _given({"p95": load["ttft_p95_ms"], "median": load["ttft_p50_ms"]}),
                _given({"p95": load["tpot_p95_ms"], "median": load["tpot_p50_ms"]}),
            ),
            load["input_tokens"],
            load["output_tokens"],
            load["failed"] > 0,
        )


def _vllm(document: Mapping[str, Any]) -> Iterable[_Row]:
    done = document["completed"]
    if not done:
        return
    names = {name: f"{name}_{{}}_ms" for name in (*_PERCENTILES, "mean")}
    yield _Row(
        document["request_throughput"],
        document.get("max_concurrency"),
        _Times(
            *(
                _given({name: document.get(text.format(kind)) for name, text in names.items()})
                for kind in ("ttft", "tpot")
            )
        ),
        document["total_input_tokens"] / done,
        document["total_output_tokens"] / done,
        bool(document.get("failed", 0)),
    )


def _guidellm(document: Mapping[str, Any]) -> Iterable[_Row]:
    for item in document["benchmarks"]:
        metrics = item["metrics"]

        def of(name: str, metrics: Mapping[str, Any] = metrics) -> dict[str, Any]:
            found = metrics.get(name, {}).get("successful") or {}
            return {**found, **(found.get("percentiles") or {})}

        rate = of("requests_per_second").get("mean")
        if not rate:
            continue
        tpot = of("time_per_output_token_ms") or of("inter_token_latency_ms")
        yield _Row(
            rate,
            of("request_concurrency").get("mean"),
            _Times(_known(of("time_to_first_token_ms")), _known(tpot)),
            of("prompt_token_count")["mean"],
            of("output_token_count")["mean"],
            bool(item.get("run_stats", {}).get("requests_made", {}).get("errored", 0)),
        )


def _inference_perf(document: Mapping[str, Any]) -> Iterable[_Row]:
    done = document["successes"]
    if not done["count"]:
        return
    latency = done["latency"]

    def seconds(name: str) -> dict[str, float]:
        return _known(latency.get(name) or {}, unit=1.0)

    yield _Row(
        done["throughput"]["requests_per_sec"],
        None,
        _Times(seconds("time_to_first_token"), seconds("time_per_output_token")),
        (done.get("prompt_len") or done["prompt_tokens"])["mean"],
        (done.get("output_len") or done["output_tokens"])["mean"],
        bool(document.get("failures", {}).get("count", 0)),
    )


def _sagemaker(document: Mapping[str, Any]) -> Iterable[_Row]:
    """Yield what a job found: requests a minute, within limits and with a payload of its own."""
    machine = _recommended(document)
    for item in document["InferenceRecommendations"]:
        if item["EndpointConfiguration"]["InstanceType"] == machine:
            each_minute = float(item["Metrics"]["MaxInvocations"])
            yield _Row(each_minute / _SECONDS, None, _Times({}, {}), 0.0, 0.0)


def _recommended(document: Mapping[str, Any]) -> str:
    """Return the machine of a job that answers most."""
    found = document.get("InferenceRecommendations") or []
    best = max(found, key=lambda item: float(item["Metrics"]["MaxInvocations"]), default=None)
    return str(best["EndpointConfiguration"]["InstanceType"]) if best else ""


def _known(found: Mapping[str, Any], unit: float = _MS) -> dict[str, float]:
    named = {name: found.get(name) for name in ("p95", "p99", "median", "mean")}
    named["median"] = named["median"] if named["median"] is not None else found.get("p50")
    return _given(named, unit)


def _given(found: Mapping[str, float | None], unit: float = _MS) -> dict[str, float]:
    return {name: value / unit for name, value in found.items() if value is not None}


_FORMS: Sequence[
    tuple[Callable[[Mapping[str, Any]], bool], Callable[[Mapping[str, Any]], Iterable[_Row]]]
] = (
    (lambda item: "planner_bench" in item, _planner),
    (lambda item: "request_throughput" in item, _vllm),
    (lambda item: "benchmarks" in item, _guidellm),
    (lambda item: "successes" in item, _inference_perf),
    (lambda item: "InferenceRecommendations" in item, _sagemaker),
)
