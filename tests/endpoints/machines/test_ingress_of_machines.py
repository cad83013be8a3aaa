"""Applications at a machine's own address: who is let in, with which key, for how long."""

from __future__ import annotations

import ssl
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import azure_rig
import ec2_rig
import gce_rig
import httpx
import openai
import pytest
from vm_rig import OPTIONS, TOKEN, Rig, cheapest_on

from planner.cli.deploy import handing_over
from planner.clouds import settings
from planner.endpoints.aws import calls
from planner.endpoints.deploying import deployment
from planner.endpoints.deploying.interruption import Interruption
from planner.endpoints.ec2 import secret as ec2_secret
from planner.endpoints.gce import secret as gce_secret
from planner.endpoints.ingress import Ingress
from planner.endpoints.interface import Address, adapter
from planner.endpoints.talking.client import Reply
from planner.errors import CloudError, NotFoundError, PermissionDeniedError, UsageError
from planner.ledger import Ledger
from planner.sandbox.azure.store import store as azure_store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from planner.endpoints.model import Endpoint

RIGS = {"ec2": ec2_rig, "gce": gce_rig, "azure-vm": azure_rig}
REGIONS = {"ec2": "us-east-1", "gce": "us-central1", "azure-vm": "eastus"}
HERE, ELSEWHERE = "127.0.0.1", "127.0.0.9"
A_MINUTE = timedelta(seconds=61)


@dataclass(frozen=True)
class Served:
    """An endpoint with an address, as an application sees it."""

    rig: Rig
    service: str
    access: str

    @property
    def endpoint(self) -> Endpoint:
        found = adapter(self.service).find("llama-2-70b", REGIONS[self.service])
        assert found is not None
        return found

    @property
    def address(self) -> Address:
        return adapter(self.service).address(self.endpoint)

    def key(self) -> str:
        return adapter(self.service).key(self.endpoint, None).reveal()

    def client(self, source: str = HERE) -> httpx.Client:
        trusted = ssl.create_default_context(cadata=self.address.certificate)
        return httpx.Client(
            transport=httpx.HTTPTransport(verify=trusted, local_address=source), timeout=10
        )

    def ask(self, key: str, source: str = HERE) -> int:
        """Ask as an application does, and return the status."""
        body = {"model": "llama-2-70b", "messages": [{"role": "user", "content": "hello"}]}
        with self.client(source) as client:
            answer = client.post(
                f"{self.address.url}/chat/completions",
                json={**body, "max_tokens": 4},
                headers={"Authorization": f"Bearer {key}"},
            )
            return answer.status_code


@pytest.fixture(params=[("ec2", "public"), ("gce", "private"), ("azure-vm", "public")],
                ids="-".join)  # fmt: skip
