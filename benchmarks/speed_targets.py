"""What the speed model must show, measured: hold-outs, MLPerf, bursts, the order of cards.

``python benchmarks/speed_targets.py`` prints one table with a goal beside each figure. The
hold-outs are those of the last fit (``pricing_data/fit_throughput.py`` prints them by generation
and card); the rest is computed here. Layouts of MLPerf machines are chosen by planner.
"""

from __future__ import annotations

import math
import re
import statistics
import sys
import time
from typing import TYPE_CHECKING

from planner.errors import PlannerError
from planner.serving import accelerators, layouts, models
from planner.serving.load import LoadShape, Question
from planner.serving.memory import EngineSettings
from planner.serving.speed import cases, generations, measurements, mlperf, order, shipped
from planner.serving.speed.predict import predict
from planner.serving.speed.workload import Workload

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from planner.serving.models import Model
    from planner.serving.speed.measurements import Measurement

SHAPES = ((1024, 1024), (4000, 200))
PRECISIONS = ("bf16", "fp8", "int4", "fp4")
REQUESTS = (1, 16, 128, None)


def main() -> int:
    """Print every figure beside its goal."""
    print(f"{'':58} {'measured':>12} {'goal':>10}")
    holdouts()
    offline()
    bursts()
    rates()
    violations()
    return 0


def line(what: str, measured: str, goal: str = "") -> None:
    """Print one figure."""
    print(f"{what:58} {measured:>12} {goal:>10}", flush=True)


def holdouts() -> None:
    """Print the hold-out errors of the last fit."""
    document = shipped.document()
    found = {name: rows["all"]["all"] for name, rows in document["holdout"].items()}
    goals = {"set-up": "<= 5 %", "card": "<= 12 %", "ttft": "<= 25 %", "tpot": "<= 7 %"}
    for name, row in found.items():
        line(
            f"{name} left out, {row['points']} points: median",
            percent(row["median"]),
            goals.get(name, ""),
        )
    line("ttft: within x/÷ 2", percent(document["within_twice"]), ">= 90 %")
    line("prefill-heavy: bias", signed(found["prefill-heavy"]["bias"]), "+-15 %")


def offline() -> None:
    """Print how MLPerf's offline machines are met with the layouts that planner chooses."""
    errors: list[tuple[str, float, bool]] = []
    known = mlperf.offline(measurements.all_measurements())
    rows = [row for row in known if row.accelerator_count > 1]
    for row in rows:
        with_layout = _offline_layout(row)
        if with_layout is None or not with_layout.tokens_per_second:
            continue
        low, high = with_layout.tokens_per_second_low, with_layout.tokens_per_second_high
        inside = (low or 0) <= row.tokens_per_second <= (high or 0)
        errors.append(
            (row.accelerator, with_layout.tokens_per_second / row.tokens_per_second, inside)
        )
    line(
        f"MLPerf Offline, {len(errors)} of {len(rows)} machines: median", _median(errors), "<= 18 %"
    )
    line("    bias", signed(statistics.median(e[1] for e in errors) - 1), "+-10 %")
    line("    inside the band", percent(statistics.mean(e[2] for e in errors)), ">= 85 %")
    for card in sorted({error[0] for error in errors}):
        own = [error for error in errors if error[0] == card]
        bias = signed(statistics.median(e[1] for e in own) - 1)
        goal = "<= 30 %" if card == "MI300X" else ""
        line(f"    {card}, {len(own)}: median (bias {bias})", _median(own), goal)


def bursts() -> None:
    """Print how loads that arrive at once are met, by engine."""
    known, _ = cases.cases(measurements.all_measurements())
    by_engine: dict[str, list[tuple[float, bool]]] = {}
    for case in known:
        if case.setting.regime != "burst":
            continue
        load, row = case.workload, case.measurement
        try:
            found = predict(
                load.model,
                load.accelerator,
                count=row.accelerator_count,
                precision=row.precision,
                engine=load.engine,
                engine_generation=case.setting.generation,
                input_tokens=load.input_tokens,
                output_tokens=load.output_tokens,
                concurrency=row.concurrency,
                tensor_parallel=load.tensor_parallel,
                pipeline_parallel=load.pipeline_parallel,
            )
        except PlannerError:
            continue
        low, high = found.tokens_per_second_low, found.tokens_per_second_high
        inside = low <= row.tokens_per_second <= high
        by_engine.setdefault(load.engine, []).append(
            (found.tokens_per_second / row.tokens_per_second, inside)
        )
    for engine, found_here in sorted(by_engine.items()):
        bias = statistics.median(ratio for ratio, _ in found_here) - 1
        inside = percent(statistics.mean(inside for _, inside in found_here))
        line(
            f"bursts, {engine}, {len(found_here)} (in the band {inside}): bias",
            signed(bias),
            "+-15 %",
        )


