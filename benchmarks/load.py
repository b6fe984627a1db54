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
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect

from benchmarks.service_load import altered, free_port, memory_mb, start
from core import __version__
from core.data.phantom import draw_phantom
from core.files import write_json
from core.imaging.inputs import read_bytes
from core.imaging.overlay import to_grey_rgb, to_png

ROOT = Path(__file__).resolve().parents[1]
TOLERANCE = 0.02
_LESIONS = (None, "glioma", "meningioma", "pituitary")
_XSRF = "_streamlit_xsrf"


def marked(number: int) -> bytes:
    """Draw the phantom of a number; no two numbers share head or size."""
    lesion = _LESIONS[number % 4]
    pixels = draw_phantom(9000 + number, size=160 + number, lesion=lesion).slice.pixels
    return to_png(to_grey_rgb(pixels))


class Session:
    """One browser tab on the Diagnose screen.

    Args:
        url: Address of the dashboard.
    """

    def __init__(self, url: str) -> None:
        self.http = httpx2.Client(base_url=url, timeout=180)
        self.http.get("/_stcore/health")
        token = self.http.cookies[_XSRF]
        self.token = token
        self._open = ExitStack()
        socket = connect(
            url.replace("http", "ws") + "/_stcore/stream",
            subprotocols=["streamlit", token],  # type: ignore[list-item]
            additional_headers={"Cookie": f"{_XSRF}={token}"},
            origin=url,  # type: ignore[arg-type]
            max_size=None,
            open_timeout=120,
        )
        self.line = self._open.enter_context(socket)
        self.id, self.field, self.record = "", "", ""

    def run(self, uploads: list[dict[str, Any]] | None = None) -> None:
        """Run the page, with files in its field, and wait until it is drawn."""
        message = BackMsg()
        message.rerun_script.page_name = "Diagnose"
        if uploads is None:
            message.rerun_script.query_string = ""
        else:
            state = message.rerun_script.widget_states.widgets.add()
            state.id = self.field
            for upload in uploads:
                state.file_uploader_state_value.uploaded_file_info.add(**upload)
        self.record = ""
        self.line.send(message.SerializeToString())
        while True:
            answer = self._receive()
            if answer.WhichOneof("type") == "script_finished" and answer.script_finished in (0, 1):
                return

    def _receive(self) -> ForwardMsg:
        data = self.line.recv(timeout=180)
        message = ForwardMsg.FromString(data if isinstance(data, bytes) else data.encode())
        kind = message.WhichOneof("type")
        if kind == "new_session":
            self.id = message.new_session.initialize.session_id or self.id
        elif kind == "delta" and message.delta.WhichOneof("type") == "new_element":
            element = message.delta.new_element
            shape = element.WhichOneof("type")
            if shape == "file_uploader":
                self.field = element.file_uploader.id
            elif shape == "download_button" and "JSON" in element.download_button.label:
                self.record = element.download_button.url
        return message

    def upload(self, name: str, data: bytes) -> dict[str, Any]:
        """Upload a file as the browser's field does; returns what the field then says."""
        message = BackMsg()
        wanted = message.file_urls_request
        wanted.request_id, wanted.session_id = uuid.uuid4().hex, self.id
        wanted.file_names.append(name)
        self.line.send(message.SerializeToString())
        answer = self._receive()
        while answer.WhichOneof("type") != "file_urls_response":
            answer = self._receive()
        urls = answer.file_urls_response.file_urls[0]
        sent = self.http.put(
            urls.upload_url, files={"file": (name, data)}, headers={"X-Xsrftoken": self.token}
        )
        sent.raise_for_status()
        return {"file_id": urls.file_id, "name": name, "size": len(data), "file_urls": urls}

    def diagnose(self, name: str, data: bytes) -> dict[str, Any]:
        """Give the screen a picture and return the record that it offers."""
        self.run([self.upload(name, data)])
        if not self.record:
            raise RuntimeError("the screen offers no record")
        found: dict[str, Any] = self.http.get(self.record).raise_for_status().json()
        return found

    def close(self) -> None:
        """Close the tab."""
        self._open.close()
        self.http.close()


@contextmanager
def dashboard() -> Iterator[tuple[int, str]]:
    """Start the dashboard; yields its process and its address."""
    port = free_port()
    words = ["-m", "core", "app", "--headless", "--address", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen(  # noqa: S603
        [sys.executable, *words], cwd=ROOT, stdout=subprocess.DEVNULL, start_new_session=True
    )
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 180
        while True:
            try:
                if httpx2.get(f"{url}/_stcore/health", timeout=5).status_code == 200:
                    break
            except httpx2.TransportError:
                pass
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit("the dashboard didn't start")
            time.sleep(0.5)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        yield int(children.read_text().split()[0]) if children.exists() else process.pid, url
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.wait(30)


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
