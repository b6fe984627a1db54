"""Keeps the service busy with many clients, and measures what they see.

    python -m benchmarks.service_load --clients 32 --seconds 120

Each client sends drawn slices with noise of its own, so that the cache doesn't help. The table
shows throughput, latency, refusals and the service's memory over time; the same goes to
`benchmarks/results/service_load.json`. `--compare` runs once with and once without gathering
requests into batches.
"""

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import numpy as np

from core import __version__
from core.data.phantom import draw_phantom
from core.files import write_json
from core.imaging.overlay import to_grey_rgb, to_png

ROOT = Path(__file__).resolve().parents[1]
_DOCUMENTED = frozenset({200, 429, 503})
_WARM_UP_SHARE = 0.25


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        return int(line.getsockname()[1])


def start(batch_size: int | None) -> tuple[subprocess.Popen[bytes], str]:
    """Start a service of the published weights and wait until it is ready."""
    port = free_port()
    environment = {**os.environ, "GLIALENS_RATE_LIMIT": "0"}
    if batch_size is not None:
        environment["GLIALENS_BATCH_SIZE"] = str(batch_size)
    server = subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "core", "serve", "--port", str(port)],
        cwd=ROOT,
        env=environment,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline and server.poll() is None:
        try:
            if httpx2.get(f"{url}/readyz", timeout=5).status_code == 200:
                return server, url
        except httpx2.TransportError:
            pass
        time.sleep(0.5)
    server.kill()
    raise SystemExit("the service didn't get ready; is a model published?")


def memory_mb(process: int) -> float | None:
    """Return the resident memory of a process in MB; None where the system doesn't tell."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return None
    line = next((s for s in status.splitlines() if s.startswith("VmRSS:")), None)
    return None if line is None else round(int(line.split()[1]) / 1024, 1)


def pictures(count: int, size: int) -> list[bytes]:
    """Draw slices of different heads as PNG."""
    kinds = (None, "glioma", "meningioma", "pituitary")
    return [
        to_png(to_grey_rgb(draw_phantom(n, size=size, lesion=kinds[n % 4]).slice.pixels))
        for n in range(count)
    ]


def altered(data: bytes, number: int) -> bytes:
    """Return the same picture with other bytes: PNG readers stop at its end mark."""
    return data + number.to_bytes(8, "little")


def keep_busy(url: str, clients: int, seconds: float, explain: bool) -> dict[str, Any]:
    """Send requests from many threads and collect what comes back."""
    stop = threading.Event()
    lock = threading.Lock()
    statuses: Counter[int] = Counter()
    broken: Counter[str] = Counter()
    times: list[float] = []
    files = pictures(32, 224)

    def client(number: int) -> None:
        rng = np.random.default_rng(number)
        with httpx2.Client(timeout=120) as http:
            while not stop.is_set():
                data = altered(files[int(rng.integers(len(files)))], int(rng.integers(2**62)))
                form = {"explain": "true"} if explain else {}
                started = time.perf_counter()
                try:
                    answer = http.post(f"{url}/predict", files={"file": ("x.png", data)}, data=form)
                except httpx2.TransportError as error:
                    with lock:
                        broken[type(error).__name__] += 1
                    continue
                elapsed = 1000.0 * (time.perf_counter() - started)
                with lock:
                    statuses[answer.status_code] += 1
                    if answer.status_code == 200:
                        times.append(elapsed)
                if answer.status_code in (429, 503):
                    stop.wait(float(answer.headers.get("Retry-After", "1")))

    threads = [threading.Thread(target=client, args=(n,), daemon=True) for n in range(clients)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    stop.wait(seconds)
    stop.set()
    for thread in threads:
        thread.join(130)
    wall = time.perf_counter() - started
    return {
        "answers_per_second": round(statuses[200] / wall, 2),
        "statuses": {str(status): count for status, count in sorted(statuses.items())},
        "undocumented": sum(n for status, n in statuses.items() if status not in _DOCUMENTED),
        "broken_connections": dict(broken),
        "latency_ms": {
            f"p{p}": round(float(np.percentile(times, p)), 1) if times else None
            for p in (50, 90, 95, 99)
        },
        "wall_seconds": round(wall, 1),
    }


def measure(options: argparse.Namespace, batch_size: int | None) -> dict[str, Any]:
    """Start a service, keep it busy, watch its memory."""
    server, url = start(batch_size)
    watched: list[float] = []
    over = threading.Event()

    def watch() -> None:
        while not over.wait(1.0):
            value = memory_mb(server.pid)
            if value is not None:
                watched.append(value)

    watcher = threading.Thread(target=watch, daemon=True)
    try:
        watcher.start()
        figures = keep_busy(url, options.clients, options.seconds, options.explain)
        over.set()
        watcher.join()
        batches = httpx2.get(f"{url}/metrics", timeout=60).text
    finally:
        over.set()
        server.send_signal(signal.SIGINT)
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
    warm = watched[int(len(watched) * _WARM_UP_SHARE) :]
    figures["memory_mb"] = {
        "after_warm_up": warm[0] if warm else None,
        "highest": max(warm, default=None),
        "end": warm[-1] if warm else None,
    }
    total, count = (
        float(next(s for s in batches.splitlines() if s.startswith(name)).split()[-1])
        for name in ("glialens_model_batch_sum", "glialens_model_batch_count")
    )
    figures["slices_per_pass"] = round(total / count, 2) if count else None
    return figures


def main() -> int:
    """Run from the command line; 1 if anything undocumented was seen."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--explain", action="store_true")
    parser.add_argument("--compare", action="store_true", help="with and without batches")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/service_load.json"))
    options = parser.parse_args()
    runs = {"gathered": 16, "one by one": 1} if options.compare else {"service": None}
    found = {name: measure(options, size) for name, size in runs.items()}
    for name, figures in found.items():
        print(f"{name}:")
        for key, value in figures.items():
            print(f"  {key:<20} {json.dumps(value)}")
    write_json(
        options.out,
        {
            "version": __version__,
            "measured": datetime.now(UTC).isoformat(timespec="seconds"),
            "cores": os.cpu_count(),
            "clients": options.clients,
            "explain": options.explain,
            "runs": found,
        },
    )
    bad = any(f["undocumented"] or f["broken_connections"] for f in found.values())
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
