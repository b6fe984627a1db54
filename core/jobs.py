"""Commands that run on their own: started from a screen, alive when its tab is closed.

A job is a folder's `<kind>.job.json` (the process and what it was asked) and `<kind>.log`
(everything it said). Both are read by whoever looks next; nothing is kept in memory.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Final

from core.errors import GliaLensError, RunError
from core.files import write_json
from core.processes import born, is_same
from core.settings import PROJECT_ROOT, get_settings

_TAIL: Final = 16_384
_ERROR: Final = re.compile(r"^(?:python -m core[^:]*: )?error: (.+)$")
_PERCENT: Final = re.compile(r"\b(\d{1,2}|100)%\|")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_STARTING = Lock()
_CHILDREN: list["subprocess.Popen[bytes]"] = []


@dataclass(frozen=True)
class Job:
    """A command that was started in the background.

    Attributes:
        kind: What it is for, such as `train` or `publish`.
        folder: Where its record and its log lie.
        words: The command's words after `python -m core`.
        pid: Number of its process.
        born: When that process began, in seconds since 1970.
    """

    kind: str
    folder: Path
    words: tuple[str, ...]
    pid: int
    born: float

    @property
    def log(self) -> Path:
        """The file that holds what the command said."""
        return self.folder / f"{self.kind}.log"

    @property
    def running(self) -> bool:
        """Whether the process is still there; another one with its number doesn't count."""
        return is_same(self.pid, self.born)

    def lines(self, count: int = 40) -> list[str]:
        """Return the last lines of the log; of a progress bar its last state alone."""
        try:
            with self.log.open("rb") as stream:
                stream.seek(max(0, self.log.stat().st_size - _TAIL))
                text = stream.read().decode("utf-8", errors="replace")
        except OSError:
            return []
        shown = [line.rsplit("\r", 1)[-1].strip() for line in text.rstrip("\r").split("\n")]
        return [line for line in shown if line][-count:]

    @property
    def share(self) -> float | None:
        """How far the last progress bar has come, 0 to 1; None where there is none."""
        found = [match[1] for line in self.lines() if (match := _PERCENT.search(line))]
        return int(found[-1]) / 100 if found else None

    @property
    def interrupted(self) -> bool:
        """Whether the command ended because somebody stopped it."""
        return not self.running and self.lines(1) == ["interrupted"]

    @property
    def error(self) -> str | None:
        """The sentence with which the command gave up; None where it said none."""
        if self.running:
            return None
        found = [match[1] for line in self.lines() if (match := _ERROR.match(line))]
        return found[-1] if found else None


def check_name(name: str) -> str:
    """Check the name of a run, of a split or of published weights and return it.

    Raises:
        RunError: If it isn't a plain one.
    """
    if not _NAME.fullmatch(name):
        raise RunError(
            "A name has 1 to 64 letters, digits, - and _ alone, a letter or digit first. "
            f"Received: {name!r}."
        )
    return name


def read_job(folder: Path, kind: str) -> Job | None:
    """Return the last job of a kind in a folder; None where there was none."""
    try:
        raw = json.loads((folder / f"{kind}.job.json").read_text(encoding="utf-8"))
        words = tuple(str(word) for word in raw["words"])
        return Job(kind, folder, words, int(raw["pid"]), float(raw["born"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def start_job(folder: Path, kind: str, words: Sequence[str]) -> Job:
    """Run `python -m core …` in a session of its own.

    Args:
        folder: Where record and log go; it must exist.
        kind: Name of the job; one of a kind at a time in a folder.
        words: The command and its arguments, each one word. No shell reads them.

    Raises:
        RunError: If jobs are switched off, one of the kind is running there, or the process
            can't be started.
        OutputError: If the record can't be written.
    """
    check_allowed()
    with _STARTING:
        earlier = read_job(folder, kind)
        if earlier is not None and earlier.running:
            raise RunError(f"One {kind} at a time. Received: another one for '{folder.name}'.")
        process = _spawn(folder / f"{kind}.log", list(words))
        begun = born(process.pid)
        job = Job(kind, folder, tuple(words), process.pid, time.time() if begun is None else begun)
        try:
            write_json(
                folder / f"{kind}.job.json",
                {"words": list(job.words), "pid": job.pid, "born": job.born},
            )
        except GliaLensError:
            # Without its record nobody could stop it.
            process.terminate()
            raise
        return job


def check_allowed() -> None:
    """Check that screens may start processes here.

    Raises:
        RunError: If `GLIALENS_JOBS` is off.
    """
    if not get_settings().jobs:
        raise RunError("Screens start no processes here. Received: GLIALENS_JOBS, which is off.")


def stop_job(job: Job) -> bool:
    """Ask a job to stop, as Ctrl-C would; a training keeps its finished epochs.

    Returns:
        Whether it was still running.
    """
    if not job.running:
        return False
    try:
        # `core.cli` takes SIGTERM for Ctrl-C. SIGINT may be ignored: shells pass that on to
        # what they start in the background, and so would we.
        os.kill(job.pid, signal.SIGTERM)
    except ProcessLookupError:
        return False
    return True


def _spawn(log: Path, words: list[str]) -> "subprocess.Popen[bytes]":
    settings = get_settings()
    environment = {
        **os.environ,
        "GLIALENS_WEIGHTS_DIR": str(settings.weights_dir.resolve()),
        "GLIALENS_RUNS_DIR": str(settings.runs_dir.resolve()),
        "PYTHONUNBUFFERED": "1",
    }
    try:
        with log.open("wb") as stream:
            process = subprocess.Popen(  # noqa: S603  # nosec B603
                [sys.executable, "-m", "core", *words],
                cwd=PROJECT_ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
    except OSError as error:
        raise RunError(
            f"A job needs a process and a log of its own. Received: {error.strerror}."
        ) from error
    _CHILDREN[:] = [child for child in _CHILDREN if child.poll() is None]
    _CHILDREN.append(process)
    return process