def served(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    service, access = request.param
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    rig = RIGS[service].rig()
    deploy(service, Ingress.of(access, [HERE], ""))
    yield Served(rig, service, access)
    settings.use(None)
    rig.sandbox.stop()


def deploy(service: str, ingress: Ingress, **changes: Any) -> None:
    options = replace(OPTIONS, ingress=ingress, **changes)
    plan = cheapest_on(service, "llama-2-70b", regions=(REGIONS[service],))
    made = adapter(service)
    with Ledger() as ledger, Interruption() as interruption:
        prepared = deployment.prepare(plan, options, made, ledger)
        deployment.deploy(prepared, made, ledger, interruption, options=options)


def test_an_application_with_the_key_is_answered(served: Served) -> None:
    with (
        served.client() as http,
        openai.OpenAI(
            base_url=served.address.url, api_key=served.key(), http_client=http
        ) as client,
    ):
        asked: Any = [{"role": "user", "content": "hello"}]
        whole = client.chat.completions.create(model="llama-2-70b", messages=asked, max_tokens=8)
        assert whole.choices
        stream = client.chat.completions.create(
            model="llama-2-70b", messages=asked, max_tokens=8, stream=True
        )
        assert len(list(stream)) > 1


def test_without_the_key_nobody_is(served: Served) -> None:
    assert served.ask("planner-guessed") == 401
    assert served.ask("planner-") == 401


def test_nothing_but_the_api_is_shown(served: Served) -> None:
    place = served.address.url.removesuffix("/v1")
    with served.client() as client:
        headers = {"Authorization": f"Bearer {served.key()}"}
        assert client.get(f"{place}/metrics", headers=headers).status_code == 404
        assert client.get(f"{place}/metrics").status_code == 401


def test_other_networks_are_shut_out(served: Served) -> None:
    with pytest.raises(httpx.TransportError):
        served.ask(served.key(), ELSEWHERE)


def test_another_certificate_is_not_trusted(served: Served) -> None:
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.get(served.address.url)


def test_the_key_is_rotated_with_time_to_change_over(served: Served) -> None:
    old = served.key()
    assert served.ask(old) == 200
    new = adapter(served.service).rotate_key(served.endpoint, timedelta(hours=1)).reveal()
    assert new != old
    assert served.key() == new
    served.rig.world.clock.advance(A_MINUTE)
    assert served.ask(new) == 200
    assert served.ask(old) == 200
    served.rig.world.clock.advance(timedelta(hours=1))
    assert served.ask(old) == 401
    assert served.ask(new) == 200


def test_a_key_that_leaked_ends_at_once(served: Served) -> None:
    old = served.key()
    new = adapter(served.service).rotate_key(served.endpoint, timedelta()).reveal()
    served.rig.world.clock.advance(A_MINUTE)
    assert served.ask(old) == 401
    assert served.ask(new) == 200


def test_a_key_lasts_until_it_is_rotated(served: Served) -> None:
    with pytest.raises(UsageError, match="until it is rotated"):
        adapter(served.service).key(served.endpoint, timedelta(hours=1))


def test_nothing_is_left(served: Served) -> None:
    from planner.endpoints.interface import Context

    with Interruption() as interruption:
        context = Context(interruption=interruption, progress=lambda *_: None)
        adapter(served.service).remove(served.endpoint, context)
    assert served.rig.there(served.rig.world) == []


def test_a_key_that_someone_removed_is_an_error_with_what_to_do(served: Served) -> None:
    """Azure's store is a vault, whose policy may name others; the other stores lose a secret."""
    world = served.rig.world
    if served.service == "ec2":
        calls.call("ssm", REGIONS["ec2"], "delete_parameter", "delete",
                   Name=ec2_secret.key_of(served.endpoint))  # fmt: skip
    elif served.service == "gce":
        gce_secret.delete(gce_secret.key_of(served.endpoint))
    else:
        (vault,) = azure_store(world).of_kind("Microsoft.KeyVault/vaults")
        vault["properties"]["accessPolicies"].pop()
    with pytest.raises((NotFoundError, PermissionDeniedError)) as caught:
        served.key()
    assert caught.value.advice
    with pytest.raises((NotFoundError, PermissionDeniedError)):
        adapter(served.service).rotate_key(served.endpoint, timedelta(hours=1))


def test_a_certificate_that_has_scrolled_away_comes_again(served: Served) -> None:
    served.rig.scenario(console_kib=4)
    world = served.rig.world
    world.clock.advance(timedelta(minutes=5))
    with pytest.raises(CloudError, match="does not show its certificate now") as caught:
        _ = served.address
    assert "in ten minutes" in (caught.value.advice or "")
    for _ in range(12):
        world.clock.advance(timedelta(seconds=55))
        with suppress(CloudError):
            assert served.address.certificate
            return
    pytest.fail("it was not said again")


def test_what_cannot_be_told_of_the_address_fails_no_deploy(
    served: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    served.rig.scenario(console_kib=4)
    served.rig.world.clock.advance(timedelta(minutes=5))
    handing_over.hand_over_awaited(served.endpoint.awaited, Reply("blue", 1, 1.0))
    assert "planner url llama-2-70b\nplanner key llama-2-70b" in capsys.readouterr().out


def test_the_secret_is_nowhere_but_in_the_store(served: Served) -> None:
    assert served.key() not in repr(served.endpoint)
    assert served.key() not in "\n".join(
        line.text for line in adapter(served.service).logs(served.endpoint, None)
    )
