"""What a machine's engine served gets into the ledger, by its own metrics page, on every cloud."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from planner.actuals.collecting import collect
from planner.clouds import settings
from planner.endpoints.interface import adapter
from planner.ledger import Ledger

if TYPE_CHECKING:
    from vm_rig import Rig

    from planner.plan import Plan


@pytest.mark.long
def test_requests_and_tokens_of_an_endpoint_are_recorded(bench: Rig, plan: Plan) -> None:
    name = bench.deploy(plan).spec.name
    bench.world.clock.advance(timedelta(minutes=5))
    endpoint = adapter(bench.service).find(name, plan.region)
    assert endpoint is not None
    start = settings.now()
    transport = adapter(bench.service).transport(endpoint)
    with Ledger() as ledger:
        assert collect(ledger, start, settings.now()) == []
        # The first look only notes where the counters stand.
        assert ledger.served() == []
        body = {"messages": [{"role": "user", "content": "hello"}], "max_tokens": 8}
        for _ in range(3):
            transport.send(body)
        bench.world.clock.advance(timedelta(minutes=90))
        assert collect(ledger, start, settings.now()) == []
        hours = ledger.served()
    assert {hour.endpoint for hour in hours} == {endpoint.name}
    assert sum(hour.requests or 0.0 for hour in hours) == pytest.approx(3)
    assert sum(hour.output_tokens or 0.0 for hour in hours) == pytest.approx(24)
    assert sum(hour.input_tokens or 0.0 for hour in hours) > 0
    assert sum(hour.seconds for hour in hours) == pytest.approx(5400, abs=60)
