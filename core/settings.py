"""Settings from the environment (prefix `GLIALENS_`), checked when they are first read."""

from functools import lru_cache
from pathlib import Path
from typing import Final, Literal

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from core.errors import SettingsError

PROJECT_ROOT = Path(__file__).resolve().parent.parent
DASHBOARD_BATCH_MB: Final = 256
"""Most megabytes of one batch on the dashboard, all files together."""


class Settings(BaseSettings):
    """Everything that can be set from outside.

    Attributes:
        weights_dir: Folder of published weights, one sub-folder per model.
        runs_dir: Folder of training runs.
        data_dir: Optional folder with real slices for the sample picker and the Dataset page.
        threshold: Confidence from which an answer is accepted.
        max_upload_mb: Largest accepted file in megabytes, on the dashboard and the service
            alike. A zip in a batch is bounded by the batch instead: `DASHBOARD_BATCH_MB` here,
            `max_batch_mb` of the service.
        max_pixels: Largest accepted number of pixels of one image.
        case_log: Whether cases can be saved; off until switched on.
        precision: Number format of inference: `float32`, `mixed_bfloat16`, or `auto` for the
            latter where the processor multiplies bfloat16 in hardware.
        runtime: What computes the answers of small networks: `tensorflow`, or `onnxruntime`,
            which is faster at one slice and needs requirements-onnxruntime.txt.
        jobs: Whether screens may start processes: trainings, publishing, splits. Off where
            strangers reach the dashboard.
        database_url: SQLAlchemy URL of the case log; an SQLite file beside the project
            without it. Kept out of `repr`, as it may hold a password.
    """

    model_config = SettingsConfigDict(env_prefix="GLIALENS_", extra="ignore")

    weights_dir: Path = PROJECT_ROOT / "weights"
    runs_dir: Path = PROJECT_ROOT / "runs"
    data_dir: Path | None = None
    threshold: float = Field(default=0.7, ge=0.0, le=1.0)
    max_upload_mb: int = Field(default=20, ge=1, le=2048)
    max_pixels: int = Field(default=25_000_000, ge=1024)
    precision: Literal["auto", "float32", "mixed_bfloat16"] = "auto"
    runtime: Literal["tensorflow", "onnxruntime"] = "tensorflow"
    case_log: bool = False
    jobs: bool = True
    database_url: str | None = Field(default=None, repr=False)


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """Return the settings of this process.

    Raises:
        SettingsError: If a variable's value breaks its rule.
    """
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = "GLIALENS_" + "_".join(str(part) for part in first["loc"]).upper()
        raise SettingsError(
            f"{name} is not valid: {first['msg']}. Received: {first.get('input')!r}."
        ) from error
