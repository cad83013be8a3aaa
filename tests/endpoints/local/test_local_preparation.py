"""What this machine can serve, from which weights, with which engine."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from hub import LLAMA

from planner.endpoints.deploying import deployment
from planner.endpoints.deploying.preflight import Finding, Status
from planner.endpoints.interface import adapter
from planner.endpoints.local import engines, machine, preparation, source
from planner.endpoints.local.machine import GIB, Card, Machine
from planner.errors import AccessError, DataError, NotFoundError, UnknownNameError, UsageError
from planner.ledger import Ledger

if TYPE_CHECKING:
    from pathlib import Path

    from planner.endpoints.deploying.deployment import Prepared

RTX_3080 = machine.accelerator_of(Card("NVIDIA GeForce RTX 3080", 10 * GIB, (8, 6)))


def prepare(
    model: str,
    here: Machine,
    *,
    wish: preparation.Wish | None = None,
    options: deployment.Options | None = None,
) -> Prepared:
    chosen = options or deployment.Options(accept_license=True)
    question = preparation.Question(
        source.find(model, chosen.weights), here, chosen, wish or preparation.Wish()
    )
    with Ledger() as ledger:
        return preparation.prepare(question, adapter("local"), ledger)


def finding(prepared: Prepared, check: str) -> Finding:
    return next(item for item in prepared.findings if item.check == check)


@pytest.mark.parametrize(
    ("card", "name"),
    [
        (Card("NVIDIA GeForce RTX 3080", 10 * GIB, (8, 6)), "RTX-3080-10GB"),
        (Card("NVIDIA GeForce RTX 4090", 24564 * 2**20, (8, 9)), "RTX-4090"),
        (Card("NVIDIA A100-SXM4-80GB", 81920 * 2**20, (8, 0)), "A100-80GB"),
        (Card("NVIDIA H100 80GB HBM3", 81559 * 2**20, (9, 0)), "H100"),
        (Card("Tesla T4", 15360 * 2**20, (7, 5)), "T4"),
        (Card("NVIDIA L4", 23034 * 2**20, (8, 9)), "L4"),
    ],
)
def test_a_driver_s_name_finds_the_row_of_the_card(card: Card, name: str) -> None:
    assert machine.accelerator_of(card).accelerator == name


def test_a_card_planner_has_no_row_of_keeps_its_driver_s_words() -> None:
    # An RTX 3080 with 12 GB exists too and is not the 10 GB one of the table.
    found = machine.accelerator_of(Card("NVIDIA GeForce RTX 3080", 12 * GIB, (8, 6)))
    assert (found.name, found.memory_gib) == ("NVIDIA GeForce RTX 3080", 12)
    assert found.architecture == "Ampere"
    assert found.bandwidth_gbs is None


def test_this_machine_has_cores_and_memory() -> None:
    here = machine.detect()
    assert here.cores >= 1
    assert here.memory_bytes > GIB
    assert here.accelerator is not None or here.note


def test_llama_2_7b_on_a_10_gb_card_runs_as_int4() -> None:
    prepared = prepare("llama-2-7b", Machine(RTX_3080, 1, 8, 32 * GIB))
    assert prepared.spec.plan.precision == "int4"
    assert "AWQ" in prepared.spec.weights.location
    assert finding(prepared, "fit").status is Status.GOOD
    assert prepared.spec.plan.tokens_per_second is None or prepared.spec.plan.tokens_per_second > 0


def test_a_precision_that_was_asked_for_is_not_replaced() -> None:
    wish = preparation.Wish(precision="bf16")
    prepared = prepare("llama-2-7b", Machine(RTX_3080, 1, 8, 32 * GIB), wish=wish)
    fit = finding(prepared, "fit")
    assert fit.status is Status.BAD
    assert "bf16" in fit.text
    assert fit.remedy == "planner compare llama-2-7b"


def test_a_model_that_fits_in_no_precision_says_why() -> None:
    prepared = prepare("llama-2-70b", Machine(RTX_3080, 1, 8, 32 * GIB))
    assert finding(prepared, "fit").status is Status.BAD


def test_the_card_s_own_hour_costs_purchase_and_power() -> None:
    wish = preparation.Wish(purchase_usd=Decimal(700), usd_per_kwh=Decimal("0.30"))
    prepared = prepare("llama-2-7b", Machine(RTX_3080, 1, 8, 32 * GIB), wish=wish)
    # 700 / (36 * 730) + 0.320 kW * 0.30
    price = prepared.spec.plan.on_demand_hourly_usd
    assert price is not None
    assert float(price) == pytest.approx(0.0266362 + 0.096, abs=1e-6)


def test_a_gguf_file_is_asked_nothing_of_licence_or_token_and_keeps_its_precision(
    tiny: Path,
) -> None:
    here = Machine(None, 0, 2, 8 * GIB)
    prepared = prepare(str(tiny), here, options=deployment.Options(context=256))
    assert {item.check for item in prepared.findings} == {"machine", "engine", "fit"}
    assert prepared.spec.plan.accelerator == "CPU"
    with pytest.raises(UsageError, match="not int4"):
        prepare(str(tiny), here, wish=preparation.Wish(precision="int4"))


def test_too_little_memory_is_found_before_anything_starts(tiny: Path) -> None:
    prepared = prepare(str(tiny), Machine(None, 0, 2, 700_000))
    assert finding(prepared, "fit").status is Status.BAD


def test_a_missing_engine_comes_with_the_command_to_install_it() -> None:
    if any(item.name == engines.VLLM for item in engines.installed()):
        pytest.skip("vLLM is installed here")
    prepared = prepare("llama-2-7b", Machine(RTX_3080, 1, 8, 32 * GIB))
    engine = finding(prepared, "engine")
    assert (engine.status, engine.remedy) == (Status.BAD, "pip install vllm")


def test_a_licence_that_was_not_accepted_stands_in_the_way() -> None:
    prepared = prepare(
        "llama-2-7b", Machine(RTX_3080, 1, 8, 32 * GIB), options=deployment.Options()
    )
    assert finding(prepared, "licence").status is Status.BAD


def test_gated_weights_want_a_token_that_is_shown_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    here, wish = Machine(RTX_3080, 4, 8, 64 * GIB), preparation.Wish(precision="fp16")
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.delenv("HUGGING_FACE_HUB_TOKEN", raising=False)
    assert finding(prepare("llama-2-7b", here, wish=wish), "token").status is Status.BAD
    monkeypatch.setenv("HF_TOKEN", "hf_secret_of_the_test")
    prepared = prepare("llama-2-7b", here, wish=wish)
    assert finding(prepared, "token").status is Status.GOOD
    assert "hf_secret" not in repr(prepared)


def test_a_folder_outside_the_table_is_read_by_its_configuration(tmp_path: Path) -> None:
    folder = tmp_path / "My Llama"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(LLAMA))
    found = source.find(str(folder))
    assert found.model.params_b == pytest.approx(6.74, abs=0.01)
    assert (found.here, found.weights, found.precision) == (True, str(folder), None)
    prepared = prepare(str(folder), Machine(RTX_3080, 1, 8, 32 * GIB))
    assert prepared.spec.name == "my-llama"


def test_a_gguf_file_alone_is_read_by_its_header(tiny: Path) -> None:
    found = source.find(str(tiny))
    assert (found.model.layers, found.model.kv_heads, found.model.max_context) == (2, 2, 8192)
    assert found.precision == "fp16"


def test_two_gguf_files_in_a_folder_must_be_told_apart(tmp_path: Path, tiny: Path) -> None:
    for name in ("a.gguf", "b.gguf"):
        (tmp_path / name).write_bytes(tiny.read_bytes())
    with pytest.raises(UsageError, match="2 GGUF files"):
        source.find(str(tmp_path))


def test_garbage_is_no_model(tmp_path: Path) -> None:
    file = tmp_path / "garbage.gguf"
    file.write_bytes(b"nothing of the kind")
    with pytest.raises(DataError, match="not a GGUF file"):
        source.find(str(file))
    with pytest.raises(UnknownNameError):
        source.find("llama-9000")


def test_a_hugging_face_id_outside_the_table_is_read_from_the_hub(
    hub: list[str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_abc")
    found = source.find("someone/llama")
    assert (found.model.name, found.model.hf_id, found.weights) == (
        "llama",
        "someone/llama",
        "someone/llama",
    )
    assert set(hub) == {None}, "the token is sent only to those who ask for it"
    assert found.model.gated == "no"


def test_a_gated_model_is_read_with_the_token(
    hub: list[str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_of_a_reader")
    assert source.find("someone/gated").model.gated == "yes"
    assert hub[0] is None
    assert set(hub[1:]) == {"Bearer hf_of_a_reader"}


@pytest.mark.parametrize(
    ("name", "words"), [("someone/gated", "does not show"), ("someone/none", "shows no model")]
)
def test_a_model_the_hub_does_not_give_is_a_clear_error(
    hub: list[str | None], name: str, words: str
) -> None:
    with pytest.raises((AccessError, NotFoundError), match=words):
        source.find(name)
    assert hub


def test_engines_are_found_on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("vllm", "llama-server"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    found = {item.how for item in engines.installed()}
    assert str(tmp_path / "llama-server") in found
    assert any(item.name == engines.VLLM for item in engines.installed())


def serving(weights: str) -> engines.Serving:
    flags = {"model": weights, "served-model-name": "m", "max-model-len": "4096"}
    return engines.Serving(weights, "m", context=4096, parallel=2, gpu=True, flags=flags)


def test_each_engine_is_started_in_its_own_words() -> None:
    vllm = engines.command(engines.Engine("vllm", "/usr/bin/vllm"), serving("a/b"), 8001)
    assert vllm[:3] == ["/usr/bin/vllm", "serve", "a/b"]
    assert "--model" not in vllm
    assert vllm[vllm.index("--served-model-name") + 1] == "m"
    assert vllm[-4:] == ["--host", "127.0.0.1", "--port", "8001"]
    server = engines.command(engines.Engine("llama.cpp", "llama-server"), serving("m.gguf"), 8001)
    assert server[server.index("--ctx-size") + 1] == "8192"
    assert server[server.index("--n-gpu-layers") + 1] == "999"
    bindings = engines.command(engines.Engine("llama.cpp", "llama_cpp"), serving("m.gguf"), 8001)
    assert bindings[1:3] == ["-m", "llama_cpp.server"]


def test_all_engines_listen_on_loopback_only() -> None:
    for engine in (
        engines.Engine("vllm", "vllm module"),
        engines.Engine("llama.cpp", "xllamacpp"),
        engines.Engine("llama.cpp", "llama_cpp"),
    ):
        command = engines.command(engine, serving("m.gguf"), 1)
        assert command[command.index("--host") + 1] == "127.0.0.1"