def rates() -> None:
    """Print how loads at a rate are met: what arrives, or what the machine can do at most."""
    ratios = []
    for row in measurements.all_measurements():
        asked = re.search(r"Poisson rate ([\d.]+)/s", row.notes)
        if row.scenario != "rate" or not asked or not row.input_tokens or not row.output_tokens:
            continue
        most = predict(
            models.get(row.model),
            accelerators.get(row.accelerator),
            count=row.accelerator_count,
            precision=row.precision,
            engine=row.engine,
            engine_generation=generations.of_software(row.engine, row.software, row.source),
            input_tokens=row.input_tokens,
            output_tokens=row.output_tokens,
            concurrency=None,
            tensor_parallel=row.tensor_parallel,
        )
        expected = min(most.tokens_per_second, float(asked[1]) * row.output_tokens)
        ratios.append(expected / row.tokens_per_second)
    if ratios:
        line(f"rates, {len(ratios)}: bias", signed(statistics.median(ratios) - 1), "+-15 %")


def violations() -> None:
    """Print how often the physical order of cards is broken."""
    start, asked, broken = time.perf_counter(), 0, 0
    for model in models.all_models():
        for precision in PRECISIONS:
            for shape in SHAPES:
                for requests in REQUESTS:
                    speeds = dict(_speeds(model, precision, shape, requests))
                    pairs = list(_broken(speeds, precision))
                    asked += len(speeds)
                    broken += len(pairs)
    line(f"order of cards, {asked} speeds: violations", str(broken), "0")
    line("    time for one speed", f"{1e3 * (time.perf_counter() - start) / asked:.2f} ms")


def percent(share: float) -> str:
    """Return a share as people read it."""
    return f"{100 * share:.1f} %"


def signed(share: float) -> str:
    """Return a share with its sign."""
    return f"{100 * share:+.1f} %"


def _median(errors: Sequence[tuple[str, float, bool]]) -> str:
    return percent(statistics.median(abs(ratio - 1) for _, ratio, _ in errors))


def _offline_layout(row: Measurement) -> layouts.Layout | None:
    """Return the layout that planner chooses for a machine of MLPerf; None where it cannot."""
    try:
        card = accelerators.get(row.accelerator)
    except PlannerError:
        return None
    prompt, answer = mlperf.LENGTHS[row.model]
    engine, precision = mlperf.engine(row, card), mlperf.precision(card)
    kv = "fp8" if engine == "tensorrt-llm" and precision in ("fp8", "fp4") else "fp16"
    question = Question(
        precision,
        shape=LoadShape(input_tokens=prompt, output_tokens=answer),
        settings=EngineSettings(engine, kv),
    )
    return layouts.best(models.get(row.model), card, row.accelerator_count, question)


def _speeds(
    model: Model, precision: str, shape: tuple[int, int], requests: int | None
) -> Iterator[tuple[str, tuple[float, int]]]:
    """Yield each card of the order with its speed, and what its cache holds."""
    for card in order.chain():
        try:
            found = predict(
                model,
                card,
                precision=precision,
                input_tokens=shape[0],
                output_tokens=shape[1],
                concurrency=requests,
                tensor_parallel=1,
            )
        except PlannerError:
            continue
        room = Workload(model, card, precision, "vllm", 1, 1, *shape).cache_tokens()
        yield card.name, (found.tokens_per_second, room)


def _broken(speeds: dict[str, tuple[float, int]], precision: str) -> Iterator[tuple[str, str]]:
    """Yield the pairs whose second card is further ahead than hardware and room allow."""
    limit = order.reach(precision)
    for first, (slow, little) in speeds.items():
        for second, (fast, much) in speeds.items():
            allowed = limit[first, second]
            if not order.beats(first, second):
                allowed = max(allowed, math.log(1.1 * much / little))
            if math.log(fast / slow) > allowed + 1e-9:
                yield first, second


if __name__ == "__main__":
    sys.exit(main())
