"""The user's own measurements of a set-up, shown beside a prediction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from planner.serving.speed.measurements import Measurement

_KEYS = (
    "concurrency",
    "input_tokens",
    "output_tokens",
    "tokens_per_second",
    "ttft_ms",
    "tpot_ms",
    "as_of",
    "source",
)


def finder() -> Callable[..., list[dict[str, Any]]]:
    """Return a function from a set-up to its measurements; the file is read once.

    Its arguments are those of ``own_measurements.of_setup``.

    Raises:
        DataError: The user's file is damaged.
    """
    from planner.endpoints.talking import own_measurements

    rows: Sequence[Measurement] = own_measurements.read(own_measurements.own_file())

    def find(**setup: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - as of_setup takes them
        return [
            {key: getattr(row, key) for key in _KEYS}
            for row in own_measurements.of_setup(rows, **setup)
        ]

    return find


def words(record: Mapping[str, Any]) -> str:
    """Return a measurement in a few words: speed and load."""
    load = [f"{record['concurrency']:,} at once"] if record["concurrency"] else []
    load += [
        f"{record[f'{way}put_tokens']:,} {way}"
        for way in ("in", "out")
        if record[f"{way}put_tokens"] is not None
    ]
    return ", ".join([f"{record['tokens_per_second']:,.0f} tokens/s", *load])
