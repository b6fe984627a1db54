"""A batch that runs in a thread of its own: it can be watched, and cancelled at any time."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from core.batch.rows import Row, thumbnail
from core.batch.sources import (
    Source,
    check_total,
    count_files,
    folder_label,
    full_path,
    open_source,
    safe_path,
)
from core.data.phantom import SYNTHETIC
from core.errors import GliaLensError
from core.types import Slice
from core.wording import mark

if TYPE_CHECKING:
    from core.inference import Predictor

FAULT: Final = mark("The batch stopped because of a fault in the program.")
MAX_SLICES: Final = 5000
"""Most rows of one batch; the rest is left out, and said."""
# Small pieces, so that a cancelled batch stops within the time of one of them.
_PIECE_SLICES: Final = 8
_PIECE_PIXELS: Final = 4_000_000
_POLL_SECONDS: Final = 0.2
State = Literal["empty", "waiting", "running", "finished", "cancelled", "failed"]
ACTIVE: Final = ("waiting", "running")

# Batches take turns: two at once would each be half as fast and need twice the memory.
_turn = threading.Lock()


@dataclass(frozen=True)
class Progress:
    """How far a batch is.

    Attributes:
        state: `empty` before it starts; `waiting` for its turn and its model; `running`; then
            `finished`, `cancelled` or `failed`.
        share: Done part of the files, in 0 to 1.
        files: How many files there seem to be.
        slices: How many slices have an answer.
        errors: How many files could not be read.
        seconds: Time since the first file was opened.
        left: Estimate of the seconds that remain; None while nothing is known.
        full: Whether slices were left out because of `MAX_SLICES`.
        error: Why it failed, a sentence for a person; None otherwise.
    """

    state: State
    share: float = 0.0
    files: int = 0
    slices: int = 0
    errors: int = 0
    seconds: float = 0.0
    left: float | None = None
    full: bool = False
    error: str | None = None


class BatchJob:
    """One batch at most, from start to end; all methods may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cancelled = threading.Event()
        self._thread: threading.Thread | None = None
        self._rows: list[Row] = []
        self._state: State = "empty"
        self._error: str | None = None
        self._done = 0.0
        self._started = self._ended = 0.0
        self._full = False
        self._files = 0
        self.sources: tuple[Source, ...] = ()
        self.model = ""

    def start(
        self,
        sources: Sequence[Source],
        model: str,
        labels: Sequence[str],
        load: Callable[[], "Predictor"],
    ) -> None:
        """Start the batch and return at once.

        Args:
            sources: The uploads; kept, so that a row can be opened again.
            model: Name of the model.
            labels: Class keys that folders may name.
            load: Returns the model; called in the batch's thread.

        Raises:
            TooLargeError: If the uploads together are too large.
            RuntimeError: If this job was started before.
        """
        check_total(sources)
        with self._lock:
            if self._thread is not None:
                raise RuntimeError("A batch job starts once. Received: a second start.")
            self.sources, self.model = tuple(sources), model
            self._state = "waiting"
            self._thread = threading.Thread(
                target=self._run, args=(tuple(labels), load), name="batch", daemon=True
            )
            self._thread.start()

    def cancel(self) -> None:
        """Ask the batch to stop after the piece that it works on; what is done stays."""
        self._cancelled.set()

    def wait(self, seconds: float | None = None) -> None:
        """Wait until the batch has ended, at most so many seconds."""
        if self._thread is not None:
            self._thread.join(seconds)

    def rows(self) -> tuple[Row, ...]:
        """Return what is done so far, in the order of the files."""
        with self._lock:
            return tuple(self._rows)

    def progress(self) -> Progress:
        """Return how far the batch is."""
        thread = self._thread
        with self._lock:
            state, error = self._state, self._error
            if state in ACTIVE and thread is not None and not thread.is_alive():
                # The thread died of a fault; its traceback is in the server's log.
                state, error = "failed", FAULT
            now = time.monotonic() if state in ACTIVE else self._ended
            seconds = max(0.0, now - self._started) if self._started else 0.0
            share = min(1.0, self._done / self._files) if self._files else 0.0
            errors = sum(row.error is not None for row in self._rows)
            return Progress(
                state=state,
                share=1.0 if state == "finished" else share,
                files=self._files,
                slices=len(self._rows) - errors,
                errors=errors,
                seconds=seconds,
                left=seconds * (1.0 - share) / share if share > 0.0 else None,
                full=self._full,
                error=error,
            )

    def _run(self, labels: tuple[str, ...], load: Callable[[], "Predictor"]) -> None:
        while not _turn.acquire(timeout=_POLL_SECONDS):
            if self._cancelled.is_set():
                self._end("cancelled")
                return
        try:
            predictor = load()
            with self._lock:
                self._files = sum(count_files(source) for source in self.sources)
                self._started = time.monotonic()
                self._state = "running"
            self._work(predictor, labels)
        except GliaLensError as error:
            self._end("failed", str(error))
        else:
            self._end("cancelled" if self._cancelled.is_set() else "finished")
        finally:
            _turn.release()

    def _end(self, state: State, error: str | None = None) -> None:
        with self._lock:
            self._state, self._error, self._ended = state, error, time.monotonic()

    def _work(self, predictor: "Predictor", labels: tuple[str, ...]) -> None:
        piece: list[tuple[Row, Slice | None]] = []
        room = MAX_SLICES
        for row, slice_ in self._read(labels):
            if self._cancelled.is_set():
                return
            if not room:
                self._full = True
                break
            room -= 1
            piece.append((row, slice_))
            pixels = sum(s.pixels.size for _, s in piece if s is not None)
            if len(piece) >= _PIECE_SLICES or pixels >= _PIECE_PIXELS:
                self._answer(predictor, piece)
                piece = []
        if not self._cancelled.is_set():
            self._answer(predictor, piece)

    def _read(self, labels: tuple[str, ...]) -> Iterator[tuple[Row, Slice | None]]:
        for position, source in enumerate(self.sources):
            for file in open_source(source):
                raw = full_path(source, file.member)
                row = Row(
                    safe_path(raw),
                    position,
                    file.member,
                    slices=len(file.slices),
                    label=folder_label(raw, labels),
                    synthetic=source.synthetic,
                )
                if file.error is not None:
                    yield replace(row, error=str(file.error)), None
                for read in file.slices:
                    slice_ = read.noted(SYNTHETIC) if source.synthetic else read
                    yield replace(row, slice=slice_.index, thumbnail=thumbnail(slice_)), slice_

    def _answer(self, predictor: "Predictor", piece: list[tuple[Row, Slice | None]]) -> None:
        slices = [slice_ for _, slice_ in piece if slice_ is not None]
        answers = iter(predictor.predict(slices) if slices else [])
        rows = [
            row if slice_ is None else replace(row, prediction=next(answers))
            for row, slice_ in piece
        ]
        with self._lock:
            self._rows += rows
            self._done += sum(1.0 / max(row.slices, 1) for row in rows)
