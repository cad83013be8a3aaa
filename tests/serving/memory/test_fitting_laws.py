"""Laws that hold for every model, accelerator and request."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from planner.serving import accelerators, engines, memory, models, precision
from planner.serving.memory.fit import Fit, fit


@dataclass(frozen=True)
class Case:
    """One request on one set-up; models and cards by name so that failures read well."""

    model: str
    card: str
    precision: str
    count: int
    context: int
    concurrency: int
    instances: int = 1

    def fit(self) -> Fit:
        return fit(
            models.get(self.model),
            accelerators.get(self.card),
            count=self.count,
            precision=self.precision,
            context=self.context,
            concurrency=self.concurrency,
            instances=self.instances,
        )


model_names = st.sampled_from([m.name for m in models.all_models()])
cases = st.builds(
    Case,
    model=model_names,
    card=st.sampled_from([a.name for a in accelerators.all_accelerators() if engines.runnable(a)]),
    precision=st.sampled_from([p.name for p in precision.PRECISIONS]),
    count=st.integers(1, 16),
    context=st.integers(1, 40_000),
    concurrency=st.integers(1, 64),
    instances=st.integers(1, 3),
)


@given(cases)
def test_it_fits_exactly_when_the_cache_holds_the_tokens(case: Case) -> None:
    found = case.fit()
    assert found.fits == (found.kv_cache_tokens_low >= case.context * case.concurrency)
    assert found.fits == (found.max_concurrency >= case.concurrency)
    assert found.kv_cache_tokens_low <= found.kv_cache_tokens <= found.kv_cache_tokens_high
    high = found.kv_cache_tokens_high >= case.context * case.concurrency
    assert found.tight == (high and not found.fits)
    assert found.fits == found.reason.endswith(": yes")
    assert "\n" not in found.reason


# The scales of this checkpoint do not divide by seven, whatever Neuron does with the heads.
@example(Case("minimax-m2.5", "Trainium2", "bf16", count=6, context=1, concurrency=1))
@given(cases)
def test_more_gpus_or_instances_never_lose_what_fitted(case: Case) -> None:
    if case.fit().fits:
        assert replace(case, count=case.count + 1).fit().fits
        assert replace(case, instances=case.instances + 1).fit().fits


@given(cases, st.integers(1, 10_000))
def test_a_larger_request_never_fits_where_a_smaller_does_not(case: Case, more: int) -> None:
    if not case.fit().fits:
        assert not replace(case, context=case.context + more).fit().fits
        assert not replace(case, concurrency=case.concurrency + more).fit().fits


@pytest.mark.long
@given(cases)
def test_the_gpus_used_are_there(case: Case) -> None:
    found = case.fit()
    assert found.tensor_parallel <= case.count
    assert found.tensor_parallel * found.pipeline_parallel <= case.count * case.instances
    card = accelerators.get(case.card)
    assert memory.can_shard(models.get(case.model), card, found.tensor_parallel)


@given(cases)
def test_a_lower_precision_of_the_same_kind_fits_wherever_a_higher_does(case: Case) -> None:
    if replace(case, precision="fp16").fit().fits and "int4" in engines.runnable(
        accelerators.get(case.card)
    ):
        assert replace(case, precision="int4").fit().fits


@given(model_names)
def test_a_lower_precision_never_needs_more(name: str) -> None:
    model = models.get(name)
    sizes = [memory.weight_bytes(model, p) for p in ("bf16", "int8", "fp8", "fp4", "int4")]
    assert sizes == sorted(sizes, reverse=True)
    assert memory.weight_bytes(model, "mxfp4") <= memory.weight_bytes(model, "bf16")


@given(model_names, st.integers(1, 200_000))
def test_a_window_never_makes_a_sequence_dearer(name: str, context: int) -> None:
    model = models.get(name)
    sequence = memory.Footprint.of(model, "bf16").device_kv(memory.Split(1), context)
    most = memory.kv_bytes_per_token(model) * context + model.state_bytes
    assert sequence <= most * (1 + 1e-9)
