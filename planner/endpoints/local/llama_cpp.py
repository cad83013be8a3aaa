"""``python -m planner.endpoints.local.llama_cpp``: llama.cpp's server through xllamacpp.

Takes the options of llama.cpp's own ``llama-server`` that planner uses, so that both are
started the same way.
"""

from __future__ import annotations

import argparse
import signal


def main() -> None:
    """Serve one model until SIGTERM."""
    import xllamacpp

    arguments = _parse()
    parameters = xllamacpp.CommonParams()
    parameters.model.path = arguments.model
    parameters.model_alias = {arguments.alias}
    parameters.hostnames = [arguments.host]
    parameters.port = arguments.port
    parameters.n_ctx = arguments.ctx_size
    parameters.n_parallel = arguments.parallel
    parameters.n_gpu_layers = arguments.n_gpu_layers
    server = xllamacpp.Server(parameters)
    print(f"llama.cpp listens on {server.listening_address}", flush=True)  # noqa: T201 - its log
    signal.sigwait({signal.SIGTERM, signal.SIGINT})


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("model", "alias", "host"):
        parser.add_argument(f"--{name}", required=True)
    for name in ("port", "ctx-size", "parallel", "n-gpu-layers"):
        parser.add_argument(f"--{name}", type=int, required=True)
    return parser.parse_args()


if __name__ == "__main__":
    # Blocked in every thread that the engine starts, so that only sigwait gets them.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    main()
