"""Wait for an endpoint, and prove that it answers: by the deploy that makes it, or by another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.endpoints.model import Endpoint, State
from planner.endpoints.talking.client import ChatClient, Reply
from planner.errors import (
    CloudError,
    InterruptedByUserError,
    NotFoundError,
    OutOfTouchError,
    PlannerError,
)

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

    from planner.endpoints.interface import Context, EndpointAdapter
    from planner.endpoints.model import Awaited

PROMPT = "In one sentence: why is the sky blue?"
_PROOF_TOKENS = 64
_ATTEMPTS = 3
_COMING = {State.CREATING, State.UPDATING, State.IN_SERVICE}


def follow(awaited: Awaited, adapter: EndpointAdapter, context: Context) -> Reply:
    """Wait until an endpoint is in service, and return its first answer."""
    adapter.wait(awaited, context)
    return ask(awaited, adapter, context)


def ask(awaited: Awaited, adapter: EndpointAdapter, context: Context) -> Reply:
    """Ask, and again where the answer was cut off: a tunnel breaks more easily than an engine.

    Raises:
        PlannerError: It does not answer, or says nothing.
    """
    for _ in range(_ATTEMPTS - 1):
        try:
            return context.patience.ask(lambda: _ask(awaited, adapter))
        except CloudError as error:
            context.progress(f"{error}: asking again", ())
        context.interruption.pause(context.pace.poll_s)
    return context.patience.ask(lambda: _ask(awaited, adapter))


def resume(endpoint: Endpoint, adapter: EndpointAdapter, context: Context) -> Reply:
    """Take up a deploy that nobody watches any more, from what the cloud shows alone.

    Raises:
        NotFoundError: There is no machine of it, or not for long.
        PlannerError: It has failed, or fails; it is not taken back without being asked for.
        OutOfTouchError: The cloud could not be asked for too long.
    """
    destroy = f"planner destroy {endpoint.name} --region {endpoint.region}"
    if endpoint.state is State.FAILED:
        why = "\n".join(filter(None, [endpoint.problem, _goes_on(endpoint)]))
        raise CloudError(f"{endpoint.name} has failed", why=why, advice=destroy)
    if endpoint.state not in _COMING:
        raise NotFoundError(
            f"nothing of {endpoint.name} runs: it is {endpoint.state}",
            why="its deploy ended before it had a machine, or it is gone",
            advice=f"{destroy}, then planner deploy again",
        )
    try:
        return follow(endpoint.awaited, adapter, context)
    except OutOfTouchError as error:
        raise lost_touch(endpoint.awaited, error, _goes_on(endpoint)) from error
    except InterruptedByUserError:
        raise
    except PlannerError as error:
        there = context.patience.ask(lambda: adapter.find(endpoint.name, endpoint.region))
        error.why = "\n".join(filter(None, [error.why, _goes_on(there) if there else ""]))
        error.advice = f"{error.advice}\n       {destroy}".strip()
        raise


def lost_touch(awaited: Awaited, error: OutOfTouchError, why: str) -> OutOfTouchError:
    """Return the error of an endpoint that cannot be looked at any more.

    Args:
        awaited: The endpoint.
        error: What ended the wait.
        why: What goes on meanwhile, as :func:`goes_on` says it.
    """
    return OutOfTouchError(
        f"lost touch with {awaited.name}: {error}",
        cause=error.cause,
        why=why,
        advice=f"planner resume {awaited.name} --region {awaited.region}",
    )


def goes_on(hourly_usd: Decimal | None, expires_at: datetime | None) -> str:
    """Say what an endpoint costs while nobody takes it away, and what ends it."""
    price = f" at ${hourly_usd:,.2f} an hour" if hourly_usd else ""
    if expires_at is None:
        return f"it goes on{price}; nothing ends it but you: it has no expiry"
    end = f"its end is ordered for {expires_at:%Y-%m-%d %H:%M} UTC"
    return f"what was made of it goes on{price}; {end}"


def _goes_on(endpoint: Endpoint) -> str:
    """Say likewise of an endpoint that the cloud shows; nothing where it costs nothing."""
    return goes_on(endpoint.hourly_usd, endpoint.expires_at) if endpoint.billed else ""


def _ask(awaited: Awaited, adapter: EndpointAdapter) -> Reply:
    there = Endpoint(
        name=awaited.name,
        cloud=adapter.cloud,
        service=adapter.service,
        region=awaited.region,
        state=State.IN_SERVICE,
        scales_to_zero=awaited.to_zero,
        # By name: the list of components is behind.
        parts=(f"component:{awaited.component}",) if awaited.component else (),
    )
    client = ChatClient(adapter.transport(there), awaited.model)
    reply = client.ask([{"role": "user", "content": PROMPT}], max_tokens=_PROOF_TOKENS)
    if not reply.text.strip():
        raise PlannerError(
            f"{awaited.name} is in service but answered nothing",
            advice=f"planner logs {awaited.name}",
        )
    return reply
