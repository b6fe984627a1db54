"""Training runs as folders; reading them loads neither TensorFlow nor Keras."""

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from core.errors import RunError
from core.files import parse_json
from core.processes import was_there


@dataclass(frozen=True, eq=False)
class RunInfo:
    """What a run's folder tells.

    Attributes:
        id: Name of the folder.
        folder: The folder.
        status: `running`, `finished`, `stopped`, `failed`, `interrupted` (its process is gone) or
            `unknown`.
        config: Content of `config.json`.
        history: One dict per finished epoch: epoch, loss, accuracy, val_loss, val_accuracy,
            learning_rate, seconds.
        detail: Content of `status.json`.
    """

    id: str
    folder: Path
    status: str
    config: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    detail: dict[str, Any] = field(default_factory=dict)

    @property
    def start(self) -> str:
        """How the run began, as a sentence; what `--init` was where it has not said so yet."""
        return str(self.detail.get("init", self.config.get("init")))

    @property
    def manifest_sha256(self) -> str | None:
        """Digest of the manifest that the run learns from; None where it was never stored."""
        return _digest(self.detail.get("manifest_sha256"))

    @property
    def best_sha256(self) -> str | None:
        """Digest that `best.weights.h5` had when the status was written; None as above."""
        return _digest(self.detail.get("best_sha256"))

    def check_manifest(self, sha256: str) -> None:
        """Refuse another manifest than the run's own. A run that stored no digest takes any.

        Args:
            sha256: Digest of the manifest that is to be used.

        Raises:
            RunError: If it differs from the run's.
        """
        if self.manifest_sha256 not in (None, sha256):
            raise RunError(
                f"The run '{self.id}' learns from one manifest, whose SHA-256 begins with "
                f"{str(self.manifest_sha256)[:12]}. Received: another, {sha256[:12]}."
            )

    def not_publishable(self) -> RunError:
        """Return what a person is told of a run that can't be published now."""
        return RunError(
            "A run can be published once it stands still with a finished epoch. "
            f"Received: '{self.id}', {self.status}, {len(self.history)} epochs."
        )

    @property
    def resumable(self) -> bool:
        """Whether the run stands still and has a state to go on from."""
        return self.status != "running" and (self.folder / "last" / "state.safetensors").is_file()

    @property
    def publishable(self) -> bool:
        """Whether it has weights to publish and doesn't change them any more."""
        return self.status != "running" and (self.folder / "best.weights.h5").is_file()


def _digest(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def file_sha256(path: Path) -> str | None:
    """Return the digest of a file, read piece by piece; None where there is none to read."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return None


def _read(path: Path, kind: type) -> Any:
    try:
        value = parse_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return kind()
    return value if isinstance(value, kind) else kind()


def read_history(folder: Path) -> list[dict[str, Any]]:
    """Return the epochs of `history.json`; an empty list where there is none to read."""
    return [row for row in _read(folder / "history.json", list) if isinstance(row, dict)]


def _alive(detail: dict[str, Any]) -> bool:
    """Say whether a run's process still exists; a killed run can't say so itself.

    A process that began after the run last wrote its status only got its number.
    """
    pid = detail.get("pid")
    if not isinstance(pid, int) or pid <= 0:
        return False
    try:
        written = datetime.strptime(str(detail.get("updated")), "%Y-%m-%dT%H:%M:%S%z")
    except ValueError:
        return was_there(pid, datetime.now(UTC).timestamp())
    return was_there(pid, written.timestamp())


def read_run(folder: Path) -> RunInfo:
    """Read one run.

    Raises:
        RunError: If the folder holds no run.
    """
    if not (folder / "config.json").is_file():
        raise RunError(
            f"A run's folder holds config.json. Received: a folder without it, '{folder.name}'."
        )
    detail = _read(folder / "status.json", dict)
    status = str(detail.get("state", "unknown"))
    if status == "running" and not _alive(detail):
        status = "interrupted"
    return RunInfo(
        folder.name,
        folder,
        status,
        _read(folder / "config.json", dict),
        read_history(folder),
        detail,
    )


def list_runs(runs_dir: Path) -> list[RunInfo]:
    """Return every run below a folder, newest first; none where the folder is missing."""
    if not runs_dir.is_dir():
        return []
    folders = [path.parent for path in runs_dir.glob("*/config.json")]
    folders.sort(key=lambda folder: (folder / "config.json").stat().st_mtime, reverse=True)
    return [read_run(folder) for folder in folders]
