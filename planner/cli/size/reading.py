"""What the options of ``planner size`` name outside of it: a load, a load test."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from planner.planning.demand import Lengths, Load, Volume
    from planner.planning.load_files import Recorded
    from planner.planning.measured import Measured


def load_of(given: dict[str, Any]) -> Load:
    """Return the load that the options mean."""
    from planner.planning import demand

    shape = str(given["shape"])
    volume = _volume(given)
    options = {
        "cached_share": given["cached_share"],
        "growth": given["growth"],
        "months": given["horizon"],
    }
    if shape.partition(":")[0] == "recorded":
        return _recorded(given, shape, volume, options)
    if shape == demand.FLAT or shape in demand.shapes() or not _is_file(shape):
        prompt, answer = _lengths(given, None, None)
        return demand.build(volume, shape, prompt, answer, peak=given["peak"], **options)
    return _from_file(given, Path(shape), volume, options)


def _is_file(shape: str) -> bool:
    return Path(shape).suffix != "" or "/" in shape


def _from_file(given: dict[str, Any], path: Path, volume: Volume, options: dict[str, Any]) -> Load:
    from planner.planning import load_files

    return _from_record(given, load_files.read(path), path.name, volume, options)


def _recorded(given: dict[str, Any], shape: str, volume: Volume, options: dict[str, Any]) -> Load:
    """Return the load that endpoints really had, by the ledger."""
    from planner.actuals.work import recorded
    from planner.cli.actuals.asking import recorded_hours

    served = recorded_hours(shape.partition(":")[2])
    if not options["cached_share"]:
        options = options | {"cached_share": recorded.cached_share(served)}
    return _from_record(given, recorded.week(served), shape, volume, options)


def _from_record(
    given: dict[str, Any], read: Recorded, name: str, volume: Volume, options: dict[str, Any]
) -> Load:
    from planner.errors import UsageError
    from planner.planning import demand

    prompt, answer = _lengths(given, read.input_tokens, read.output_tokens)
    rates = read.rates if given["peak"] is None else demand.sharpened(read.rates, given["peak"])
    if volume == replace(demand.Volume(), requests_per_user_hour=volume.requests_per_user_hour):
        if read.is_relative:
            raise UsageError(
                f"{name} has no unit",
                why="its column is not one of requests_per_s or requests",
                advice="name the column, or add --requests-per-day",
            )
        volume = demand.Volume(requests_per_second=sum(read.rates) / len(read.rates))
    return demand.from_curve(
        volume,
        rates,
        prompt,
        answer,
        swell=read.swell,
        shape=name,
        warnings=read.warnings,
        **options,
    )


def _volume(given: dict[str, Any]) -> Volume:
    from planner.planning.demand import Volume

    names = (
        "requests_per_second",
        "requests_per_day",
        "tokens_per_month",
        "users",
        "requests_per_user_hour",
    )
    return Volume(**{name: given[name] for name in names})


def _lengths(
    given: dict[str, Any], prompt: Lengths | None, answer: Lengths | None
) -> tuple[Lengths, Lengths]:
    """Return the lengths: what is typed, else what the file has, else the defaults."""
    from planner.planning.demand import ANSWER_P95_OVER_MEAN, PROMPT_P95_OVER_MEAN, Lengths

    def one(kind: str, read: Lengths | None, default: int, factor: float) -> Lengths:
        mean, p95 = given[f"{kind}_tokens"], given[f"{kind}_tokens_p95"]
        if mean is None and read is not None:
            return Lengths(read.mean, read.p95 if p95 is None else p95)
        mean = default if mean is None else mean
        return Lengths(mean, mean * factor if p95 is None else p95)

    return (
        one("input", prompt, 1024, PROMPT_P95_OVER_MEAN),
        one("output", answer, 256, ANSWER_P95_OVER_MEAN),
    )


def measured_of(given: dict[str, Any]) -> Measured | None:
    """Return the load test that the options name.

    Raises:
        UsageError: There is none, or nobody says of which machine.
    """
    # Questions that were saved before there was this option have none.
    if given.get("measured") is None:
        return None
    from planner.endpoints.talking import kept_benches
    from planner.planning import measured_files

    machine, _, typed = str(given["measured"]).rpartition("=")
    is_file = _is_file(typed) or Path(typed).is_dir()
    path = Path(typed) if is_file else kept_benches.path_of(typed)
    kinds, precision = given["instance_types"], given["precision"] or ""
    return measured_files.read(
        path,
        instance_type=machine or (kinds[0] if len(kinds) == 1 else ""),
        precision="" if precision == "any" else precision,
    )
