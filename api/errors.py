"""Refusals that only exist over HTTP; the others come from `core.errors`."""

from core.errors import GliaLensError


class FieldError(GliaLensError):
    """A field of the request is missing, unknown or breaks its rule (HTTP 422)."""


class MalformedRequestError(GliaLensError):
    """The request's body can't be taken apart, or doesn't arrive in time (HTTP 400)."""


class UnauthorizedError(GliaLensError):
    """The API key is missing or wrong (HTTP 401)."""


class ClientGoneError(GliaLensError):
    """The client hung up before its answer was ready; nobody reads this."""


class RetryError(GliaLensError):
    """Something that will pass.

    Args:
        message: One sentence for a person.
        retry_after: Seconds after which another try makes sense.
    """

    def __init__(self, message: str, retry_after: int = 1) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class RateLimitedError(RetryError):
    """This client asks too often (HTTP 429)."""


class OverloadedError(RetryError):
    """The queue is full, or an answer took too long (HTTP 503)."""


class LoadingError(RetryError):
    """The models are still being loaded (HTTP 503)."""
