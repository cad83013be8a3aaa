"""A Llama with grouped-query attention and random weights, made on the spot: under 1 MB.

It speaks words of a short list in no sensible order. It proves that requests, chat templates,
streaming and token counts work end to end through a real engine, and nothing about quality.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

_LAYERS, _HIDDEN, _HEADS, _KV_HEADS, _FEED_FORWARD, _CONTEXT = 2, 64, 4, 2, 128, 8192
_WORDS = (  # noqa: SIM905 - readable as a text
    "the a sky is blue because light of sun short waves air scatters more than long and so it "
    "looks that way to our eyes when we look up at noon but red in evening far path through "
    "small things moves sea model answers from random weights"
).split()
_TEMPLATE = (
    "{% for message in messages %}{{ message['role'] + ': ' + message['content'] + '\n' }}"
    "{% endfor %}assistant:"
)
_NORMAL, _UNKNOWN, _CONTROL, _BYTE = 1, 2, 3, 6  # token types of GGUF
_STEADY = 8.0


def write(path: Path, seed: int = 7) -> None:
    """Write the model as a GGUF file."""
    import gguf
    import numpy as np

    tokens, kinds = _vocabulary()
    head = _HIDDEN // _HEADS
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_name("tiny-llama-of-the-sandbox")
    writer.add_context_length(_CONTEXT)
    writer.add_embedding_length(_HIDDEN)
    writer.add_block_count(_LAYERS)
    writer.add_feed_forward_length(_FEED_FORWARD)
    writer.add_head_count(_HEADS)
    writer.add_head_count_kv(_KV_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(head)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([0.0 if kind != _NORMAL else -1.0 for kind in kinds])
    writer.add_token_types(kinds)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_chat_template(_TEMPLATE)
    for name, tensor in _tensors(np.random.default_rng(seed), kinds).items():
        writer.add_tensor(name, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _vocabulary() -> tuple[list[str], list[int]]:
    control = ["<unk>", "<s>", "</s>"]
    in_bytes = [f"<0x{value:02X}>" for value in range(256)]
    words = list(dict.fromkeys(f"\u2581{word}" for word in _WORDS))
    kinds = [_UNKNOWN, _CONTROL, _CONTROL, *[_BYTE] * 256, *[_NORMAL] * len(words)]
    return control + in_bytes + words, kinds


def _tensors(random: np.random.Generator, kinds: list[int]) -> dict[str, np.ndarray]:
    """Return the weights. Channel 0 keeps its value through all layers, and the output reads
    from it that words are likely and bytes are not, so that the answer is made of words.
    """  # noqa: D205 - one thought
    import numpy as np

    def weight(rows: int, columns: int) -> np.ndarray:
        return (random.standard_normal((rows, columns)) * 0.3).astype(np.float32)

    def ones() -> np.ndarray:
        return np.ones(_HIDDEN, dtype=np.float32)

    vocabulary, key_size = len(kinds), _HIDDEN // _HEADS * _KV_HEADS
    embedding, output = weight(vocabulary, _HIDDEN), weight(vocabulary, _HIDDEN)
    embedding[:, 0] = _STEADY
    output[:, 0] = [_STEADY if kind == _NORMAL else -_STEADY for kind in kinds]
    tensors = {"token_embd.weight": embedding, "output_norm.weight": ones()}
    for layer in range(_LAYERS):
        back = weight(_HIDDEN, _HIDDEN), weight(_HIDDEN, _FEED_FORWARD)
        for matrix in back:
            matrix[0, :] = 0
        tensors |= {
            f"blk.{layer}.attn_norm.weight": ones(),
            f"blk.{layer}.attn_q.weight": weight(_HIDDEN, _HIDDEN),
            f"blk.{layer}.attn_k.weight": weight(key_size, _HIDDEN),
            f"blk.{layer}.attn_v.weight": weight(key_size, _HIDDEN),
            f"blk.{layer}.attn_output.weight": back[0],
            f"blk.{layer}.ffn_norm.weight": ones(),
            f"blk.{layer}.ffn_gate.weight": weight(_FEED_FORWARD, _HIDDEN),
            f"blk.{layer}.ffn_up.weight": weight(_FEED_FORWARD, _HIDDEN),
            f"blk.{layer}.ffn_down.weight": back[1],
        }
    return {**tensors, "output.weight": output}
