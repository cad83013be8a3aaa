"""Folders of published models, rebuilt from the facts in ``corpus.jsonl``.

Each line has the keys of the configuration that decide a model's shape, the sizes of weight files
where they are known, and the right figures with where they come from. Files are made sparse: they
have the size and take no room.
"""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gguf
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

Facts = dict[str, Any]


@cache
def all_facts() -> dict[str, Facts]:
    """Return the facts of each model by its name."""
    text = (Path(__file__).parent.parent / "serving" / "models" / "corpus.jsonl").read_text(
        encoding="utf-8"
    )
    return {facts["name"]: facts for facts in map(json.loads, text.splitlines())}


def build(facts: Facts, folder: Path) -> Path:
    """Write the folder of a model; return what a user would name: the folder, or a GGUF file."""
    if "gguf" in facts:
        expected = facts["expected"]
        size = facts.get("gguf_bytes") or 2 * expected.get("parameters", 10**9)
        return write_gguf(folder / "model.gguf", facts["gguf"], size)
    for name, content in facts["files"].items():
        (folder / name).write_text(json.dumps(content), encoding="utf-8")
    for name, size in facts.get("sizes", {}).items():
        sparse(folder / name, size)
    return folder


def sparse(path: Path, size: int) -> Path:
    """Make a file of a size that takes no room."""
    path.touch()
    os.truncate(path, size)
    return path


def write_gguf(path: Path, header: Mapping[str, Any], size: int = 0) -> Path:
    """Write a GGUF file with a true header, one small tensor, and a hole up to a size."""
    writer = gguf.GGUFWriter(str(path), header["general.architecture"])
    for key, value in header.items():
        _add(writer, key, value)
    if header.get("_vocabulary"):
        words = [f"<{index}>" for index in range(header["_vocabulary"])]
        writer.add_array("tokenizer.ggml.tokens", words)
    writer.add_tensor("token_embd.weight", np.zeros((4, 4), dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return sparse(path, max(size, path.stat().st_size))


def _add(writer: Any, key: str, value: object) -> None:
    if key == "general.architecture" or key.startswith("_"):
        return
    adders = {bool: "bool", int: "uint32", float: "float32", list: "array", str: "string"}
    getattr(writer, f"add_{adders[type(value)]}")(key, value)
