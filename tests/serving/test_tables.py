"""The bundled tables of models and accelerators are whole and sourced."""

from __future__ import annotations

import pytest

from planner.bundled import pricing_data
from planner.errors import UnknownNameError
from planner.serving import accelerators, models, precision, table


def test_every_model_is_sourced_and_whole() -> None:
    assert len(models.all_models()) >= 45
    for model in models.all_models():
        assert model.source, model.name
        assert model.license, model.name
        assert 0 < model.active_params_b <= model.params_b, model.name
        assert precision.get(model.native_precision).name == model.native_precision, model.name
        assert (model.kv_lora_rank is None) == (model.head_dim is not None), model.name
        idle = model.params_b - model.active_params_b - model.part_parameters("tower") / 1e9
        assert (model.moe_experts is None) == (abs(idle) < 1e-6), model.name


@pytest.mark.parametrize(
    ("name", "window", "full_layers"),
    [
        ("mistral-7b", 4096, 0),
        ("gemma-2-27b", 4096, 23),  # every second of 46
        ("gemma-3-27b", 1024, 10),  # every sixth of 62
        ("gpt-oss-20b", 128, 12),
        ("llama-4-scout", 8192, 12),
        ("llama-2-70b", None, 80),
    ],
)
def test_layers_that_look_back_without_limit(
    name: str, window: int | None, full_layers: int
) -> None:
    model = models.get(name)
    assert model.sliding_window == window
    assert model.full_attention_layers == full_layers


def test_every_accelerator_is_sourced_and_whole() -> None:
    for card in accelerators.all_accelerators():
        assert card.source, card.name
        assert card.architecture, card.name
        assert card.usable_gib is None or 0.9 < card.usable_gib / card.memory_gib <= 1, card.name
        assert (card.compute_capability is not None) == (card.vendor == "NVIDIA"), card.name


def test_local_cards_carry_the_power_they_draw() -> None:
    assert accelerators.get("RTX 3080").tdp_w == 320
    assert accelerators.get("RTX-3080").memory_gib == 10
    assert accelerators.get("rtx-4090").tdp_w == 450


def test_no_name_or_alias_means_two_things() -> None:
    for rows in (accelerators.all_accelerators(), models.all_models()):
        names = [name for row in rows for name in {_fold(n) for n in (row.name, *row.aliases)}]
        assert len(names) == len(set(names))


def _fold(name: str) -> str:
    return name.casefold().replace("_", "-")


def test_every_accelerator_that_prices_name_is_in_the_table() -> None:
    for row in table.read(pricing_data() / "instance_types.csv"):
        card = accelerators.get(row["accelerator"])
        assert card.accelerator == row["accelerator"]
        if row["accelerator_memory_gib"]:
            share = min(1, float(row["accelerator_count"]))
            memory_gib = float(row["accelerator_memory_gib"])
            assert memory_gib == pytest.approx(card.memory_gib * share, rel=0.01), row


def test_the_interconnect_picks_the_form_factor() -> None:
    assert accelerators.get("A100-80GB", "PCIe").name == "A100-80GB-PCIe"
    assert accelerators.get("A100-80GB", "NVLink3").name == "A100-80GB"
    assert accelerators.get("H100", "something else").name == "H100"


def test_an_unknown_name_offers_the_nearest() -> None:
    with pytest.raises(UnknownNameError) as caught:
        accelerators.get("A1000")
    assert caught.value.nearest
    with pytest.raises(UnknownNameError) as caught:
        models.get("lama-2-70b")
    assert "llama-2-70b" in caught.value.nearest


@pytest.mark.parametrize(
    ("asked", "have", "same"),
    [
        ("A100", "A100-80GB", True),
        ("a100_80gb", "A100-80GB", True),
        ("A100", "A10", False),
        ("H100", "H100-NVL", True),
        ("A100-80GB-PCIe", "A100-80GB", True),
    ],
)
def test_a_filter_names_one_accelerator_or_a_family(asked: str, have: str, *, same: bool) -> None:
    assert accelerators.matches(asked, have) is same
