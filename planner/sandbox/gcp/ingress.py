"""The way in to a simulated machine of Compute Engine: its firewall, and the keys in its secret.

Documented: a rule with the lower number comes first, and goes by the machine's tags; a machine
reads a secret only where a policy names its account.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

from planner.sandbox import ingress

if TYPE_CHECKING:
    from collections.abc import Callable

    from planner.sandbox.boot import Script
    from planner.sandbox.world import World


def listen(
    world: World, name: str, item: dict[str, Any], script: Script, answers: Callable[[], bool]
) -> str:
    """Open the way in to a machine, and return where.

    Args:
        world: Where it is.
        name: What tells it from all others.
        item: The machine.
        script: Of its start.
        answers: Tells whether its engine listens.
    """
    emails = {f"serviceAccount:{account['email']}" for account in item.get("serviceAccounts", [])}

    def keys() -> str:
        secret = world.notes["gcp-secrets"].get(script.key, {})
        bindings = secret.get("_policy", {}).get("bindings", [])
        readers = {member for binding in bindings for member in binding["members"]}
        return secret.get("_data", b"").decode() if emails & readers else ""

    machine = ingress.Machine(name, keys, lambda: _admitted(world, item), answers)
    return ingress.listen(world, machine)


def _admitted(world: World, item: dict[str, Any]) -> list[str]:
    """Return the networks that the firewall admits to HTTPS before a rule denies them."""
    tags = set(item.get("tags", {}).get("items", []))
    rules = [
        rule
        for rule in world.notes["gcp-firewalls"].values()
        if tags & set(rule.get("targetTags", []))
    ]
    denials = [rule["priority"] for rule in rules if rule.get("denied")]
    return [
        str(ipaddress.ip_network(source))
        for rule in rules
        if rule["priority"] < min(denials, default=65536)
        for allowed in rule.get("allowed", [])
        if str(ingress.HTTPS) in allowed.get("ports", [])
        for source in rule.get("sourceRanges", [])
    ]
