"""The checkpoint of a precision, looked up on a small hub."""

from __future__ import annotations

import pytest

from planner.endpoints.deploying import containers
from planner.errors import UsageError
from planner.planning import Request, compare
from planner.serving import models


@pytest.mark.parametrize(
    ("precision", "named"),
    [
        ("int4", "someone/llama-awq"),  # the most downloaded, not a GGUF file
        ("fp8", "someone/llama-fp8"),
        ("fp4", ""),  # nobody published one
    ],
)
@pytest.mark.usefixtures("hub")
def test_the_hub_names_its_most_used_checkpoint(precision: str, named: str) -> None:
    assert models.published("someone/llama", precision) == named


@pytest.mark.usefixtures("hub")
def test_a_model_that_nobody_quantized_has_none() -> None:
    assert models.published("someone/gated", "int4") == ""


@pytest.mark.usefixtures("hub")
def test_offline_nobody_is_asked(hub: list[str | None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert models.published("someone/llama", "int4") == ""
    assert hub == []


@pytest.mark.usefixtures("hub")
def test_deploy_names_it_and_loads_it_only_when_asked_for() -> None:
    model = models.find("someone/llama")
    request = Request(model.name, precision="int4", services=("sagemaker",), top=1)
    plan = compare(request).plans[0]
    assert not plan.weights_known
    assert not plan.deployable
    with pytest.raises(UsageError, match="no int4 weights") as caught:
        containers.weights_for(model, plan.precision)
    assert "someone/llama-awq" in caught.value.advice
