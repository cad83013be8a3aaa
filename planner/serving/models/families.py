"""What a configuration does not say because the class of its family does: the whole list.

Everything else is read from keys. A family that is not named here is read as its keys stand.
Sources: the classes of Hugging Face transformers and of vLLM; each row was held against
published parameter counts (``tests/serving/models/corpus.jsonl``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from planner.serving.models.keys import HIDDEN, KeyProblemError, Words

if TYPE_CHECKING:
    from collections.abc import Mapping

_GEMMA_3 = {
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "head_dim": 256,
    "vocab_size": 262208,
    "max_position_embeddings": 131072,
    "sliding_window": 4096,
    "sliding_window_pattern": 6,
}
_JAMBA = {
    "attn_layer_period": 8,
    "attn_layer_offset": 4,
    "expert_layer_period": 2,
    "expert_layer_offset": 1,
    "mamba_d_state": 16,
    "mamba_d_conv": 4,
    "mamba_expand": 2,
}
_MAMBA_1 = {"state_size": 16, "conv_kernel": 4, "expand": 2}
DEFAULTS: dict[str, dict[str, Any]] = {
    "gemma": {"head_dim": 256},
    "gemma2": {"head_dim": 256, "sliding_window": 4096},
    "gemma3": _GEMMA_3,
    "gemma3_text": _GEMMA_3,
    "gpt_neox": {"intermediate_size": 24576},
    "jamba": _JAMBA,
    "mamba": _MAMBA_1,
    "falcon_mamba": _MAMBA_1,
    "mamba2": {"num_heads": 128, "head_dim": 64, "state_size": 128, "n_groups": 8},
    "qwen3_5": {"vocab_size": 248320, "attn_output_gate": True},
    "qwen3_5_moe": {"vocab_size": 248320, "attn_output_gate": True},
    "nemotron_h": {"mamba_ssm_cache_dtype": "float32"},
}

_TWO_MATRICES = {
    *("falcon", "refinedweb", "refinedwebmodel", "mpt", "bloom", "opt", "gpt2", "gpt_neo"),
    *("gpt_neox", "gptj", "codegen", "gpt_bigcode", "starcoder2", "phi", "nemotron"),
    *("persimmon", "arcee", "apertus", "nemotron_h", "mixformer-sequential", "phi-msft"),
}
_TWO_MATRIX_ACTIVATIONS = {"relu2", "xielu", "relu", "relu_squared"}
_TIED = {
    *("gemma", "gemma2", "gemma3", "gemma3_text", "gemma3n", "gemma3n_text", "gemma4"),
    *("gemma4_text", "falcon", "refinedweb", "refinedwebmodel", "bloom", "mpt", "opt", "gpt2"),
    *("gpt_neo", "gpt_bigcode", "cohere", "cohere2", "starcoder2", "mamba", "lfm2", "lfm2_moe"),
    *("smollm3", "falcon_mamba"),
}
_QKV_BIAS = {"qwen", "qwen2", "qwen2_moe", "qwen2_vl", "qwen2_5_vl", "qwen2_vl_text"}
_ALL_BIASES = {
    *("opt", "gpt2", "gpt_neo", "gpt_neox", "bloom", "phi", "gpt_bigcode", "starcoder2"),
    *("mixformer-sequential", "codegen"),
}
_FFN_BIASES = {"gptj"}
_LEARNED_POSITIONS = {"opt", "gpt2", "gpt_neo", "gpt_bigcode"}
_GATE_AND_UP_TOGETHER = {"qwen", "molmo"}
_GATED_SHARED_EXPERT = {"qwen2_moe", "qwen3_next", "qwen3_5_moe", "qwen3_5_moe_text"}
_FP16_OVERFLOWS = {"gemma2", "gemma3", "gemma3_text"}  # vllm/config/model.py
_NOT_EXPRESSIBLE = {
    "zamba": "its blocks share weights",
    "zamba2": "its blocks share weights",
    "longcat_flash": "it has two attentions a layer and empty experts",
    "rwkv": "it is no transformer",
    "rwkv7": "it is no transformer",
    "xlstm": "it is no transformer",
    "recurrent_gemma": "its recurrent blocks have no keys",
    "t5": "it is an encoder with a decoder",
    "mt5": "it is an encoder with a decoder",
    "bart": "it is an encoder with a decoder",
    "whisper": "it is an encoder with a decoder",
    "bert": "it is an encoder",
    "clip": "it is an encoder",
}
FAMILIES = {
    *DEFAULTS,
    *_TWO_MATRICES,
    *_TIED,
    *_QKV_BIAS,
    *_GATED_SHARED_EXPERT,
    *("llama", "mistral", "mistral3", "mistral4", "mixtral", "qwen3", "qwen3_moe", "qwen3_5"),
    *("qwen3_vl", "qwen3_vl_moe", "phi3", "phimoe", "gpt_oss", "llama4", "llama4_text", "kimi_k2"),
    *("deepseek", "deepseek_v2", "deepseek_v3", "deepseek_v32", "deepseek_v4", "glm", "glm4"),
    *("glm4_moe", "glm_moe_dsa", "glm4v", "chatglm", "dbrx", "granite", "granitemoe", "stablelm"),
    *("granitemoehybrid", "olmo", "olmo2", "olmo3", "exaone4", "internlm2", "internlm3"),
    *("minimax", "minimax_m1", "minimax_m2", "minimax_m3", "kimi_linear", "kimi_k3", "falcon_h1"),
    *("hunyuan", "hunyuan_v1_dense", "hunyuan_v1_moe", "seed_oss", "ernie4_5", "ernie4_5_moe"),
    *("bailing_moe", "bailing_hybrid", "nemotron-nas", "llava", "qwen3_5_text", "mllama"),
}
"""Values of ``model_type`` that were held against a published count, or are of such a kind."""


class Family:
    """The names of a model's family and what they imply."""

    def __init__(self, config: Mapping[str, Any], words: Words) -> None:
        outer, inner = str(config.get("model_type") or ""), words.text("model_type")
        self.name = inner or outer
        self._names = {inner.casefold(), outer.casefold()} - {""}
        self._words = words

    def __repr__(self) -> str:
        """Show the name."""
        return f"Family({self.name!r})"

    def is_one_of(self, *names: str) -> bool:
        """Tell whether the model, or the wrapper it stands in, is of a family."""
        return bool(self._names & set(names))

    @property
    def known(self) -> bool:
        """Whether a model of this family was held against a published count."""
        return bool(self._names) and not self.unknown

    @property
    def unknown(self) -> str:
        """The name, of the model or its wrapper, that planner does not know; empty for none."""
        return next(iter(sorted(self._names - FAMILIES)), "")

    @property
    def matrices(self) -> int:
        """Matrices of a feed-forward layer: gate, up and down, or up and down."""
        activation = self._words.text("hidden_act", "mlp_hidden_act", "hidden_activation")
        two = self.is_one_of(*_TWO_MATRICES) or activation in _TWO_MATRIX_ACTIVATIONS
        return 2 if two else 3

    @property
    def tied(self) -> bool:
        """Whether the input table is the output head as well."""
        named = self._words.raw("tie_word_embeddings", "tied_embeddings")
        return self.is_one_of(*_TIED) if named is None else bool(named)

    @property
    def qkv_bias(self) -> bool:
        """Whether queries, keys and values have biases."""
        words = self._words
        named = words.flag("attention_bias") or words.flag("qkv_bias") or words.flag("add_qkv_bias")
        return named or self.all_biases or self.is_one_of(*_QKV_BIAS)

    @property
    def all_biases(self) -> bool:
        """Whether output and feed-forward matrices have biases too."""
        return self.is_one_of(*_ALL_BIASES)

    @property
    def ffn_bias(self) -> bool:
        """Whether feed-forward matrices have biases."""
        return self.all_biases or self.is_one_of(*_FFN_BIASES) or self._words.flag("mlp_bias")

    @property
    def learned_positions(self) -> bool:
        """Whether positions are a table of weights."""
        if self.is_one_of("mpt"):
            return self._words.raw("alibi") is False
        return self.is_one_of(*_LEARNED_POSITIONS)

    @property
    def gate_and_up_together(self) -> bool:
        """Whether the feed-forward width counts gate and up together."""
        return self.is_one_of(*_GATE_AND_UP_TOGETHER)

    @property
    def output_gate(self) -> bool:
        """Whether attention has a gate as wide as its output."""
        implied = self.is_one_of("qwen3_next", "muse_glimmer", "muse_glimmer_text")
        return self._words.flag("attn_output_gate", default=implied)

    @property
    def gated_shared_expert(self) -> bool:
        """Whether the shared expert has a gate of its own."""
        return self.is_one_of(*_GATED_SHARED_EXPERT)

    @property
    def fp16_safe(self) -> bool:
        """Whether the model works in fp16."""
        return not self.is_one_of(*_FP16_OVERFLOWS)


def completed(
    config: Mapping[str, Any], words: Words, *, lenient: bool = False
) -> tuple[Words, Family]:
    """Return the words with what the class of their family fills in, and the family.

    Args:
        config: The whole configuration.
        words: Of the language model.
        lenient: Whether families that cannot be counted are read all the same, because the
            number of weights is known from elsewhere.

    Raises:
        KeyProblemError: The model is of a kind that a configuration cannot express, or nothing
            but its family is named.
    """
    family = Family(config, words)
    for name, why in _NOT_EXPRESSIBLE.items():
        if family.is_one_of(name) and not lenient:
            raise KeyProblemError(f"a {name} cannot be counted from its configuration: {why}")
    if not words.has(*HIDDEN):
        raise KeyProblemError("hidden_size is missing")
    defaults: dict[str, Any] = {}
    for name in (str(config.get("model_type") or ""), family.name):
        defaults |= DEFAULTS.get(name, {})
    named = {key: value for key, value in words.values.items() if value is not None}
    if {"layer_types", "_sliding_window_pattern"} & set(named):
        defaults.pop("sliding_window_pattern", None)
    return Words({**defaults, **named}), Family(config, Words({**defaults, **named}))
