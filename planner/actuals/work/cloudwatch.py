"""Requests of SageMaker endpoints, from the metrics that SageMaker itself writes.

SageMaker counts requests and measures how long the model took. It knows nothing of tokens: those
stay unknown here. Metrics: https://docs.aws.amazon.com/sagemaker/latest/dg/monitoring-cloudwatch.html
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from planner.clouds import aws
from planner.ledger import ServedHour

SOURCE = "CloudWatch"
_HOUR_S = 3600
_AT_ONCE = timedelta(days=50)
"""1,440 hourly points at most come back from one call."""


def read(
    endpoint: str, dimensions: list[dict[str, str]], region: str, start: datetime, end: datetime
) -> list[ServedHour]:
    """Return an endpoint's hours; an hour with no data point had no request.

    Args:
        endpoint: Its name.
        dimensions: What selects its metric.
        region: Where it is.
        start: The first hour.
        end: The hour after the last.

    Raises:
        AccessError: The metrics may not be read.
    """
    found: dict[datetime, float] = {}
    at = start
    while at < end:
        until = min(end, at + _AT_ONCE)
        found |= _sums(endpoint, dimensions, region, at, until)
        at = until
    hours = int((end - start).total_seconds() // _HOUR_S)
    times = (start + timedelta(hours=number) for number in range(hours))
    return [
        ServedHour(endpoint, hour, SOURCE, float(_HOUR_S), requests=found.get(hour, 0.0))
        for hour in times
    ]


def _sums(
    endpoint: str, dimensions: list[dict[str, str]], region: str, start: datetime, end: datetime
) -> dict[datetime, float]:
    with aws.errors(
        f"see what {endpoint} served", action="cloudwatch:GetMetricStatistics", region=region
    ):
        answer: dict[str, Any] = aws.client("cloudwatch", region).get_metric_statistics(
            Namespace="AWS/SageMaker",
            MetricName="Invocations",
            Dimensions=dimensions,
            StartTime=start,
            EndTime=end,
            Period=_HOUR_S,
            Statistics=["Sum"],
        )
    return {
        point["Timestamp"].astimezone(UTC): float(point["Sum"]) for point in answer["Datapoints"]
    }
