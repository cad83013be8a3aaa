"""The state of the explorer: what stands in its address, and the request that it means."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlencode

from planner.errors import UsageError
from planner.planning import Request
from planner.pricing.regions import GEOS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")
DEFAULT_MODEL = "llama-2-70b"
PRECISIONS = ("bf16", "fp16", "fp8", "int8", "int4", "fp4", "mxfp4", "any")
KV_PRECISIONS = ("fp16", "fp8")
ANY_TIME = "any"
PAYMENTS = ("no_upfront", "partial_upfront", "all_upfront")
_LONGEST_NUMBER = 12
_MOST_TOKENS = 10_000_000
# What the form calls each field, and what it may be at least and at most. One address must not
# keep the server busy: an hour a month, for example, is the least that is worth a question.
LABELS = {
    "context": "Context",
    "concurrency": "Requests at once",
    "input_tokens": "Prompt",
    "output_tokens": "Answer",
    "ttft": "First token",
    "tpot": "Each token",
    "utilization": "Used",
    "hours": "Hours a month",
    "kv": "KV cache",
    "payment": "Commitment paid",
    "as_of": "Date",
}
_BOUNDS: dict[str, tuple[float, float]] = {
    "context": (1, _MOST_TOKENS),
    "concurrency": (1, 10_000),
    "input_tokens": (1, _MOST_TOKENS),
    "output_tokens": (1, _MOST_TOKENS),
    "ttft": (0.001, 3600),
    "tpot": (0.1, 60_000),
    "utilization": (1, 100),
    "hours": (1, 744),
}
# The words of the command line for what the form calls otherwise.
_OPTIONS = {
    "--hours-per-month": LABELS["hours"],
    "--kv-precision": LABELS["kv"],
    "--payment-option": LABELS["payment"],
    "--utilization": LABELS["utilization"],
    "--input-tokens": LABELS["input_tokens"],
    "--output-tokens": LABELS["output_tokens"],
    "--as-of": LABELS["as_of"],
    "--concurrency": LABELS["concurrency"],
    "--ttft": LABELS["ttft"],
    "--tpot": LABELS["tpot"],
}


@dataclass(frozen=True, slots=True)
class State:
    """What the form says, as text; an empty field is the default.

    Attributes:
        ttft: Seconds to the first token; ``any`` where it does not matter.
        tpot: Milliseconds a token, likewise.
        kv: Precision of the KV cache.
        payment: How a commitment may be paid.
    """

    model: str = DEFAULT_MODEL
    precision: str = ""
    context: str = ""
    concurrency: str = ""
    input_tokens: str = ""
    output_tokens: str = ""
    ttft: str = ""
    tpot: str = ""
    kv: str = ""
    geo: str = "us"
    utilization: str = ""
    hours: str = ""
    payment: str = ""
    as_of: str = ""

    @classmethod
    def of(cls, query: Mapping[str, str]) -> State:
        """Return the state that a query string holds; what it does not know is ignored."""
        known = {name: query[name].strip() for name in cls.__slots__ if query.get(name, "").strip()}
        return cls(**known)

    def address(self) -> str:
        """Return the query string, without what is the default."""
        default = State()
        said = {
            name: value
            for name in self.__slots__
            if (value := getattr(self, name)) != getattr(default, name)
        }
        return urlencode(said)

    def request(self) -> Request:
        """Return the request that the form means.

        Raises:
            UsageError: A field holds something else than it should.
        """
        _one_of("precision", self.precision, PRECISIONS)
        _one_of("geo", self.geo, GEOS)
        _one_of("kv", self.kv, KV_PRECISIONS)
        _one_of("payment", self.payment, PAYMENTS)
        default = Request(self.model)
        return Request(
            model=self.model,
            precision=self.precision or None,
            context=_number("context", self.context, int),
            concurrency=_given(_number("concurrency", self.concurrency, int), default.concurrency),
            input_tokens=_given(
                _number("input_tokens", self.input_tokens, int), default.input_tokens
            ),
            output_tokens=_given(
                _number("output_tokens", self.output_tokens, int), default.output_tokens
            ),
            ttft_s=_time("ttft", self.ttft, 1.0, default.ttft_s),
            tpot_s=_time("tpot", self.tpot, 1000.0, default.tpot_s),
            kv_precision=self.kv or None,
            geo=self.geo,
            utilization=_given(_percent(self.utilization), default.utilization),
            hours_per_month=_given(_number("hours", self.hours, Decimal), default.hours_per_month),
            payment_options=(self.payment,) if self.payment else (),
            as_of=_number("as_of", self.as_of, date.fromisoformat),
        )

    def command(self) -> str:
        """Return what to type for the same comparison; only for a state that makes a request."""
        request, default = self.request(), Request(self.model)
        words = ["planner report", self.model]
        if request.precision:
            words.append(f"--precision {request.precision}")
        if request.context is not None:
            words.append(f"--context {request.context}")
        for option, value, usual in (
            ("--concurrency", request.concurrency, default.concurrency),
            ("--input-tokens", request.input_tokens, default.input_tokens),
            ("--output-tokens", request.output_tokens, default.output_tokens),
            ("--ttft", _said(request.ttft_s), _said(default.ttft_s)),
            ("--tpot", _said(request.tpot_s), _said(default.tpot_s)),
            ("--kv-precision", request.kv_precision, default.kv_precision),
            ("--geo", request.geo, default.geo),
            ("--utilization", request.utilization, default.utilization),
            ("--hours-per-month", request.hours_per_month, default.hours_per_month),
        ):
            if value != usual:
                words.append(f"{option} {value}")
        words += [f"--payment-option {option}" for option in request.payment_options]
        if request.as_of is not None:
            words.append(f"--as-of {request.as_of}")
        return f"{' '.join(words)} -o report.html"


def in_words_of_the_form(text: str) -> str:
    """Return a message of planner with the form's labels for the command line's options."""
    for option, label in _OPTIONS.items():
        text = text.replace(option, label)
    return re.sub(r"--([a-z]+)", lambda found: found[1].capitalize(), text)


def _one_of(field: str, value: str, known: tuple[str, ...]) -> None:
    if value and value not in known:
        raise UsageError(
            f"{LABELS.get(field, field)} cannot be {value[:40]!r}",
            why=f"it is one of {', '.join(known)}",
            advice="",
        )


def _given(value: T | None, default: T) -> T:
    """Return the value; the default only where the field is empty, never for a 0."""
    return default if value is None else value


def _number(field: str, text: str, make: Callable[[str], T]) -> T | None:
    if not text:
        return None
    label = LABELS[field]
    try:
        value = make(text) if len(text) <= _LONGEST_NUMBER else None
    except (ValueError, InvalidOperation):
        value = None
    if value is None:
        raise UsageError(f"{label} cannot be {text[:40]!r}", why="it does not read so")
    low, high = _BOUNDS.get(field, (None, None))
    # "not (a <= b)" refuses what is not a number (nan) as well.
    if low is not None and high is not None and not low <= float(value) <= high:  # type: ignore[arg-type] # fields with bounds are numbers
        raise UsageError(
            f"{label} cannot be {text[:40]!r}",
            why=f"it must be from {low:,g} to {high:,g}",
        )
    return value


def _time(field: str, text: str, in_a_second: float, default: float | None) -> float | None:
    """Return the seconds of a field; None where any time will do."""
    if text == ANY_TIME:
        return None
    value = _number(field, text, float)
    return default if value is None else value / in_a_second


def _said(seconds: float | None) -> str:
    """Return a time as the command line takes it."""
    return ANY_TIME if seconds is None else f"{seconds:g}s"


def _percent(text: str) -> float | None:
    value = _number("utilization", text, float)
    return None if value is None else value / 100
