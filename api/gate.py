"""The gate in front of every route: request id, key, rate, size and time, log line, figures."""

import asyncio
import re
import time
import uuid
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import OverloadedError, UnauthorizedError
from api.logs import LOGGER
from api.problems import respond_to
from api.service import Service
from core.errors import GliaLensError, TooLargeError
from core.imaging.limits import MEGABYTE
from core.settings import get_settings

PREDICT: Final = "/predict"
BATCH: Final = "/predict/batch"
# Everything else needs the key, addresses that don't exist included.
_OPEN: Final = frozenset(
    {"/", "/healthz", "/readyz", "/models", "/openapi.json", "/docs", "/redoc"}
)
_FORM_BYTES: Final = 64 * 1024
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")


class Gate:
    """Pure ASGI middleware, so that uploads stream through it and hang-ups are seen.

    Args:
        app: What is behind the gate.
        service: The service's state.
    """

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app = app
        self._service = service
        self._open = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or refuse it before its body is read."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        passage = _Passage(scope, receive, send, self._limit(scope["path"]), self._service)
        self._open += 1
        try:
            refusal = self._refusal(scope, passage.state)
            app = self._app if refusal is None else respond_to(passage.state, refusal)
            await app(scope, passage.receive, passage.send)
        except Exception:
            # Starlette would answer outside the gate: without headers, and unseen by the figures.
            mistake = respond_to(passage.state, GliaLensError())
            if passage.status == 0 and not passage.hung_up:
                await mistake(scope, passage.receive, passage.send)
            raise
        finally:
            self._open -= 1
            self._finish(scope, passage)

    def _limit(self, path: str) -> int:
        megabytes = get_settings().max_upload_mb
        if path == BATCH:
            megabytes = self._service.settings.max_batch_mb
        return megabytes * MEGABYTE

    def _refusal(self, scope: Scope, state: dict[str, object]) -> GliaLensError | None:
        if scope["path"] in ("/healthz", "/readyz"):
            return None
        settings, keys = self._service.settings, self._service.keys
        client = scope.get("client")
        name = f"address-{client[0]}" if client else "address-unknown"
        given = dict(scope["headers"]).get(b"x-api-key")
        known = keys.identify(given)
        state["client"] = known or name
        try:
            if self._open > settings.max_connections:
                raise OverloadedError(
                    f"At most {settings.max_connections} requests are open. Received: one more."
                )
            if scope["path"] in _OPEN:
                return None
            self._service.limiter.take(known or name)
            if keys.demanded and known is None:
                received = "none" if given is None else "another one"
                raise UnauthorizedError(
                    f"A request carries a valid key in X-API-Key. Received: {received}."
                )
            length = Headers(scope=scope).get("content-length", "")
            limit = self._limit(scope["path"])
            if length.isdigit() and int(length) > limit + _FORM_BYTES:
                raise _too_large(scope["path"], limit, f"{int(length) / MEGABYTE:.4g} MB")
        except GliaLensError as error:
            return error
        return None

    def _finish(self, scope: Scope, passage: "_Passage") -> None:
        state, metrics = passage.state, self._service.metrics
        route = getattr(scope.get("route"), "path", "unmatched")
        seconds = time.perf_counter() - passage.started
        outcome = str(state.get("outcome", "ok" if passage.status < 400 else "refused"))
        if passage.hung_up and passage.status == 0:
            outcome = "client-gone"
        metrics.requests.labels(route, str(passage.status)).inc()
        metrics.seconds.labels(route).observe(seconds)
        if outcome != "ok":
            metrics.rejections.labels(outcome).inc()
        LOGGER.info(
            "request",
            extra={
                "request_id": state["request_id"],
                "method": scope["method"],
                "route": route,
                "model": state.get("model"),
                "status": passage.status,
                "outcome": outcome,
                "ms": round(1000.0 * seconds, 1),
            },
        )


def _too_large(path: str, limit: int, received: str) -> TooLargeError:
    what = "A batch" if path == BATCH else "A file"
    return TooLargeError(
        f"{what} may have at most {limit / MEGABYTE:.4g} MB. Received: {received}."
    )


class _Passage:
    """One request on its way through the gate."""

    def __init__(
        self, scope: Scope, receive: Receive, send: Send, limit: int, service: Service
    ) -> None:
        self.started = time.perf_counter()
        self.status = 0
        self.hung_up = False
        self._receive, self._send, self._limit = receive, send, limit
        self._path = scope["path"]
        self._seconds = service.settings.upload_seconds
        self._deadline = self.started + self._seconds
        self._size = 0
        self._complete = False
        given = Headers(scope=scope).get("x-request-id", "")
        accepted = _REQUEST_ID.fullmatch(given) is not None
        self.state: dict[str, object] = {"request_id": given if accepted else uuid.uuid4().hex}
        # A plain dictionary: Starlette shows it as `request.state`.
        scope["state"] = {**scope.get("state", {}), **self.state}
        self.state = scope["state"]

    async def receive(self) -> Message:
        """Pass on what arrives, as long as it is neither too much nor too late."""
        if self._complete:
            message = await self._receive()
        else:
            try:
                async with asyncio.timeout(max(self._deadline - time.perf_counter(), 0.0)):
                    message = await self._receive()
            except TimeoutError:
                # FastAPI would turn any other exception into one of its own.
                raise HTTPException(
                    400, f"one that took longer than {self._seconds:g} seconds to arrive."
                ) from None
        if message["type"] == "http.disconnect":
            self.hung_up = True
            return message
        self._size += len(message.get("body", b""))
        self._complete = not message.get("more_body", False)
        if self._size > self._limit + _FORM_BYTES:
            self._complete = True
            raise HTTPException(413, str(_too_large(self._path, self._limit, "more")))
        return message

    async def send(self, message: Message) -> None:
        """Pass on the answer with the headers that every answer has."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers["X-Request-ID"] = str(self.state["request_id"])
            headers["X-Content-Type-Options"] = "nosniff"
            headers.setdefault("Cache-Control", "no-store")
        await self._send(message)
