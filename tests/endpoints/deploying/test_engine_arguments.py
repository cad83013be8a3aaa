"""The user's own arguments of vLLM: held against its list, handed to it on every service."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rig import OPTIONS, cheapest

from planner.bundled import deploy_templates
from planner.endpoints.deploying import deployment, engine_arguments, vllm_command
from planner.endpoints.interface import adapter
from planner.errors import UnknownNameError, UsageError
from planner.serving import table

if TYPE_CHECKING:
    from planner.endpoints.deploying.choices import Options
    from planner.plan import Plan

SPEC = '{"method": "ngram", "num_speculative_tokens": 4}'


@pytest.mark.parametrize(
    ("given_texts", "told"),
    [
        (["enable-auto-tool-choice", "tool-call-parser=hermes"],
         {"enable-auto-tool-choice": "", "tool-call-parser": "hermes"}),
        (["--max-num-batched-tokens=8k"], {"max-num-batched-tokens": "8k"}),
        (["MAX_NUM_BATCHED_TOKENS=8192"], {"max-num-batched-tokens": "8192"}),
        (["enable-prefix-caching=false"], {"no-enable-prefix-caching": ""}),
        (["no-enable-prefix-caching=false"], {"enable-prefix-caching": ""}),
        (["enable-prefix-caching", "no-enable-prefix-caching"], {"no-enable-prefix-caching": ""}),
        (["seed=1", "seed=2"], {"seed": "2"}),
        ([f"speculative-config={SPEC}"], {"speculative-config": SPEC}),
        (["cudagraph-capture-sizes=1 2 4"], {"cudagraph-capture-sizes": "1 2 4"}),
    ],
)  # fmt: skip
def test_arguments_are_taken_as_people_write_them(
    given_texts: list[str], told: dict[str, str]
) -> None:
    assert engine_arguments.read(given_texts) == told


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("seed", "takes a value"),
        ("seed=many", "takes no 'many'"),
        ("cudagraph-capture-sizes=1 two", "takes no 'two'"),
        ("cudagraph-capture-sizes='1", "cannot be split"),
        ("speculative-config={", "JSON"),
        ("kv-offloading-backend=disk", "lmcache"),
        ("enforce-eager=3", "is a switch"),
        ("headless=no", "planner's to set"),
        ("disable-log-stats=no", "cannot be turned off"),
        ("max-model-len=4096", "--context"),
        ("kv-cache-dtype=fp8", "--kv-precision"),
        ("tensor-parallel-size=8", "--instance-type"),
        ("no-enable-lora", "--lora"),
        ("api-key=sk-123", "no secret"),
    ],
)
def test_what_the_engine_would_refuse_is_refused_before_it_costs(text: str, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        engine_arguments.read([text])
    error = caught.value
    assert says in f"{error} {error.why} {error.advice}"
    assert "sk-123" not in f"{error} {error.why} {error.advice}"


def test_a_wrong_name_brings_the_nearest() -> None:
    with pytest.raises(UnknownNameError) as caught:
        engine_arguments.read(["enable-prefx-caching"])
    assert "enable-prefix-caching" in caught.value.nearest


def test_what_planner_sets_is_reserved_and_in_the_list() -> None:
    reserved = {row["argument"] for row in table.read(deploy_templates() / "vllm" / "reserved.csv")}
    plan = cheapest()
    spec = deployment.specify(plan, OPTIONS)
    set_by_planner = set(vllm_command.of(spec)) - {"enable-expert-parallel"}
    assert set_by_planner <= reserved <= set(engine_arguments.known())


@given(st.sampled_from(sorted(engine_arguments.known())), st.text(max_size=20))
def test_any_text_is_taken_on_one_line_or_refused(name: str, value: str) -> None:
    told: dict[str, str] = {}
    with suppress(UsageError):
        told = engine_arguments.read([f"{name}={value}"])
    assert all(text.splitlines() in ([], [text]) for text in told.values())


@pytest.mark.parametrize("service", ["sagemaker", "ec2", "gce", "azure-vm"])
def test_every_service_hands_them_over_and_notices_a_change(service: str) -> None:
    arguments = {"speculative-config": SPEC, "enforce-eager": "", "max-num-batched-tokens": "8192"}
    plan = cheapest(services=(service,))
    without = specified(plan, OPTIONS, service)
    made = specified(plan, replace(OPTIONS, engine_arguments=arguments), service)
    assert made.settings_hash != without.settings_hash
    if service == "sagemaker":
        told = made.container.environment
        assert json.loads(told["SM_VLLM_SPECULATIVE_CONFIG"]) == json.loads(SPEC)
        assert told["SM_VLLM_ENFORCE_EAGER"] == ""
        return
    words = vllm_command.words(vllm_command.of(made))
    assert words[words.index("--speculative-config") + 1] == SPEC
    assert words[words.index("--enforce-eager") + 1].startswith("--")


def specified(plan: Plan, options: Options, service: str) -> deployment.DeploymentSpec:
    """Return what a deploy to a service comes to."""
    return deployment.specify(plan, options, container_for=adapter(service).container)


def test_several_values_become_several_words_and_sagemaker_has_room_for_one() -> None:
    flags = {"lora-modules": "sql=me/sql law=me/law", "seed": "1"}
    words = ["--lora-modules", "sql=me/sql", "law=me/law", "--seed", "1"]
    assert vllm_command.words(flags) == words
    assert vllm_command.joined(flags) == [*words[:3], "--seed=1"]
    with pytest.raises(UsageError) as caught:
        vllm_command.sagemaker_environment(flags)
    assert "one value" in caught.value.why
    told = vllm_command.sagemaker_environment({"lora-modules": "sql=me/sql"})
    assert told == {"SM_VLLM_LORA_MODULES": "sql=me/sql"}


@pytest.mark.parametrize("name", ["my model", "it's", 'a "b"'])
def test_a_name_with_spaces_and_quotes_stays_one_word(name: str) -> None:
    plan = replace(cheapest(), model=name)
    spec = replace(deployment.specify(cheapest(), OPTIONS), plan=plan)
    told = vllm_command.of(spec)
    words = vllm_command.words(told)
    assert words[words.index("--served-model-name") + 1] == name
    assert f"--served-model-name={name}" in vllm_command.joined(told)
    assert vllm_command.sagemaker_environment(told)["SM_VLLM_SERVED_MODEL_NAME"] == name


def test_the_list_is_of_the_release_that_every_service_deploys() -> None:
    folder = deploy_templates()
    (listed,) = {row["version"] for row in table.read(folder / "vllm" / "arguments.csv")}
    files = ("ec2.csv", "gce.csv", "azure-vm.csv", "kubernetes/settings.csv")
    pinned = {
        row["value"]
        for name in files
        for row in table.read(folder / name)
        if row["setting"] == "version"
    }
    images = table.read(folder / "sagemaker" / "images.csv")
    pinned |= {row["version"] for row in images if row["engine"] == "vllm"}
    assert pinned == {listed}


@pytest.mark.parametrize("engine", ["lmi", "tgi"])
def test_another_container_takes_none(engine: str) -> None:
    options = replace(OPTIONS, engine=engine, engine_arguments={"enforce-eager": ""})
    with pytest.raises(UsageError) as caught:
        deployment.specify(cheapest(), options)
    assert caught.value.advice == "--engine vllm"
