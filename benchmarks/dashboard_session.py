"""Speaks with the dashboard as a browser does: websocket, upload, download."""

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx2
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect

from benchmarks.service_load import free_port

ROOT = Path(__file__).resolve().parents[1]
_XSRF = "_streamlit_xsrf"


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
