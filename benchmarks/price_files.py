"""How fast AWS price files are read: finished, still arriving, and thirty regions of them.

``price_files.py [MEGABYTES]`` writes an EC2 price file of real shape (1,000 MB by default) to
a temporary folder, and prints megabytes a second by the clock and peak memory, each measured
in a process of its own, beside Python's csv module on the same file.
"""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import generate_price_file

from planner.pricing import instance_types
from planner.pricing.sources import names
from planner.pricing.sources.aws import ec2_selection
from planner.pricing.sources.download import Downloads
from planner.pricing.sources.interface import Document, Known

if TYPE_CHECKING:
    from planner.pricing.sources.price_file import Selection

REGIONS = 30
WORKERS = 2


def main() -> None:
    """Measure everything and print a table."""
    megabytes = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        large, small = folder / "large.csv", folder / "small.csv"
        generate_price_file.write(large, megabytes)
        generate_price_file.write(small, megabytes // REGIONS)
        with Serving(folder) as url:
            show("csv module, finished file", large, "plain", str(large))
            show("planner, finished file", large, "finished", str(large))
            show("planner, still arriving", large, "arriving", f"{url}/large.csv")
            show(f"planner, {REGIONS} regions arriving", small, "regions", f"{url}/small.csv",
                 times=REGIONS)  # fmt: skip


def show(title: str, path: Path, task: str, *arguments: str, times: int = 1) -> None:
    """Run a task in a process of its own and print its figures."""
    command = [sys.executable, __file__, task, *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    figures = json.loads(done.stdout)
    size = path.stat().st_size * times / 1e6
    print(
        f"{title:32} {size / figures['seconds']:6.0f} MB/s  {figures['peak_mb']:5.0f} MB peak"
        f"  {figures['rows']:>8,} rows of {size:,.0f} MB in {figures['seconds']:.1f} s"
    )


def task(name: str, argument: str) -> None:
    """Do one measurement and print it as JSON."""
    start = time.perf_counter()
    rows = {"plain": plain, "finished": finished, "arriving": arriving, "regions": regions}[name](
        argument
    )
    seconds = time.perf_counter() - start
    peak = peak_memory()
    print(json.dumps({"seconds": seconds, "rows": rows, "peak_mb": peak}))


def plain(path: str) -> int:
    """Read with the csv module, as gpuhunt does, with the same conditions."""
    known = {t.instance_type for t in instance_types.bundled()}
    kept = 0
    with Path(path).open(newline="", encoding="utf-8") as file:
        for _ in range(5):
            file.readline()
        for row in csv.DictReader(file):
            kept += (
                (row["Instance Type"] in known or row["GPU"] not in ("", "NA", "0"))
                and row["Operating System"] == "Linux"
                and row["Tenancy"] == "Shared"
                and row["CapacityStatus"] == "Used"
                and row["Pre Installed S/W"] in ("NA", "")
            )
    return kept


def finished(path: str) -> int:
    """Read a file that is there."""
    with Path(path).open("rb") as file:
        head = file.read(64 << 10)
    return len(_selection()(path, head, gzipped=False))


def arriving(url: str) -> int:
    """Read a file from a server, through the part file and the pipe."""
    with tempfile.TemporaryDirectory() as cache:
        downloads = Downloads(Path(cache), lambda *_: None)
        return len(downloads.rows(Document(url, "large.csv"), _selection()))


def regions(url: str) -> int:
    """Read thirty files from a server, two at once as a refresh does."""
    with tempfile.TemporaryDirectory() as cache, ThreadPoolExecutor(WORKERS) as pool:
        downloads = Downloads(Path(cache), lambda *_: None)
        selection = _selection()
        files = [Document(url, f"{number}.csv") for number in range(REGIONS)]
        return sum(len(found) for found in pool.map(lambda f: downloads.rows(f, selection), files))


def _selection() -> Selection:
    return ec2_selection(Known(instance_types.bundled(), names.load({})), "us-east-1")


class Serving:
    """Serve a folder's files on loopback, from a process of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> str:
        self._server = subprocess.Popen(
            [sys.executable, __file__, "serve", str(self._folder)],
            stdout=subprocess.PIPE,
            text=True,
        )
        return f"http://127.0.0.1:{self._server.stdout.readline().strip()}"

    def __exit__(self, *_: object) -> None:
        self._server.terminate()
        self._server.wait()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    folder = Path()

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        with (self.folder / self.path.lstrip("/")).open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            self.send_response(200)
            self.send_header("Content-Length", str(size))
            self.send_header("ETag", f'"{size}"')
            self.end_headers()
            self.wfile.flush()
            sent = 0
            while sent < size:
                sent += os.sendfile(self.connection.fileno(), file.fileno(), sent, size - sent)


def serve(folder: str) -> None:
    """Serve until terminated; prints the port."""
    _Handler.folder = Path(folder)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    print(server.server_port, flush=True)
    threading.Thread(target=server.serve_forever).run()


def peak_memory() -> float:
    """Return this process's peak memory in MB; getrusage would count its parent's too (Linux)."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) / 1024 if found else 0.0


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        serve(sys.argv[2])
    elif sys.argv[2:]:
        task(sys.argv[1], sys.argv[2])
    else:
        main()
