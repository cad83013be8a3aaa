"""The secrets of a machine, in whichever store its cloud keeps them.

The token for gated weights, and the keys of the way in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from planner.errors import NotFoundError

if TYPE_CHECKING:
    from planner.endpoints.model import DeploymentSpec, Endpoint, Secret


class Kept(NamedTuple):
    """A secret, and what people call it."""

    what: str
    value: Secret


def of(spec: DeploymentSpec, token: str = "token", key: str = "key") -> dict[str, Kept]:  # noqa: S107 - names
    """Return the secrets of a deployment by their names in the store.

    Args:
        spec: The deployment.
        token: What the store calls the token.
        key: What it calls the keys.
    """
    made = {}
    if spec.token is not None:
        made[token] = Kept("the token", spec.token)
    if spec.api_key is not None:
        made[key] = Kept("the key", spec.api_key)
    return made


def key_of(endpoint: Endpoint, kind: str, ending: str, store: str) -> str:
    """Return the name of the secret with the keys of an endpoint, from its parts.

    Args:
        endpoint: As its cloud shows it.
        kind: What its parts call a secret: ``parameter``.
        ending: How the names of those with keys end.
        store: For the error: ``Parameter Store``.

    Raises:
        NotFoundError: It is gone.
    """
    for part in endpoint.parts:
        of_kind, _, name = part.partition(":")
        if of_kind == kind and name.endswith(ending):
            return name
    raise NotFoundError(
        f"the key of {endpoint.name} is not in {store} any more",
        advice=f"planner destroy {endpoint.name}, then deploy it again",
    )
