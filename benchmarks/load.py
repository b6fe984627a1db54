"""Lets many people at once use dashboard and service: `make load`.

    python -m benchmarks.load --sessions 20 --rounds 3 --clients 32 --seconds 60

Every session speaks with the dashboard as a browser does (websocket, upload, download) and gives
it phantoms of its own, which nobody else has. What it gets back must be its own: the name of the
file, the digest of the pixels, and the probabilities that the service gives for the same picture
when it is asked alone. The same holds for the service's clients. Prints latencies and memory and
writes them to `benchmarks/results/load.json`; exit code 1 where anything was mixed up.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import numpy as np

from benchmarks.dashboard_session import Session, dashboard
from benchmarks.service_load import altered, memory_mb, start
from core import __version__
from core.data.phantom import draw_phantom
from core.files import write_json
from core.imaging.inputs import read_bytes
from core.imaging.overlay import to_grey_rgb, to_png

ROOT = Path(__file__).resolve().parents[1]
TOLERANCE = 0.02
_LESIONS = (None, "glioma", "meningioma", "pituitary")


def marked(number: int) -> bytes:
    """Draw the phantom of a number; no two numbers share head or size."""
    lesion = _LESIONS[number % 4]
    pixels = draw_phantom(9000 + number, size=160 + number, lesion=lesion).slice.pixels
    return to_png(to_grey_rgb(pixels))


def percentiles(seconds: list[float]) -> dict[str, float | None]:
    """Return latencies in milliseconds."""
    return {
        f"p{p}": round(1000 * float(np.percentile(seconds, p)), 1) if seconds else None
        for p in (50, 90, 95, 99)
    }


def apart(one: dict[str, float], other: dict[str, float]) -> float:
    """Return the largest difference of two answers."""
    return max(abs(one[key] - other[key]) for key in one)


def together(work: list[Any]) -> None:
    """Run functions in threads of their own, all at once."""
    threads = [threading.Thread(target=one, daemon=True) for one in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def load_dashboard(sessions: int, rounds: int) -> tuple[dict[str, Any], dict[int, Any]]:
    """Open many sessions, let each diagnose its own phantoms at the same time as all others."""
    opened: list[float] = []
    answered: list[float] = []
    faults: list[str] = []
    mixed: list[str] = []
    records: dict[int, Any] = {}
    with dashboard() as (process, url):
        first = Session(url)
        first.run()
        first.diagnose("warm-up.png", marked(sessions * rounds))
        first.close()
        before = memory_mb(process)

        def person(number: int) -> None:
            try:
                began = time.perf_counter()
                session = Session(url)
                session.run()
                opened.append(time.perf_counter() - began)
                for turn in range(rounds):
                    mark = number * rounds + turn
                    name, data = f"mark-{mark:03d}.png", marked(mark)
                    began = time.perf_counter()
                    record = session.diagnose(name, data)
                    answered.append(time.perf_counter() - began)
                    records[mark] = record["probabilities"]
                    own = read_bytes(data)[0].sha256
                    if record["sha256"] != own or name not in record["file"]:
                        mixed.append(f"{name}: {record['file']}")
                session.close()
            except (httpx2.HTTPError, OSError, RuntimeError, TimeoutError) as error:
                faults.append(f"{type(error).__name__}: {error}"[:200])

        began = time.perf_counter()
        together([lambda n=n: person(n) for n in range(sessions)])
        wall = time.perf_counter() - began
        after = memory_mb(process)
    return {
        "sessions": sessions,
        "uploads": len(answered),
        "mixed_up": mixed,
        "faults": faults,
        "open_ms": percentiles(opened),
        "upload_to_record_ms": percentiles(answered),
        "wall_seconds": round(wall, 1),
        "memory_mb": {"before": before, "after": after},
    }, records


def load_service(clients: int, seconds: float, shown: dict[int, Any]) -> dict[str, Any]:
    """Ask for every phantom alone, then let many clients ask for their own all at once."""
    times: list[float] = []
    mixed: list[str] = []
    statuses: dict[str, int] = {}
    lock = threading.Lock()
    server, url = start(None)
    try:
        files = {number: marked(number) for number in (*range(clients), *shown)}
        with httpx2.Client(base_url=url, timeout=180) as http:

            def ask(client: httpx2.Client, data: bytes) -> httpx2.Response:
                return client.post("/predict", files={"file": ("x.png", data)})

            alone = {n: ask(http, data).json()["probabilities"] for n, data in files.items()}
        screens = [n for n, found in shown.items() if apart(found, alone[n]) > TOLERANCE]
        before = memory_mb(server.pid)
        over = time.monotonic() + seconds

        def client(number: int) -> None:
            count = 0
            with httpx2.Client(base_url=url, timeout=180) as http:
                while time.monotonic() < over:
                    count += 1
                    began = time.perf_counter()
                    answer = ask(http, altered(files[number], 1000 * number + count))
                    took = time.perf_counter() - began
                    with lock:
                        code = str(answer.status_code)
                        statuses[code] = statuses.get(code, 0) + 1
                        if answer.status_code == 200:
                            times.append(took)
                            if apart(answer.json()["probabilities"], alone[number]) > TOLERANCE:
                                mixed.append(f"client {number}")

        together([lambda n=n: client(n) for n in range(clients)])
        after = memory_mb(server.pid)
    finally:
        server.send_signal(signal.SIGINT)
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            server.kill()
    return {
        "clients": clients,
        "statuses": statuses,
        "mixed_up": mixed,
        "screens_that_differ_from_the_service": screens,
        "latency_ms": percentiles(times),
        "answers_per_second": round(len(times) / seconds, 2),
        "memory_mb": {"before": before, "after": after},
    }


def main() -> int:
    """Run from the command line; 1 where answers were mixed up or a session failed."""
    parser = argparse.ArgumentParser(description="Use dashboard and service with many at once.")
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/results/load.json")
    options = parser.parse_args()
    screens, shown = load_dashboard(options.sessions, options.rounds)
    service = load_service(options.clients, options.seconds, shown)
    figures = {
        "version": __version__,
        "date": datetime.now(UTC).date().isoformat(),
        "cores": os.cpu_count(),
        "dashboard": screens,
        "service": service,
    }
    write_json(options.out, figures)
    print(json.dumps(figures, indent=1))
    bad = screens["mixed_up"] or screens["faults"] or service["mixed_up"]
    return 1 if bad or service["screens_that_differ_from_the_service"] else 0


if __name__ == "__main__":
    sys.exit(main())
