"""Save a tiny Llama with random weights for vLLM; run in vLLM's own environment.

python tiny_llama_hf.py FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

TEMPLATE = (
    "{% for message in messages %}{{ message['role'] + ': ' + message['content'] + '\n' }}"
    "{% endfor %}assistant:"
)


def main(folder: Path) -> None:
    """Write model and tokenizer: one token per letter, so nothing is downloaded."""
    import string

    import torch
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    torch.manual_seed(1)
    # Letters only: bytes at random are rarely text, and vLLM holds back what is none.
    letters = [*string.ascii_letters, *string.digits, *" .,:?!\n"]
    vocabulary = {text: n for n, text in enumerate(["<s>", "</s>", *letters])}
    tokenizer = Tokenizer(models.WordLevel(vocab=vocabulary, unk_token="?"))  # noqa: S106
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    tokenizer.decoder = decoders.Fuse()
    words = {"bos_token": "<s>", "eos_token": "</s>", "chat_template": TEMPLATE}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **words).save_pretrained(folder)
    # vLLM's attention on CPU refuses heads narrower than 64.
    config = LlamaConfig(
        vocab_size=len(vocabulary),
        hidden_size=256,
        intermediate_size=512,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
        bos_token_id=0,
        eos_token_id=1,
    )
    LlamaForCausalLM(config).save_pretrained(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
