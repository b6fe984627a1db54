"""Settings of the service from the environment (prefix `GLIALENS_`).

What the whole project shares (weights folder, upload size, threshold) lives in
`core.settings`.
"""

import os
import re
from typing import Annotated, Final

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from core.errors import SettingsError

HASHED: Final = "sha256:"
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
Words = Annotated[tuple[str, ...], NoDecode]


class ServiceSettings(BaseSettings):
    """What can be set from outside.

    Attributes:
        api_keys: Accepted keys, plain or as `sha256:` and 64 hexadecimal digits, separated by
            commas; without any, the service asks for none.
        cors_origins: Origins whose pages may call the service, separated by commas.
        models: Models to load, separated by commas; all that are ready by default.
        default_model: The model that answers where a request names none; the first loaded
            one by default.
        rate_limit: Images a client may send per minute; 0 for no limit.
        queue_length: Requests that may wait or be worked on at once.
        workers: Threads that decode and predict.
        batch_size: Most slices of different requests that go through a model together; with 1
            each is answered by itself, and its figures don't depend on its company.
        answer_seconds: Longest time a request may wait for its answer.
        upload_seconds: Longest time an upload may take.
        max_connections: Requests that may be open at once, uploads included.
        max_batch_files: Most files in one batch request.
        max_batch_mb: Largest batch request in megabytes.
        max_batch_slices: Most slices that one batch request answers.
        cache_entries: Answers that are kept for the same bytes sent again; 0 for none.
    """

    model_config = SettingsConfigDict(
        env_prefix="GLIALENS_", extra="ignore", hide_input_in_errors=True
    )

    api_keys: Words = ()
    cors_origins: Words = ()
    models: Words = ()
    default_model: str | None = None
    rate_limit: int = Field(default=600, ge=0)
    queue_length: int = Field(default=64, ge=1, le=10_000)
    workers: int = Field(default_factory=lambda: min(os.cpu_count() or 1, 4), ge=1, le=64)
    batch_size: int = Field(default=16, ge=1, le=256)
    answer_seconds: float = Field(default=60.0, gt=0.0)
    upload_seconds: float = Field(default=60.0, gt=0.0)
    max_connections: int = Field(default=256, ge=1)
    max_batch_files: int = Field(default=64, ge=1, le=1000)
    max_batch_mb: int = Field(default=100, ge=1, le=4096)
    max_batch_slices: int = Field(default=256, ge=1, le=10_000)
    cache_entries: int = Field(default=256, ge=0, le=100_000)

    @field_validator("api_keys", "cors_origins", "models", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if not isinstance(value, str) or not value:
            return value or ()
        words = tuple(word.strip() for word in value.split(","))
        if not all(words):
            raise ValueError("a list is separated by commas and has no empty entry")
        return words

    @field_validator("api_keys")
    @classmethod
    def _hashes(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for key in value:
            if key.startswith(HASHED) and not _DIGEST.fullmatch(key.removeprefix(HASHED)):
                raise ValueError("a hashed key is sha256: and 64 lower-case hexadecimal digits")
        return value

    @field_validator("default_model")
    @classmethod
    def _empty(cls, value: str | None) -> str | None:
        return value or None


def load_settings() -> ServiceSettings:
    """Read the settings of the service.

    Raises:
        SettingsError: If a variable's value breaks its rule. The value isn't repeated: it may
            be a key.
    """
    try:
        return ServiceSettings()
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        name = "GLIALENS_" + "_".join(str(part) for part in first["loc"]).upper()
        raise SettingsError(
            f"{name} is not valid: {first['msg']}. Received: another value."
        ) from None
