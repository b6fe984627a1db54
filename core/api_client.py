"""A small client of the service: patient with 429 and 503, plain about everything else."""

import threading
import time
from dataclasses import dataclass
from typing import Any, Final

import httpx2

from core.errors import ServiceError

_PASSING: Final = frozenset({429, 503})
_BROKEN_TRIES: Final = 3
_LONGEST_WAIT: Final = 60.0


@dataclass(frozen=True)
class Reply:
    """An answer of the service.

    Attributes:
        status: HTTP status code.
        body: The decoded JSON object.
        ms: Milliseconds from sending to the whole answer, the last try alone.
    """

    status: int
    body: dict[str, Any]
    ms: float


class Client:
    """A connection to a service. Safe for several threads.

    Args:
        url: The service's address, such as `http://localhost:8000`.
        model: The model to ask; the service's default if None.
        api_key: Sent as `X-API-Key`.
        patience: Seconds for which an image is tried again after 429 and 503.
        timeout: Seconds to wait for one answer.
        transport: Replaces the network, for tests.

    Raises:
        ServiceError: If `url` is no HTTP address.
    """

    def __init__(
        self,
        url: str,
        model: str | None = None,
        api_key: str | None = None,
        patience: float = 300.0,
        timeout: float = 90.0,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        if not url.startswith(("http://", "https://")):
            raise ServiceError(f"The address begins with http:// or https://. Received: {url!r}.")
        self.url = url.rstrip("/")
        self.model = model
        self._patience = patience
        self._http = httpx2.Client(
            headers={"X-API-Key": api_key} if api_key else {}, timeout=timeout, transport=transport
        )

    def overview(self) -> dict[str, Any]:
        """Return what `/` says.

        Raises:
            ServiceError: If nothing answers there, or something else does.
        """
        body = self._get("/")
        if body.get("service") != "glialens":
            raise ServiceError(
                f"A GliaLens service answers at {self.url}. Received: another answer."
            )
        return body

    def models(self) -> dict[str, Any]:
        """Return what `/models` says.

        Raises:
            ServiceError: As `overview`.
        """
        return self._get("/models")

    def wait_until_ready(self, seconds: float = 120.0) -> None:
        """Wait for the models of a service that has just been started.

        Raises:
            ServiceError: If it isn't ready in time.
        """
        deadline = time.monotonic() + seconds
        while True:
            reply = self._send("GET", "/readyz")
            if reply.status == httpx2.codes.OK:
                return
            if time.monotonic() > deadline:
                raise ServiceError(f"The service is ready. Received: {reply.body.get('detail')}")
            time.sleep(0.5)

    def predict(
        self, content: bytes, name: str = "slice", stop: threading.Event | None = None
    ) -> Reply:
        """Send one image.

        Args:
            content: The file's bytes.
            name: The name to send.
            stop: Gives up waiting when set.

        Returns:
            The answer, or the refusal of the image.

        Raises:
            ServiceError: If the service is gone, wants another key, or stays overloaded.
        """
        fields = {"model": self.model} if self.model else {}
        deadline = time.monotonic() + self._patience
        while True:
            reply = self._send("POST", "/predict", {"file": (name, content)}, fields)
            if reply.status in _PASSING and time.monotonic() < deadline:
                wait = float(reply.body["retry_after"])
                if stop is None:
                    time.sleep(wait)
                elif stop.wait(wait):
                    raise ServiceError("A check runs to its end. Received: an interruption.")
                continue
            if reply.status in _PASSING or reply.status in (401, 404, 405) or reply.status >= 500:
                raise ServiceError(
                    f"The service at {self.url} answers. "
                    f"Received: {reply.status}, {reply.body.get('detail', 'no reason')}"
                )
            if reply.status == 422 and str(reply.body.get("type", "")).endswith("unknown-model"):
                raise ServiceError(str(reply.body.get("detail")))
            return reply

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _get(self, path: str) -> dict[str, Any]:
        reply = self._send("GET", path)
        if reply.status != httpx2.codes.OK:
            raise ServiceError(
                f"A GliaLens service answers at {self.url}. "
                f"Received: {reply.status}, {reply.body.get('detail', 'no reason')}"
            )
        return reply.body

    def _send(
        self,
        method: str,
        path: str,
        files: dict[str, Any] | None = None,
        fields: dict[str, str] | None = None,
    ) -> Reply:
        for attempt in range(_BROKEN_TRIES):
            started = time.perf_counter()
            try:
                response = self._http.request(method, self.url + path, files=files, data=fields)
                return _reply(response, started)
            except httpx2.TransportError as error:
                failure = error
                # A server that was just restarted leaves dead connections behind.
                time.sleep(0.2 * 3**attempt)
        raise ServiceError(
            f"The service answers at {self.url}; `python -m core serve` starts it. "
            f"Received: {_reason(failure)}."
        ) from failure


def _reply(response: httpx2.Response, started: float) -> Reply:
    ms = round(1000.0 * (time.perf_counter() - started), 2)
    try:
        body = response.json()
    except ValueError:
        body = {}
    body = body if isinstance(body, dict) else {}
    if response.status_code in _PASSING:
        given = response.headers.get("Retry-After", "")
        body["retry_after"] = min(float(given), _LONGEST_WAIT) if given.isdigit() else 1.0
    return Reply(response.status_code, body, ms)


def _reason(error: httpx2.TransportError) -> str:
    if isinstance(error, httpx2.ConnectError):
        return "nothing that listens there"
    if isinstance(error, httpx2.TimeoutException):
        return "no answer in time"
    return "a connection that broke"
