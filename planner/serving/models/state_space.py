"""State-space and linear-attention layers: weights, and a state for each sequence.

A state does not grow with the sequence. Most engines keep it in 16 bits; the recurrent part is
kept in 32 where the configuration says so. The part of the convolution stays at 16.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.serving.models import keys
from planner.serving.models.keys import KeyProblemError
from planner.serving.models.model import Cache
from planner.serving.models.modules import linears, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from planner.serving.models.keys import Words
    from planner.serving.models.modules import Module

_HALF, _SINGLE = 2, 4
_KERNEL = ("linear_conv_kernel_dim", "mamba_d_conv", "conv_kernel", "short_conv_kernel_size")


def modules(words: Words, kind: str, where: str) -> Iterator[Module]:
    """Yield the weights of a layer of a kind.

    Raises:
        KeyProblemError: A key is missing.
    """
    yield from _MODULES[kind](words, where)


def cache(words: Words, kind: str) -> Cache:
    """Return what a layer of a kind keeps of a sequence.

    Raises:
        KeyProblemError: A key is missing.
    """
    return Cache(kind, 1, state_bytes=_STATES[kind](words))


def _convolution_width(words: Words) -> int:
    """Return the bytes of a number of a convolution's state; llama.cpp keeps all in 32 bits."""
    return _SINGLE if words.flag("all_state_float32") else _HALF


def _state_width(words: Words) -> int:
    if words.flag("all_state_float32"):
        return _SINGLE
    single = words.text("mamba_ssm_dtype", "mamba_ssm_cache_dtype").endswith("float32")
    return _SINGLE if single else _HALF


def _kernel(words: Words) -> int:
    return words.integer(*_KERNEL) or _SINGLE


