"""Who may reach a machine: what the user's words come to."""

from __future__ import annotations

import pytest

from planner.endpoints.ingress import Access, Ingress
from planner.errors import UsageError

EVERYBODY = "0.0.0.0/0"


def test_a_tunnel_is_what_nobody_asks_for() -> None:
    made = Ingress.of("tunnel", [], "")
    assert made == Ingress()
    assert (made.is_open, made.ports, made.tag) == (False, (), "")


@pytest.mark.parametrize(
    ("typed", "network"),
    [
        ("203.0.113.7", "203.0.113.7/32"),
        ("203.0.113.7/24", "203.0.113.0/24"),
        (EVERYBODY, EVERYBODY),
        ("sg-0123456789abcdef0", "sg-0123456789abcdef0"),
    ],
)
def test_sources_have_one_form(typed: str, network: str) -> None:
    assert Ingress.of("public", [typed], "").allow == (network,)


def test_the_same_sources_in_any_order_are_the_same_way_in() -> None:
    there = Ingress.of("private", ["10.1.0.0/16", "10.0.0.0/16", "10.0.0.1/16"], "")
    assert there == Ingress.of("private", ["10.0.0.0/16", "10.1.0.0/16"], "")
    assert there.ports == (443,)


def test_a_domain_opens_the_port_that_its_certificate_is_fetched_through() -> None:
    made = Ingress.of("public", [EVERYBODY], "LLM.example.com")
    assert made.ports == (443, 80)
    assert made.domain == "llm.example.com"
    assert Ingress.of_tag(made.tag) == Ingress(Access.PUBLIC, (), "llm.example.com")


@pytest.mark.parametrize("tag", ["", "nonsense", "tunnel"])
def test_other_tags_are_a_tunnel(tag: str) -> None:
    assert not Ingress.of_tag(tag).is_open


@pytest.mark.parametrize(
    ("access", "allow", "domain", "says"),
    [
        ("public", [], "", "needs --allow"),
        ("private", [], "", "needs --allow"),
        ("tunnel", [EVERYBODY], "", "--allow is for a machine with an address"),
        ("tunnel", [], "a.example.com", "--domain is for a machine with an address"),
        ("public", ["everybody"], "", "no network"),
        ("public", ["300.0.0.0/8"], "", "no network"),
        ("public", ["2001:db8::/32"], "", "IPv6"),
        ("public", ["sg-xyz"], "", "no network"),
        ("public", ["203.0.113.7"], "llm.example.com", "everybody reaches"),
        ("private", [EVERYBODY], "llm.example.com", "everybody reaches"),
        ("public", [EVERYBODY], "llm", "no name of a host"),
        ("public", [EVERYBODY], "https://llm.example.com", "no name of a host"),
        ("public", [EVERYBODY], "llm.example.com\n}\nrespond", "no name of a host"),
    ],
)
def test_contradictions_are_refused(access: str, allow: list[str], domain: str, says: str) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        Ingress.of(access, allow, domain)
    assert caught.value.advice
