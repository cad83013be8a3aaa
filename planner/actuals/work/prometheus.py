"""Served work from a Prometheus server that reads the engines' metrics."""

from __future__ import annotations

import json
import math
import urllib.error
import urllib.parse
import urllib.request
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from planner.actuals.work import vllm
from planner.errors import CloudError, UsageError
from planner.ledger import ServedHour

if TYPE_CHECKING:
    from collections.abc import Mapping

SOURCE = "Prometheus"
_HOUR_S = 3600
_TIMEOUT_S = 60
# Servers answer with at most 11,000 points; a year of hours is below that.
_LONGEST = timedelta(days=366)


def read(url: str, endpoint: str, match: str, start: datetime, end: datetime) -> list[ServedHour]:
    """Return an endpoint's hours.

    Args:
        url: Of the server: ``http://prometheus:9090``.
        endpoint: planner's name of it.
        match: What selects its series: ``job="vllm", namespace="chat"``.
        start: The first hour.
        end: The hour after the last.

    Raises:
        CloudError: The server refuses, or does not answer.
        UsageError: The span is too long.
    """
    if end - start > _LONGEST:
        raise UsageError("Prometheus is asked for a year at most", advice="--since a later day")
    counts = {
        "requests": (vllm.REQUESTS,),
        "input_tokens": (vllm.PROMPT_TOKENS,),
        "output_tokens": (vllm.ANSWER_TOKENS,),
        "cached_tokens": vllm.CACHED_TOKENS,
    }
    waits = {
        "ttft_p95_s": (vllm.TTFT,),
        "tpot_p95_s": vllm.TPOT,
        "input_tokens_p95": (vllm.PROMPT_LENGTHS,),
        "output_tokens_p95": (vllm.ANSWER_LENGTHS,),
    }
    series: dict[str, dict[datetime, float]] = {}
    for name, metrics in counts.items():
        queries = [f"sum(increase({metric}_total{{{match}}}[1h]))" for metric in metrics]
        series[name] = _first(url, queries, start, end)
    for name, metrics in waits.items():
        queries = [
            f"histogram_quantile(0.95, sum by (le) (rate({metric}_bucket{{{match}}}[1h])))"
            for metric in metrics
        ]
        series[name] = _first(url, queries, start, end)
    times = sorted({at for name in counts for at in series[name]})
    return [
        ServedHour(
            endpoint,
            at - timedelta(hours=1),
            SOURCE,
            float(_HOUR_S),
            **{name: values.get(at) for name, values in series.items()},
        )
        for at in times
    ]


def _first(url: str, queries: list[str], start: datetime, end: datetime) -> dict[datetime, float]:
    """Return the answer to the first query that has one."""
    for query in queries:
        if found := _series(_ask(url, query, start, end)):
            return found
    return {}


def _series(answer: Mapping[str, Any]) -> dict[datetime, float]:
    """Return value by time; a value at 14:00 is about the hour before."""
    results = answer["data"]["result"]
    values = results[0]["values"] if results else []
    numbers = ((datetime.fromtimestamp(float(at), UTC), float(value)) for at, value in values)
    return {at: value for at, value in numbers if math.isfinite(value)}


def _ask(url: str, query: str, start: datetime, end: datetime) -> dict[str, Any]:
    span = {
        "query": query,
        # Whole hours: what is asked at 14:00 is what happened since 13:00.
        "start": str((start + timedelta(hours=1)).timestamp()),
        "end": str(end.timestamp()),
        "step": str(_HOUR_S),
    }
    address = f"{url.rstrip('/')}/api/v1/query_range?{urllib.parse.urlencode(span)}"
    if not address.startswith(("http://", "https://")):
        raise UsageError(f"{url} is no address", advice="--prometheus http://localhost:9090")
    try:
        with urllib.request.urlopen(address, timeout=_TIMEOUT_S) as response:  # noqa: S310 - checked above
            answer: dict[str, Any] = json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            said = error.read().decode("utf-8", "replace")[:300]
        raise CloudError(
            "Prometheus refuses the question", why=said, advice="look at --match and the server"
        ) from error
    except (OSError, ValueError) as error:
        raise CloudError(
            f"Prometheus does not answer at {url}",
            why=str(error),
            advice="kubectl port-forward svc/prometheus 9090, then --prometheus "
            "http://localhost:9090",
        ) from error
    return answer
