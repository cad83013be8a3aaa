"""What engines log for the weights of a GPU, against what planner says: within 2 %."""

from __future__ import annotations

import pytest

from planner.bundled import pricing_data
from planner.errors import UnknownNameError
from planner.serving import models, table
from planner.serving.memory import GIB, Footprint, Split

_MAY_DIFFER = 0.021  # logs print two digits: 7.40 GiB of a small model is 0.1 % by itself


def _is_known(name: str) -> bool:
    try:
        models.get(name)
    except UnknownNameError:
        return False
    return True


def _logged() -> list[tuple[str, str, int, float]]:
    """Return each weight that a log states whole: model, precision, GPUs, GiB of one."""
    rows = table.read(pricing_data() / "memory_logs.csv")
    found = {
        (row["model"], row["precision"], int(row["tensor_parallel"]), float(row["weights_gib"]))
        for row in rows
        if row["weights_gib"] and not row["left_out"] and _is_known(row["model"])
    }
    return sorted(found)


@pytest.mark.parametrize(("name", "precision", "gpus", "gib"), _logged())
def test_weights_of_a_gpu_are_what_the_engine_logs(
    name: str, precision: str, gpus: int, gib: float
) -> None:
    footprint = Footprint.of(models.get(name), precision)
    said = footprint.device_weights(Split(gpus)) / GIB
    assert said == pytest.approx(gib, rel=_MAY_DIFFER)


def test_the_logs_speak_of_dense_models_mixtures_and_latents() -> None:
    names = {name for name, *_ in _logged()}
    assert {"llama-3.1-8b", "gpt-oss-120b", "deepseek-r1"} <= names
