"""What a comparison is asked, and whether the question makes sense."""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan
from typing import TYPE_CHECKING

from planner.errors import UnknownNameError, UsageError
from planner.pricing.cost import HOURS_PER_MONTH

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date
    from decimal import Decimal

    from planner.serving.models import Model

CLOUDS = ("aws", "azure", "gcp")
SERVICES = ("ec2", "sagemaker", "azure-vm", "gce")
ANY_PRECISION = "any"
_DEFAULT_CONTEXT = 4096
# So many names fit in an error; more are listed by a command.
_FEW = 8
_HOURS_IN_LONGEST_MONTH = 744


@dataclass(frozen=True, slots=True)
class LocalCards:
    """The cards a user owns and what they cost; an empty field is not known.

    Attributes:
        cards: ``RTX-4090`` or ``2xRTX-4090``.
        purchase_usd: Price of one card.
    """

    cards: tuple[str, ...] = ()
    purchase_usd: Decimal | None = None
    usd_per_kwh: Decimal | None = None
    amortization_months: int = 36


@dataclass(frozen=True, slots=True)
class Request:
    """What to compare; the defaults are what the command line uses.

    Attributes:
        precision: None for the model's own; ``any`` for a row per precision that fits.
        context: Tokens of one request, prompt and answer, that the KV cache must hold; None
            for 4096 or the model's longest, whichever is less.
        concurrency: Requests of that length that must fit at once.
        input_tokens: Prompt length at which speed is given; output_tokens likewise.
        utilization: Share of the saturated speed that is really used, for cost per token.
        geo: ``us``, ``eu``, ``ap`` or ``all``; not used where regions are named.
        payment_options: Of the commitment; empty for any, the cheapest wins.
        max_instances: None for one, and up to four where no single machine is enough.
        tensor_parallel: GPUs that share each layer; None for as many as the heads allow.
        top: Keep only the first so many plans.
        every_region: One row per region instead of the cheapest region only.
    """

    model: str
    precision: str | None = None
    context: int | None = None
    concurrency: int = 4
    input_tokens: int = 1024
    output_tokens: int = 1024
    utilization: float = 0.5
    hours_per_month: Decimal = HOURS_PER_MONTH
    as_of: date | None = None
    geo: str = "us"
    clouds: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    accelerators: tuple[str, ...] = ()
    instance_types: tuple[str, ...] = ()
    payment_options: tuple[str, ...] = ()
    max_monthly: Decimal | None = None
    max_instances: int | None = None
    tensor_parallel: int | None = None
    include_neuron: bool = False
    estimates: bool = True
    every_region: bool = False
    sort: str = "on-demand"
    top: int | None = None
    local: LocalCards = LocalCards()


def context_of(request: Request, model: Model) -> int:
    """Return the context that the request means for this model."""
    return min(_DEFAULT_CONTEXT, model.max_context) if request.context is None else request.context


def check_numbers(request: Request, model: Model) -> None:
    """Raise UsageError where a number of the request makes no sense."""
    positive = {
        "--context": request.context,
        "--concurrency": request.concurrency,
        "--input-tokens": request.input_tokens,
        "--output-tokens": request.output_tokens,
        "--hours-per-month": request.hours_per_month,
        "--max-monthly": request.max_monthly,
        "--max-instances": request.max_instances,
    }
    for name, value in positive.items():
        if value is not None and (isnan(value) or value <= 0):
            raise UsageError(
                f"{name} must be positive", why=f"it is {value}", advice="a number above 0"
            )
    if not 0 < request.utilization <= 1:
        raise UsageError(
            "--utilization must be above 0 and at most 1",
            why=f"it is {request.utilization}",
            advice="--utilization 0.5",
        )
    if request.hours_per_month > _HOURS_IN_LONGEST_MONTH:
        raise UsageError(
            f"a month has at most {_HOURS_IN_LONGEST_MONTH} hours",
            why=f"--hours-per-month is {request.hours_per_month}",
        )
    if context_of(request, model) > model.max_context:
        raise UsageError(
            f"{model.name} handles at most {model.max_context} tokens of context",
            why=f"--context is {request.context}",
            advice=f"--context {model.max_context}",
        )


def check_names(kind: str, given: Iterable[str], known: Iterable[str]) -> None:
    """Raise UnknownNameError for a name that is not known."""
    known = tuple(known)
    for name in given:
        if name not in known:
            raise UnknownNameError(
                kind,
                name,
                known,
                advice=f"one of: {', '.join(known)}"
                if len(known) <= _FEW
                else "planner prices --geo all, which shows them",
            )
