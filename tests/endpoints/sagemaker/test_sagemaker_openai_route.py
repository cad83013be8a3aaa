"""SageMaker's own OpenAI route: an application with OpenAI's client, and keys that hold."""

from __future__ import annotations

import base64
import time
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import borrowed
import openai
import pytest
from rig import OPTIONS, Rig

from planner.endpoints.interface import adapter
from planner.endpoints.sagemaker import openai_route
from planner.endpoints.talking import snippets
from planner.endpoints.watching.guard import Guard
from planner.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.plan import Plan

NAME = "llama-2-70b"
HOUR = timedelta(hours=1)


@pytest.fixture
def client(sandbox: Rig, plan: Plan) -> Iterator[openai.OpenAI]:
    """What an application makes of ``planner url`` and ``planner key``."""
    sandbox.deploy(plan)
    made = adapter("sagemaker")
    found = made.find(NAME, plan.region)
    address = made.address(found)
    assert address.needs_key
    key = made.key(found, HOUR).reveal()
    with openai.OpenAI(base_url=address.url, api_key=key, max_retries=0) as asking:
        yield asking


def ask(client: openai.OpenAI) -> str:
    """Ask a question and return the answer."""
    answer = client.chat.completions.create(
        model=NAME, messages=[{"role": "user", "content": "hello"}], max_tokens=8
    )
    return answer.choices[0].message.content or ""


@pytest.mark.long
def test_an_application_asks_whole_and_in_a_stream(client: openai.OpenAI) -> None:
    assert ask(client)
    pieces = client.chat.completions.create(
        model=NAME, messages=[{"role": "user", "content": "hello"}], max_tokens=8, stream=True
    )
    assert "".join(piece.choices[0].delta.content or "" for piece in pieces if piece.choices)


@pytest.mark.long
def test_a_wrong_key_is_refused(client: openai.OpenAI, plan: Plan) -> None:
    good = client.api_key
    signed = base64.b64decode(good.removeprefix("sagemaker-api-key-")).decode()
    other = base64.b64encode(signed.replace("Expires=3600", "Expires=9999").encode()).decode()
    for key in ("none", good[:-8], f"sagemaker-api-key-{other}"):
        with pytest.raises(openai.PermissionDeniedError):
            ask(client.with_options(api_key=key))
    short = openai_route.token(plan.region, timedelta(seconds=1)).reveal()
    time.sleep(1.1)
    with pytest.raises(openai.PermissionDeniedError, match="expired"):
        ask(client.with_options(api_key=short))


@pytest.mark.parametrize("action", ["sagemaker:CallWithBearerToken", "sagemaker:InvokeEndpoint"])
def test_both_rights_are_needed(action: str, client: openai.OpenAI, sandbox: Rig) -> None:
    sandbox.scenario(denied_actions=frozenset({action}))
    with pytest.raises(openai.PermissionDeniedError, match=action):
        ask(client)


def test_only_chat_is_routed(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError):
        client.models.list()


@pytest.mark.long
def test_a_component_has_an_address_of_its_own(sandbox: Rig, plan: Plan) -> None:
    sandbox.deploy(plan, replace(OPTIONS, guard=Guard(least_instances=0, most_instances=2)))
    made = adapter("sagemaker")
    found = made.find(NAME, plan.region)
    url = made.address(found).url
    assert f"/endpoints/{NAME}/inference-components/{NAME}-" in url
    key = made.key(found, HOUR).reveal()
    with openai.OpenAI(base_url=url, api_key=key, max_retries=0) as asking:
        assert ask(asking)


@pytest.mark.long
def test_the_key_is_the_sdk_s(client: openai.OpenAI, plan: Plan) -> None:
    """What AWS's own SDK signs is taken by the sandbox, and says what planner's key says."""
    theirs = borrowed.sdk_token(plan.region, 3600)
    assert ask(client.with_options(api_key=theirs))
    ours = openai_route.token(plan.region, HOUR).reveal()
    assert said(ours) == said(theirs)


@pytest.mark.long
def test_the_code_that_is_printed_first_runs_as_it_stands(sandbox: Rig, plan: Plan) -> None:
    sandbox.deploy(plan)
    url = openai_route.base_url(NAME, plan.region)
    code = next(iter(snippets.of_sagemaker(NAME, plan.region, NAME, url=url).values()))
    assert borrowed.with_sdk(code).strip()


def said(key: str) -> dict[str, list[str]]:
    """Return what a key says, without the moment and its signature."""
    text = base64.b64decode(key.removeprefix("sagemaker-api-key-")).decode()
    host, _, query = text.partition("?")
    found = parse_qs(query)
    del found["X-Amz-Date"], found["X-Amz-Signature"]
    return {"host": [host], **found}


@pytest.mark.parametrize("lasts", [timedelta(0), timedelta(hours=12, seconds=1)])
def test_a_key_lasts_twelve_hours_at_most(lasts: timedelta, plan: Plan) -> None:
    with pytest.raises(UsageError):
        openai_route.token(plan.region, lasts)
