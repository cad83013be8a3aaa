"""Does a capacity that was measured hold? A real engine is benched, then loaded with it.

llama.cpp with a tiny Llama on this machine is searched for its capacity as ``planner bench --find``
does it, the load test is read as ``planner size --measured`` reads it, and requests then arrive at
random, at 80 % and at 150 % of the rate that planner plans one such machine for: less than the
capacity, because those who arrive at random sometimes find all places taken, and with few places
often. At 80 % the targets must hold, at 150 % they must not::

    python benchmarks/measured_capacity.py
"""

from __future__ import annotations

import argparse
import random
import tempfile
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import quantiles

from planner.endpoints.model import Endpoint, State
from planner.endpoints.talking import bench, kept_benches
from planner.endpoints.talking.client import ChatClient
from planner.endpoints.talking.http_transport import HttpTransport
from planner.planning import measured, measured_files, pool
from planner.sandbox.engine import LlamaCpp
from planner.serving.load import Targets

PROMPT, ANSWER = 64, 600  # long answers, so that the clients are not what is measured
WORDS = " ".join(["the quick brown fox jumps over the lazy dog"] * (PROMPT // 9 + 1))
ENDPOINT = Endpoint(
    "tiny", "local", "local", "local", State.IN_SERVICE,
    model="tiny", precision="fp32", instance_type="cpu",
)  # fmt: skip


def arrive(transport: HttpTransport, rate: float, seconds: float) -> tuple[float, float]:
    """Send requests at random at a rate, and return p95 of TTFT and TPOT in seconds."""
    times: list[tuple[float, float]] = []
    threads, ends, chance = [], time.monotonic() + seconds, random.Random(7)  # noqa: S311 - not a secret

    def ask() -> None:
        reply = ChatClient(transport, "tiny").ask(
            [{"role": "user", "content": WORDS}], max_tokens=ANSWER
        )
        first = reply.first_token_s or reply.seconds
        times.append((first, (reply.seconds - first) / max(1, (reply.tokens or 2) - 1)))

    while time.monotonic() < ends:
        thread = threading.Thread(target=ask)
        thread.start()
        threads.append(thread)
        time.sleep(chance.expovariate(rate))
    for thread in threads:
        thread.join()
    return tuple(quantiles([t[n] for t in times], n=20)[-1] for n in (0, 1))  # type: ignore[return-value]


def main() -> None:
    """Print the capacity, and what the two loads gave."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ttft", type=float, default=1.0, help="seconds")
    parser.add_argument("--tpot", type=float, default=0.05, help="seconds")
    parser.add_argument("--seconds", type=float, default=60, help="of each load")
    given = parser.parse_args()
    targets = Targets(given.ttft, given.tpot)
    engine = LlamaCpp()  # it serves for as long as it is held
    transport = HttpTransport("tiny", engine._url)  # noqa: SLF001 - the engine of the sandbox
    loads = bench.run(
        ENDPOINT, transport, concurrencies=(64,), requests=8, input_tokens=PROMPT,
        output_tokens=ANSWER, targets=targets,
    )  # fmt: skip
    for load in loads:
        print(
            f"{load.concurrency:4d} clients: {load.tokens_per_second:7.1f} tokens/s, p95 TTFT "
            f"{load.ttft_p95_ms:7.1f} ms, TPOT {load.tpot_p95_ms:6.1f} ms"
        )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bench.json"
        kept_benches.write(path, ENDPOINT, loads, datetime.now(UTC), simulated=False)
        found = measured.capacity(measured_files.read(path), targets)
    slots = round(found.in_flight)
    planned = pool.most_rate(1, slots, found.in_flight / found.requests_per_second)
    print(
        f"capacity: {found.requests_per_second:.2f} requests/s ({slots} at once); planned for "
        f"{planned:.2f} that arrive at random"
    )
    for share, holds in ((0.8, True), (1.5, False)):
        ttft, tpot = arrive(transport, share * planned, given.seconds)
        held = ttft <= given.ttft and tpot <= given.tpot
        verdict = "as it should be" if held is holds else "NOT as it should be"
        told = "hold" if held else "do not hold"
        print(
            f"at {share:.0%}: p95 TTFT {ttft * 1000:.0f} ms, TPOT {tpot * 1000:.1f} ms: "
            f"the targets {told}, {verdict}"
        )


if __name__ == "__main__":
    main()
