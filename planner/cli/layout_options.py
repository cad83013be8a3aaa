"""The options that decide how a machine runs a model: its load, its targets, its engine."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import click

from planner.cli.words import Choice, Tokens

if TYPE_CHECKING:
    from collections.abc import Callable

_SECONDS = {"ms": 1e-3, "s": 1.0}
ANY_TIME = "any"


def to_seconds(
    _context: click.Context, _parameter: click.Parameter, value: str | None
) -> float | None:
    """Return the seconds of a text such as ``2s`` or ``50ms``; None for ``any``."""
    if value is None or value.casefold() == ANY_TIME:
        return None
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s)", value.strip())
    if match is None or float(match[1]) <= 0:
        raise click.BadParameter(f"{value!r} is no time; say 2s, 50ms or {ANY_TIME}")
    return float(match[1]) * _SECONDS[match[2]]


def load_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add what a request looks like and what its user must feel."""
    options = (
        click.option(
            "--input-tokens", type=Tokens(), default=1024, show_default=True, help="Prompt length."
        ),
        click.option(
            "--output-tokens", type=Tokens(), default=1024, show_default=True, help="Answer length."
        ),
        target_options(tpot="200ms"),
    )
    return _with(options, function)


def target_options(*, tpot: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return what adds the cached share and the targets; ``tpot`` is a default."""
    cached = (
        click.option(
            "--cached",
            "cached_share",
            type=float,
            default=0.0,
            show_default=True,
            metavar="SHARE",
            help="Share of the prompt that the engine has in its prefix cache.",
        ),
    )
    return lambda function: _with(cached, latency_options(tpot=tpot)(function))


def latency_options(*, tpot: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return what adds the targets alone; ``tpot`` is a default."""
    options = (
        click.option(
            "--ttft",
            "ttft_s",
            callback=to_seconds,
            default="2s",
            show_default=True,
            metavar="TIME",
            help="19 of 20 requests get their first token within this; any: it does not matter.",
        ),
        click.option(
            "--tpot",
            "tpot_s",
            callback=to_seconds,
            default=tpot,
            show_default=True,
            metavar="TIME",
            help="And each further token within this.",
        ),
    )
    return lambda function: _with(options, function)


def engine_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add which engine serves, and of which generation."""
    options = (
        click.option(
            "--engine",
            type=Choice(["vllm", "tensorrt-llm", "tgi", "sglang"]),
            default="vllm",
            show_default=True,
            help="What serves the model.",
        ),
        click.option(
            "--engine-generation",
            metavar="YEAR",
            help="Release that speeds are stated for.  [default: what planner deploys]",
        ),
    )
    return _with(options, function)


def memory_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add what the engine is told about memory."""
    options = (
        click.option(
            "--kv-precision",
            type=Choice(["fp16", "fp8"]),
            help="Of the KV cache; fp8 holds twice the tokens.  [default: what the engine keeps]",
        ),
        click.option(
            "--gpu-memory-utilization",
            type=float,
            metavar="SHARE",
            help="Of each GPU's memory, that the engine takes.  [default: the engine's, 0.9]",
        ),
        click.option(
            "--max-num-seqs",
            type=click.IntRange(min=1),
            metavar="N",
            help="Requests of one copy in flight at most.  [default: the engine's]",
        ),
    )
    return _with(options, function)


def _with(options: tuple[Any, ...], function: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(options):
        function = option(function)
    return function
