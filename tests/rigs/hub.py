"""A small Hugging Face hub on loopback."""

from __future__ import annotations

import http.server
import json
from typing import Any
from urllib.parse import parse_qs

LLAMA = {
    "model_type": "llama",
    "hidden_size": 4096,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "intermediate_size": 11008,
    "vocab_size": 32000,
    "max_position_embeddings": 4096,
}
READER = "hf_of_a_reader"
_COMMIT = "0" * 40

# owner/name -> its files; the size of a weight file stands for its content.
REPOSITORIES: dict[str, dict[str, Any]] = {
    "someone/llama": {"config.json": LLAMA},
    "someone/gated": {"config.json": LLAMA},
    "someone/llama-awq": {
        "config.json": {
            **LLAMA,
            "quantization_config": {"quant_method": "awq", "bits": 4, "group_size": 128},
        },
        "model.safetensors": 3_890_000_000,
    },
    "someone/lora": {
        "adapter_config.json": {
            "base_model_name_or_path": "someone/llama",
            "peft_type": "LORA",
            "r": 16,
            "target_modules": ["q_proj", "v_proj"],
        }
    },
}
# What the hub's filter says was quantized from what, most downloaded first.
QUANTIZED = {
    "base_model:quantized:someone/llama": (
        "someone/llama-GGUF",
        "someone/llama-fp8",
        "someone/llama-awq",
        "someone/llama-gptq-int4",
    ),
}
GATED = {"someone/gated"}


class Hub(http.server.BaseHTTPRequestHandler):
    """What the hub's API and its files answer to ``huggingface_hub``.

    Documented: /api/models/ID gives siblings with sizes, gated and card data, for gated models
    too; files of a gated model are 401 with X-Error-Code GatedRepo without a token that accepted
    its licence; an unknown model is 401 with RepoNotFound; /api/models?filter=
    base_model:quantized:ID&sort=downloads lists what was made of a model. Assumed: the headers
    of a HEAD (X-Repo-Commit, ETag, Content-Length) are all that the library needs of it.
    """

    seen: list[str | None]

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def _answer(self, *, body: bool) -> None:
        self.seen.append(self.headers.get("Authorization"))
        path, _, query = self.path.partition("?")
        path = path.strip("/")
        if path == "api/models":
            self._list(parse_qs(query), body=body)
            return
        if path.startswith("api/models/"):
            self._describe(path.removeprefix("api/models/"), body=body)
            return
        hf_id, _, name = path.partition("/resolve/")
        content = REPOSITORIES.get(hf_id, {}).get(name.partition("/")[2])
        if hf_id in GATED and self.seen[-1] != f"Bearer {READER}":
            self._send(401, {"X-Error-Code": "GatedRepo"}, b"", body=body)
        elif not isinstance(content, dict):
            self._send(404, {"X-Error-Code": "EntryNotFound"}, b"", body=body)
        else:
            headers = {"X-Repo-Commit": _COMMIT, "ETag": f'"{abs(hash((hf_id, name)))}"'}
            self._send(200, headers, json.dumps(content).encode(), body=body)

    def _list(self, query: dict[str, list[str]], *, body: bool) -> None:
        """List what was quantized from a model, most downloaded first."""
        found = [
            {"id": hf_id, "tags": [], "downloads": 1000 - number}
            for wanted in query["filter"]
            for number, hf_id in enumerate(QUANTIZED.get(wanted, ()))
        ]
        self._send(200, {"Content-Type": "application/json"}, json.dumps(found).encode(), body=body)

    def _describe(self, hf_id: str, *, body: bool) -> None:
        files = REPOSITORIES.get(hf_id)
        if files is None:
            self._send(401, {"X-Error-Code": "RepoNotFound"}, b"", body=body)
            return
        siblings = [
            {"rfilename": name, "size": content if isinstance(content, int) else 500}
            for name, content in files.items()
        ]
        record = {
            "id": hf_id,
            "sha": _COMMIT,
            "siblings": siblings,
            "gated": "manual" if hf_id in GATED else False,
            "cardData": {"license": "apache-2.0"},
            "tags": [],
        }
        self._send(
            200, {"Content-Type": "application/json"}, json.dumps(record).encode(), body=body
        )

    def _send(self, status: int, headers: dict[str, str], content: bytes, *, body: bool) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if body:
            self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        del format, args
