"""What a screen shows of the runs folder: runs, the processes behind them, what they said."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from core.errors import OutputError, RunError
from core.jobs import Job, read_job
from core.training.launch import PUBLISH, TRAIN
from core.training.runs import RunInfo, read_run

STARTING: Final = "starting"
NOT_STARTED: Final = "not started"


@dataclass(frozen=True, eq=False)
class Watched:
    """A run's folder with what was started in it.

    Attributes:
        id: Name of the folder.
        folder: The folder.
        info: The run; None before it wrote its configuration.
        training: The last training that a screen started there.
        publishing: The last publishing that a screen started there.
        state: The run's status (see `RunInfo`), `starting` (its process prepares) or `not
            started` (the process ended before the run began).
    """

    id: str
    folder: Path
    info: RunInfo | None
    training: Job | None
    publishing: Job | None
    state: str

    @property
    def live(self) -> bool:
        """Whether a training is under way."""
        return self.state in ("running", STARTING)

    @property
    def resumable(self) -> bool:
        """Whether the run stands still and has a state to go on from."""
        return not self.live and self.info is not None and self.info.resumable

    @property
    def publishable(self) -> bool:
        """Whether the run stands still and has weights."""
        return not self.live and self.info is not None and self.info.publishable

    @property
    def seconds_left(self) -> float | None:
        """Time for the epochs to come, from the mean of those that are done; None before one."""
        if self.info is None or not self.info.history:
            return None
        spent = [float(row.get("seconds") or 0.0) for row in self.info.history]
        return sum(spent) / len(spent) * max(self.epochs - len(spent), 0)

    @property
    def epochs(self) -> int:
        """Epochs that the run is to have; 0 where it isn't known yet."""
        found = self.info.config.get("epochs") if self.info is not None else None
        return found if isinstance(found, int) else 0


def _state(info: RunInfo | None, training: Job | None) -> str:
    if info is not None and info.status == "running":
        return "running"
    if training is not None and training.running:
        return STARTING
    return NOT_STARTED if info is None else info.status


def watch(folder: Path) -> Watched:
    """Look at one run's folder."""
    info = read_run(folder) if (folder / "config.json").is_file() else None
    training, publishing = read_job(folder, TRAIN), read_job(folder, PUBLISH)
    return Watched(folder.name, folder, info, training, publishing, _state(info, training))


def watch_all(runs_dir: Path) -> list[Watched]:
    """Look at every run below a folder, newest first; none where the folder is missing."""
    marks = [*runs_dir.glob("*/config.json"), *runs_dir.glob(f"*/{TRAIN}.job.json")]
    times: dict[Path, float] = {}
    for mark in marks:
        times[mark.parent] = max(times.get(mark.parent, 0.0), mark.stat().st_mtime)
    return [watch(folder) for folder in sorted(times, key=lambda f: -times[f])]


def forget(folder: Path) -> None:
    """Remove a folder in which no run has begun, so that its name is free again.

    Raises:
        RunError: If it holds a run, or its process is still there.
        OutputError: If it can't be removed.
    """
    found = watch(folder)
    if found.state != NOT_STARTED or found.training is None:
        raise RunError(f"Only what never began is cleared. Received: '{folder.name}'.")
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise OutputError(
            f"The runs folder must be writable. Received: {error.strerror}."
        ) from error
