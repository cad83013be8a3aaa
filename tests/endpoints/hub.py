"""A small Hugging Face hub on loopback."""

from __future__ import annotations

import http.server
import json

LLAMA = {
    "model_type": "llama",
    "hidden_size": 4096,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "intermediate_size": 11008,
    "vocab_size": 32000,
    "max_position_embeddings": 4096,
}


class Hub(http.server.BaseHTTPRequestHandler):
    """Assumed of the hub: /owner/name/resolve/main/config.json, 401 for gated, 404 for none."""

    seen: list[str | None]

    def do_GET(self) -> None:
        self.seen.append(self.headers.get("Authorization"))
        answers = {"/someone/llama/resolve/main/config.json": (200, json.dumps(LLAMA))}
        gated = "/someone/gated/resolve/main/config.json"
        if self.seen[-1] == "Bearer hf_of_a_reader":
            answers[gated] = (200, json.dumps(LLAMA))
        status, text = answers.get(self.path, (401 if self.path == gated else 404, "no"))
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        del format, args