def _mamba_1_sizes(words: Words) -> tuple[int, int, int, int]:
    """Return hidden size, inner size, state and rank of the time steps."""
    hidden = words.need(*keys.HIDDEN)
    expand = words.integer("mamba_expand", "expand") or 2
    pure = not words.has(*keys.HEADS)
    inner = (words.integer("intermediate_size") if pure else None) or expand * hidden
    state = words.integer("mamba_d_state", "state_size") or 16
    rank = words.raw("mamba_dt_rank", "time_step_rank")
    return hidden, inner, state, rank if isinstance(rank, int) else -(-hidden // 16)


def _mamba_1(words: Words, where: str) -> Iterator[Module]:
    hidden, inner, state, rank = _mamba_1_sizes(words)
    yield from linears(
        where,
        "mixer",
        in_proj=2 * hidden * inner,
        x_proj=inner * (rank + 2 * state),
        dt_proj=rank * inner,
        out_proj=inner * hidden,
    )
    rest = inner * (_kernel(words) + 1) + 2 * inner + inner * state
    yield from plain(f"{where}.conv1d", "mixer", rest)


def _mamba_1_state(words: Words) -> float:
    _, inner, state, _ = _mamba_1_sizes(words)
    return inner * (_kernel(words) - 1) * _convolution_width(words) + inner * state * _state_width(
        words
    )


def _mamba_2_sizes(words: Words) -> tuple[int, int, int, int, int]:
    """Return hidden size, heads, inner size, state times groups, and state."""
    hidden = words.need(*keys.HIDDEN)
    count = words.need("mamba_num_heads", "mamba_n_heads", "num_heads")
    width = words.raw("mamba_head_dim", "mamba_d_head")
    if isinstance(width, int) and width:
        inner = count * width
    elif words.has("mamba_d_ssm", "mamba_expand", "expand"):
        inner = words.integer("mamba_d_ssm") or hidden * words.need("mamba_expand", "expand")
    else:
        inner = count * words.need("head_dim")
    state = words.need("ssm_state_size", "mamba_d_state", "state_size")
    groups = words.integer("n_groups", "mamba_n_groups") or 1
    return hidden, count, inner, state * groups, state


def _mamba_2(words: Words, where: str) -> Iterator[Module]:
    hidden, count, inner, grouped, _ = _mamba_2_sizes(words)
    yield from linears(
        where,
        "mixer",
        in_proj=hidden * (2 * inner + 2 * grouped + count),
        out_proj=inner * hidden,
    )
    rest = (inner + 2 * grouped) * (_kernel(words) + 1) + 3 * count + inner
    yield from plain(f"{where}.conv1d", "mixer", rest)


def _mamba_2_state(words: Words) -> float:
    _, _, inner, grouped, state = _mamba_2_sizes(words)
    convolution = (inner + 2 * grouped) * (_kernel(words) - 1) * _convolution_width(words)
    return convolution + inner * state * _state_width(words)


def _delta_sizes(words: Words) -> tuple[int, int, int, int]:
    """Return queries, values and value heads of a gated delta net, and the width of a key."""
    width = words.need("linear_key_head_dim")
    value_heads = words.need("linear_num_value_heads")
    values = value_heads * words.need("linear_value_head_dim")
    return words.need("linear_num_key_heads") * width, values, value_heads, width


def _delta(words: Words, where: str) -> Iterator[Module]:
    hidden = words.need(*keys.HIDDEN)
    queries, values, value_heads, _ = _delta_sizes(words)
    yield from linears(
        where,
        "mixer",
        in_proj_qkv=hidden * (2 * queries + values),
        in_proj_z=hidden * values,
        in_proj_ba=2 * hidden * value_heads,
        out_proj=values * hidden,
    )
    rest = (2 * queries + values) * _kernel(words) + 2 * value_heads + values // value_heads
    yield from plain(f"{where}.conv1d", "mixer", rest)


def _delta_state(words: Words) -> float:
    queries, values, _, width = _delta_sizes(words)
    convolution = (2 * queries + values) * (_kernel(words) - 1) * _convolution_width(words)
    return convolution + values * width * _state_width(words)


def _kda_sizes(words: Words) -> tuple[int, int, int]:
    """Return heads, their width, and the kernel of Kimi's delta attention."""
    inner = words.inner("linear_attn_config")
    count = inner.integer("num_heads") or words.need("linear_num_heads", *keys.HEADS)
    width = inner.integer("head_dim") or words.need("linear_head_dim", "head_dim")
    return count, width, inner.integer("short_conv_kernel_size") or _kernel(words)


def _kda(words: Words, where: str) -> Iterator[Module]:
    hidden = words.need(*keys.HIDDEN)
    count, width, kernel = _kda_sizes(words)
    wide = count * width
    low_rank = hidden * width + width * wide
    full_gate = words.inner("linear_attn_config").flag("use_full_rank_gate")
    all_full = words.text("model_type") == "bailing_hybrid"
    yield from linears(
        where,
        "mixer",
        q_proj=hidden * wide,
        k_proj=hidden * wide,
        v_proj=hidden * wide,
        f_proj=hidden * wide if all_full else low_rank,
        g_proj=hidden * wide if full_gate or all_full else low_rank,
        b_proj=hidden * count,
        o_proj=wide * hidden,
    )
    yield from plain(f"{where}.conv1d", "mixer", 3 * wide * kernel + wide + count + width)


def _kda_state(words: Words) -> float:
    count, width, kernel = _kda_sizes(words)
    return (
        3 * count * width * (kernel - 1) * _convolution_width(words)
        + count * width * width * _SINGLE
    )


def _lightning_sizes(words: Words) -> tuple[int, int, int]:
    hidden, count = words.need(*keys.HIDDEN), words.need(*keys.HEADS)
    return hidden, count, words.integer(*keys.HEAD_DIM) or hidden // count


def _lightning(words: Words, where: str) -> Iterator[Module]:
    hidden, count, width = _lightning_sizes(words)
    wide = count * width
    yield from linears(
        where,
        "mixer",
        qkv_proj=3 * hidden * wide,
        output_gate=hidden * wide,
        out_proj=wide * hidden,
    )
    yield from plain(f"{where}.norm", "norms", wide)


def _lightning_state(words: Words) -> float:
    _, count, width = _lightning_sizes(words)
    return count * width * width * _SINGLE


def _convolution(words: Words, where: str) -> Iterator[Module]:
    hidden = words.need(*keys.HIDDEN)
    yield from linears(where, "mixer", in_proj=3 * hidden * hidden, out_proj=hidden * hidden)
    yield from plain(f"{where}.conv", "mixer", _conv_length(words) * hidden)


def _convolution_state(words: Words) -> float:
    return words.need(*keys.HIDDEN) * (_conv_length(words) - 1) * _convolution_width(words)


def _conv_length(words: Words) -> int:
    length = words.integer("conv_L_cache", "conv_kernel", "conv_l_cache")
    if length == 0:
        raise KeyProblemError("conv_L_cache is 0")
    return length or 3


def _linear(words: Words, where: str) -> Iterator[Module]:
    """Yield the one matrix that architecture search put in the place of attention."""
    yield from linears(where, "attention", linear_attn=words.need(*keys.HIDDEN) ** 2)


_MODULES: dict[str, Callable[[Words, str], Iterator[Module]]] = {
    "mamba1": _mamba_1,
    "mamba2": _mamba_2,
    "delta": _delta,
    "kda": _kda,
    "lightning": _lightning,
    "conv": _convolution,
    "linear": _linear,
}
_STATES: dict[str, Callable[[Words], float]] = {
    "mamba1": _mamba_1_state,
    "mamba2": _mamba_2_state,
    "delta": _delta_state,
    "kda": _kda_state,
    "lightning": _lightning_state,
    "conv": _convolution_state,
    "linear": lambda _words: 0.0,
}
