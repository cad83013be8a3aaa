"""The canary: in the mild world it passes; in a bad one it names what is wrong."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from vm_rig import cheapest_on

from planner.endpoints import verifying
from planner.endpoints.deploying import deployment
from planner.endpoints.deploying.interruption import Interruption
from planner.endpoints.interface import adapter
from planner.errors import UsageError
from planner.ledger import Ledger

if TYPE_CHECKING:
    from vm_rig import Rig

    from planner.endpoints.verifying import Record


def canary(bench: Rig) -> Record:
    plan = cheapest_on(bench.service, verifying.MODEL)
    options = deployment.Options(
        name="planner-verify", owner="me", life=timedelta(hours=1), create_roles=True
    )
    made = adapter(bench.service)
    with Ledger() as ledger, Interruption() as interruption:
        prepared = deployment.prepare(plan, options, made, ledger, may_create_roles=True)
        found = verifying.verify(
            prepared, made, ledger, interruption, options=options, tell=lambda _: None
        )
        assert ledger.resources(endpoint="planner-verify") == []
    verifying.keep(found)
    return found


@pytest.mark.long
def test_in_the_mild_world_it_passes_and_its_guard_deletes_it(bench: Rig) -> None:
    found = canary(bench)
    assert found.passed, found.proofs
    assert [proof.name for proof in found.proofs] == [
        "checks before",
        "image, start and answer",
        "log",
        "guard is set",
        "guard deletes",
        "nothing is left",
    ]
    assert found.simulated
    assert verifying.kept() == [found]
    bench.world.clock.advance(timedelta(minutes=1))
    assert bench.left("instance") == []


@pytest.mark.long
@pytest.mark.parametrize(
    ("knobs", "proof", "words"),
    [
        ({"endpoint_failure": "out-of-memory"}, "image, start and answer", "memory"),
        ({"endpoint_failure": "disk-full"}, "image, start and answer", "disk"),
        ({"capacity": False}, "image, start and answer", "to be had"),
        ({"gpu_instances": 0}, "checks before", "1 thing"),
    ],
)
def test_in_a_bad_world_it_names_the_fault_and_leaves_nothing(
    bench: Rig, knobs: dict[str, Any], proof: str, words: str
) -> None:
    bench.scenario(**knobs)
    found = canary(bench)
    (failed,) = [item for item in found.proofs if not item.passed]
    assert failed.name == proof
    assert words in failed.detail
    assert bench.left() == []


@pytest.mark.long
def test_too_little_money_is_refused_with_the_least_that_does() -> None:
    plan = replace(cheapest_on("gce", verifying.MODEL), on_demand_hourly_usd=Decimal("4.00"))
    assert verifying.life_for(plan, Decimal(3)) == timedelta(minutes=45)
    assert verifying.life_for(plan, Decimal(30)) == timedelta(hours=1)
    with pytest.raises(UsageError, match="not enough") as caught:
        verifying.life_for(plan, Decimal(1))
    assert caught.value.advice == "--spend 2.01"
