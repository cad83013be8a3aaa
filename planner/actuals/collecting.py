"""Look at the engines of endpoints that stand, and write down what they served since last time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from planner.actuals.work import cloudwatch, vllm
from planner.endpoints.interface import adapter
from planner.endpoints.model import State
from planner.endpoints.talking.http_transport import HttpTransport
from planner.endpoints.watching import locate
from planner.errors import PlannerError
from planner.ledger import MetricSample

if TYPE_CHECKING:
    from planner.endpoints.model import Endpoint
    from planner.ledger import Ledger

_SAGEMAKER = "sagemaker"


def collect(ledger: Ledger, start: datetime, now: datetime) -> list[tuple[str, str]]:
    """Read the metrics of every endpoint in service into the ledger.

    Args:
        ledger: Says where endpoints are, and takes what they served.
        start: SageMaker's own metrics are read from here on.
        now: Where the clouds' clock stands.

    Returns:
        (endpoint, why) for what could not be read.
    """
    found = locate.all_endpoints(ledger)
    failed = [(place, str(error)) for place, error in found.failures]
    for endpoint in found.endpoints:
        if endpoint.state is not State.IN_SERVICE or endpoint.asleep:
            continue
        try:
            _one(endpoint, ledger, start, now)
        except PlannerError as error:
            failed.append((endpoint.name, f"{error}; {error.why}" if error.why else str(error)))
    return failed


def _one(endpoint: Endpoint, ledger: Ledger, start: datetime, now: datetime) -> None:
    if endpoint.service == _SAGEMAKER:
        from planner.endpoints.sagemaker import lookup

        first = max(start, endpoint.created_at or start).replace(minute=0, second=0, microsecond=0)
        end = now.replace(minute=0, second=0, microsecond=0)
        if end > first:
            where = lookup.dimensions(endpoint)
            hours = cloudwatch.read(endpoint.name, where, endpoint.region, first, end)
            for hour in hours:
                ledger.save_served(hour)
        return
    transport = adapter(endpoint.service).transport(endpoint)
    if isinstance(transport, HttpTransport):
        look(endpoint.name, transport.metrics(), locate.now(endpoint.service), ledger)


def look(name: str, page: str, now: datetime, ledger: Ledger) -> None:
    """Write down what an endpoint's metrics page says happened since the last look.

    The first look only notes where the counters stand. A look within a second of the last one
    changes nothing.
    """
    sample = MetricSample(name, now, vllm.counters(page))
    last = ledger.sample(name)
    if last is not None and now - last.at < timedelta(seconds=1):
        return
    if last is not None:
        kept = ledger.served(endpoint=name, since=last.at - timedelta(hours=1))
        for hour in vllm.hours(last, sample, kept):
            ledger.save_served(hour)
    ledger.save_sample(sample)
