"""Who may reach a machine's engine, and how: a tunnel, or an address with TLS and keys. Pure."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from planner.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

EVERYBODY = "0.0.0.0/0"
HTTPS, HTTP = 443, 80
_DOMAIN = re.compile(r"(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}")
_GROUP = re.compile(r"sg-[0-9a-f]{8,17}")


class Access(StrEnum):
    """The ways in."""

    TUNNEL = "tunnel"
    """Nothing comes in; the user's own sign-in opens a tunnel."""
    PRIVATE = "private"
    """At the machine's address in its network."""
    PUBLIC = "public"
    """At its address on the internet."""


@dataclass(frozen=True, slots=True)
class Ingress:
    """The way in that the user chose.

    Attributes:
        allow: Networks (``203.0.113.0/24``) and AWS security groups that are let in.
        domain: Whose certificate is fetched; empty: one of the machine's own.
    """

    access: Access = Access.TUNNEL
    allow: tuple[str, ...] = ()
    domain: str = ""

    @classmethod
    def of(cls, access: str, allow: Sequence[str], domain: str) -> Ingress:
        """Return what the user's words come to.

        Raises:
            UsageError: They contradict each other, or are no networks and no domain.
        """
        way = Access(access)
        if way is Access.TUNNEL:
            if allow or domain:
                named = "--allow" if allow else "--domain"
                raise UsageError(
                    f"{named} is for a machine with an address",
                    why="a tunnel lets nobody in but you",
                    advice="--access public or --access private",
                )
            return cls()
        if not allow:
            raise UsageError(
                f"--access {way} needs --allow: who may come to the door",
                advice=f"--allow 203.0.113.7 (an address or network), or --allow {EVERYBODY} "
                "(everybody; the key still decides)",
            )
        made = cls(way, tuple(sorted({_source(text) for text in allow})), domain.lower())
        if domain:
            made._check_domain()
        return made

    def _check_domain(self) -> None:
        if _DOMAIN.fullmatch(self.domain) is None:
            raise UsageError(
                f"{self.domain!r} is no name of a host", advice="--domain llm.example.com"
            )
        if self.access is not Access.PUBLIC or EVERYBODY not in self.allow:
            raise UsageError(
                "--domain needs an address that everybody reaches",
                why="who issues the certificate looks at the machine from anywhere first",
                advice=f"--access public --allow {EVERYBODY} (the key still decides), or leave "
                "--domain out: the certificate is then one that planner hands over",
            )

    @property
    def is_open(self) -> bool:
        """Tell whether the machine takes anything from outside."""
        return self.access is not Access.TUNNEL

    @property
    def ports(self) -> tuple[int, ...]:
        """Return the ports that are opened; a certificate may be fetched over plain HTTP."""
        if not self.is_open:
            return ()
        return (HTTPS, HTTP) if self.domain else (HTTPS,)

    @property
    def networks(self) -> list[str]:
        """Return the networks that are let in."""
        return [item for item in self.allow if not item.startswith("sg-")]

    @property
    def security_groups(self) -> list[str]:
        """Return the security groups of AWS whose machines are let in."""
        return [item for item in self.allow if item.startswith("sg-")]

    @property
    def tag(self) -> str:
        """Return it for a tag, without who is let in; empty for a tunnel."""
        return f"{self.access} {self.domain}".strip() if self.is_open else ""

    @property
    def words(self) -> str:
        """Return it as people read it."""
        at = f" at {self.domain}" if self.domain else ""
        return f"{self.access}{at}, from {', '.join(self.allow)}" if self.is_open else self.access

    @classmethod
    def of_tag(cls, tag: str) -> Ingress:
        """Return what a tag says; whom the machine lets in it does not."""
        access, _, domain = tag.partition(" ")
        return cls(Access(access), (), domain) if access in set(Access) else cls()


def _source(text: str) -> str:
    """Return a network or security group in the one form that the clouds show."""
    if _GROUP.fullmatch(text):
        return text
    try:
        found = ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        raise UsageError(
            f"{text!r} is no network", why=str(error), advice="--allow 203.0.113.0/24"
        ) from error
    if found.version != ipaddress.IPv4Network(EVERYBODY).version:
        raise UsageError(
            f"{text} is a network of IPv6, and planner's machines have addresses of IPv4",
            advice="--allow 203.0.113.0/24",
        )
    return str(found)
