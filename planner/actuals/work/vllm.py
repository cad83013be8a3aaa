"""vLLM's metrics page: the counters that planner keeps, and what happened between two looks. Pure.

Names: https://docs.vllm.ai/en/latest/design/metrics.html. Releases differ in the name of the time
per output token; the first one that is there counts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from planner.errors import CloudError
from planner.ledger import MetricSample, ServedHour

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

SOURCE = "metrics page"
PROMPT_TOKENS = "vllm:prompt_tokens"
ANSWER_TOKENS = "vllm:generation_tokens"
REQUESTS = "vllm:request_success"
CACHED_TOKENS = ("vllm:prefix_cache_hits", "vllm:gpu_prefix_cache_hits")
TTFT = "vllm:time_to_first_token_seconds"
TPOT = (
    "vllm:request_time_per_output_token_seconds",
    "vllm:time_per_output_token_seconds",
    "vllm:inter_token_latency_seconds",
)
PROMPT_LENGTHS = "vllm:request_prompt_tokens"
ANSWER_LENGTHS = "vllm:request_generation_tokens"
_HISTOGRAMS = (TTFT, *TPOT, PROMPT_LENGTHS, ANSWER_LENGTHS)
_COUNTERS = (PROMPT_TOKENS, ANSWER_TOKENS, REQUESTS, *CACHED_TOKENS)
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Between:
    """What an engine did between two looks; None: its page does not tell."""

    requests: float | None
    input_tokens: float | None
    output_tokens: float | None
    cached_tokens: float | None
    ttft_p95_s: float | None
    tpot_p95_s: float | None
    input_tokens_p95: float | None
    output_tokens_p95: float | None


def counters(page: str) -> dict[str, float]:
    """Return the counters of a metrics page, all engines and models of it together.

    A histogram's buckets are counters too: ``NAME{le=0.5}``.

    Raises:
        CloudError: The page is not vLLM's.
    """
    from prometheus_client.parser import text_string_to_metric_families

    found: dict[str, float] = {}
    try:
        for family in text_string_to_metric_families(page):
            for sample in family.samples:
                key = _key(sample.name, sample.labels)
                if key is not None and math.isfinite(sample.value):
                    found[key] = found.get(key, 0.0) + sample.value
    except ValueError as error:
        raise CloudError("the metrics page cannot be read", why=str(error)[:200]) from error
    if not any(name in found for name in _COUNTERS):
        raise CloudError(
            "the metrics page is not vLLM's",
            why=f"it has none of {PROMPT_TOKENS}_total, {ANSWER_TOKENS}_total",
            advice="planner bench NAME measures an endpoint of another engine",
        )
    return found


def _key(name: str, labels: Mapping[str, str]) -> str | None:
    plain = name.removesuffix("_total")
    if plain in _COUNTERS:
        return plain
    family = name.removesuffix("_bucket")
    if family != name and family in _HISTOGRAMS and "le" in labels:
        return f"{family}{{le={labels['le']}}}"
    return None


def between(before: Mapping[str, float], after: Mapping[str, float]) -> Between:
    """Return what happened from one look to the next.

    An engine that was started anew counts from zero: then all that it shows is new.
    """
    anew = any(after.get(name, 0.0) < value for name, value in before.items())
    base = {} if anew else before
    change = {name: value - base.get(name, 0.0) for name, value in after.items()}

    def p95(*names: str) -> float | None:
        return next((value for n in names if (value := _p95(change, n)) is not None), None)

    def total(*names: str) -> float | None:
        return next((change[name] for name in names if name in change), None)

    return Between(
        total(REQUESTS),
        total(PROMPT_TOKENS),
        total(ANSWER_TOKENS),
        total(*CACHED_TOKENS),
        p95(TTFT),
        p95(*TPOT),
        p95(PROMPT_LENGTHS),
        p95(ANSWER_LENGTHS),
    )


def _p95(change: Mapping[str, float], name: str) -> float | None:
    """Return a histogram's 95th percentile, linear within a bucket, as Prometheus has it."""
    start = f"{name}{{le="
    buckets = sorted(
        (float(key[len(start) : -1]), count)
        for key, count in change.items()
        if key.startswith(start)
    )
    total = buckets[-1][1] if buckets else 0.0
    if total <= 0:
        return None
    rank, low, below = 0.95 * total, 0.0, 0.0
    for high, count in buckets:
        if count >= rank:
            if math.isinf(high):
                return low
            return low + (high - low) * (rank - below) / (count - below)
        low, below = high, count
    return low


def hours(
    last: MetricSample, now: MetricSample, kept: Sequence[ServedHour] = ()
) -> list[ServedHour]:
    """Return the hours between two looks, with what they add to what is kept of them.

    What was served in a span of several hours is spread over them by time.

    Args:
        last: The look before.
        now: This one.
        kept: What the ledger has of the endpoint's hours from this source.
    """
    done = between(last.counters, now.counters)
    span = (now.at - last.at).total_seconds()
    have = {item.hour: item for item in kept if item.source == SOURCE}
    return [
        _added(have.get(hour) or ServedHour(now.endpoint, hour, SOURCE, 0.0), done, seconds, span)
        for hour, seconds in _parts(last.at, now.at)
    ]


def _parts(start: datetime, end: datetime) -> Iterator[tuple[datetime, float]]:
    """Yield the hours of a span, with the seconds of it in each."""
    hour = start.replace(minute=0, second=0, microsecond=0)
    while hour < end:
        inside = min(end, hour + _HOUR) - max(start, hour)
        if inside.total_seconds() > 0:
            yield hour, inside.total_seconds()
        hour += _HOUR


def _added(kept: ServedHour, done: Between, seconds: float, span: float) -> ServedHour:
    """Return an hour with ``seconds`` of a look's ``span`` added."""

    def plus(name: str) -> float | None:
        old: float | None = getattr(kept, name)
        new: float | None = getattr(done, name)
        return old if new is None else (old or 0.0) + new * seconds / span

    def worse(name: str) -> float | None:
        # The p95 of an hour of two parts lies at most at that of the worse one.
        known = [v for v in (getattr(kept, name), getattr(done, name)) if v is not None]
        return max(known, default=None)

    return replace(
        kept,
        seconds=min(3600.0, kept.seconds + seconds),
        requests=plus("requests"),
        input_tokens=plus("input_tokens"),
        output_tokens=plus("output_tokens"),
        cached_tokens=plus("cached_tokens"),
        input_tokens_p95=worse("input_tokens_p95"),
        output_tokens_p95=worse("output_tokens_p95"),
        ttft_p95_s=worse("ttft_p95_s"),
        tpot_p95_s=worse("tpot_p95_s"),
    )
