"""Problem documents (RFC 9457): the one place where errors become status codes."""

from dataclasses import dataclass
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from api.errors import (
    ClientGoneError,
    FieldError,
    LoadingError,
    MalformedRequestError,
    OverloadedError,
    RateLimitedError,
    RetryError,
    UnauthorizedError,
)
from core.errors import (
    GliaLensError,
    InputError,
    ModelNotReadyError,
    NotAssessableError,
    TooLargeError,
    UnknownModelError,
    UnreadableError,
    UnsupportedTypeError,
)

MEDIA_TYPE: Final = "application/problem+json"
_RETRY_NOT_READY: Final = 5
_LONGEST: Final = 60


@dataclass(frozen=True)
class Kind:
    """A kind of problem.

    Attributes:
        status: HTTP status code.
        slug: Its name in logs, metrics and the `type` of a document.
        title: Its name for a person.
        example: What `detail` says, for instance.
    """

    status: int
    slug: str
    title: str
    example: str = ""


KINDS: Final[dict[type[GliaLensError], Kind]] = {
    MalformedRequestError: Kind(
        400,
        "malformed-request",
        "Malformed request",
        "A request's body is a whole multipart form. Received: Missing boundary in multipart.",
    ),
    UnauthorizedError: Kind(
        401,
        "unauthorized",
        "Key missing or wrong",
        "A request carries a valid key in X-API-Key. Received: none.",
    ),
    TooLargeError: Kind(
        413,
        "too-large",
        "Too large",
        "An image may have at most 25,000,000 pixels. Received: 20000 x 20000, 400,000,000 pixels.",
    ),
    UnsupportedTypeError: Kind(
        415,
        "unsupported-type",
        "Type not supported",
        "GliaLens reads JPEG, PNG, BMP, TIFF and WebP images, DICOM and NIfTI files. "
        "Received: a PDF document.",
    ),
    UnreadableError: Kind(
        422,
        "unreadable",
        "Content not readable",
        "An image file must be whole. Received: a PNG image that is truncated or damaged.",
    ),
    NotAssessableError: Kind(
        422,
        "not-assessable",
        "Nothing to assess",
        "An image holds more than one grey value. Received: every pixel is the same.",
    ),
    InputError: Kind(422, "unusable-input", "Input not usable"),
    UnknownModelError: Kind(
        422,
        "unknown-model",
        "Unknown model",
        "The model is one of: cnn, vgg16, vgg19. Received: 'resnet'.",
    ),
    FieldError: Kind(
        422,
        "invalid-field",
        "Field missing, unknown or not valid",
        "A request has the field 'file'. Received: none.",
    ),
    RateLimitedError: Kind(
        429,
        "rate-limited",
        "Too many requests",
        "A client may send 600 images per minute. Received: more.",
    ),
    ClientGoneError: Kind(499, "client-gone", "Client gone"),
    ModelNotReadyError: Kind(
        503,
        "model-not-ready",
        "Model not ready",
        "A model is ready once it is published. Received: no card.json for 'vgg19'.",
    ),
    LoadingError: Kind(
        503,
        "loading",
        "Models are loading",
        "The service answers once its models are loaded. Received: a request before that.",
    ),
    OverloadedError: Kind(
        503,
        "overloaded",
        "Overloaded",
        "At most 64 requests wait or are worked on. Received: one more.",
    ),
    GliaLensError: Kind(500, "internal", "Internal error"),
}
_NOT_FOUND: Final = Kind(404, "not-found", "Not found")
_METHOD: Final = Kind(405, "method-not-allowed", "Method not allowed")


def kind_of(error: GliaLensError) -> Kind:
    """Return the kind of an error: that of its closest class."""
    return next(KINDS[cls] for cls in type(error).__mro__ if cls in KINDS)


def document(kind: Kind, detail: str, request_id: str) -> dict[str, Any]:
    """Return a problem document ready for JSON."""
    return {
        "type": f"urn:glialens:problem:{kind.slug}",
        "title": kind.title,
        "status": kind.status,
        "detail": detail,
        "instance": f"urn:glialens:request:{request_id}",
    }


def respond(
    state: dict[str, Any], kind: Kind, detail: str, headers: dict[str, str] | None = None
) -> Response:
    """Return the answer to a refused request and note the outcome for the log.

    Args:
        state: The request's state: `request_id` is read, `outcome` is written.
        kind: The kind of problem.
        detail: One or two sentences for a person.
        headers: Further headers.
    """
    state["outcome"] = kind.slug
    return JSONResponse(
        document(kind, detail, state.get("request_id", "")),
        status_code=kind.status,
        headers=headers,
        media_type=MEDIA_TYPE,
    )


def respond_to(state: dict[str, Any], error: GliaLensError) -> Response:
    """Return the answer to an error of the tree."""
    kind = kind_of(error)
    headers = {}
    if isinstance(error, RetryError):
        headers["Retry-After"] = str(error.retry_after)
    elif isinstance(error, ModelNotReadyError):
        headers["Retry-After"] = str(_RETRY_NOT_READY)
    elif isinstance(error, UnauthorizedError):
        headers["WWW-Authenticate"] = "APIKey"
    detail = str(error) if kind.status != 500 else "The service made a mistake; it is logged."
    return respond(state, kind, detail, headers)


def describe_validation(error: RequestValidationError) -> str:
    """Return one sentence about the first field that breaks its rule."""
    first = error.errors()[0]
    field = str(first["loc"][1]) if len(first["loc"]) > 1 else str(first["loc"][0])
    given = first.get("input")
    if first["type"] == "missing":
        return f"A request has the field {field!r}. Received: none."
    received = "another kind of value"
    if isinstance(given, str):
        received = repr(given if len(given) <= _LONGEST else given[:_LONGEST] + "…")
    return f"The field {field!r} is not valid: {first['msg']}. Received: {received}."


def install(app: FastAPI) -> None:
    """Give the app its exception handlers."""

    async def on_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, GliaLensError)  # noqa: S101 - narrows the type
        return respond_to(request.scope["state"], error)

    async def on_validation(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101 - narrows the type
        return respond_to(request.scope["state"], FieldError(describe_validation(error)))

    async def on_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - narrows the type
        state = request.scope["state"]
        if error.status_code == 400:
            sentence = "A request's body is a whole multipart form."
            return respond_to(state, MalformedRequestError(f"{sentence} Received: {error.detail}"))
        if error.status_code == 413:
            return respond_to(state, TooLargeError(str(error.detail)))
        if error.status_code == 405:
            detail = "An address takes the methods in Allow. Received: another."
            return respond(state, _METHOD, detail, dict(error.headers or {}))
        if error.status_code == 404:
            detail = "An address is one of those in /openapi.json. Received: another."
            return respond(state, _NOT_FOUND, detail)
        kind = Kind(error.status_code, "http", str(error.detail))
        return respond(state, kind, str(error.detail), dict(error.headers or {}))

    async def on_mistake(request: Request, error: Exception) -> Response:
        return respond_to(request.scope["state"], GliaLensError())

    app.add_exception_handler(GliaLensError, on_error)
    app.add_exception_handler(RequestValidationError, on_validation)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(Exception, on_mistake)
