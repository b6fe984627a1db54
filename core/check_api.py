"""Sends labelled images to a running service and scores its answers, as a stranger would.

Every answer is noted in a journal as it comes, so that a check that was stopped goes on where
it ended; no image counts twice.
"""

import json
import random
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

import httpx2

from core.api_client import Client
from core.errors import DatasetError, OutputError
from core.files import write_text
from core.labels import canonical

Progress = Callable[[int, int, str], None]
_JOURNAL = "journal.jsonl"


@dataclass(frozen=True)
class Labelled:
    """An image whose class is known.

    Attributes:
        path: Path relative to the data folder, with forward slashes.
        label: Class key.
    """

    path: str
    label: str


@dataclass(frozen=True)
class Outcome:
    """What the service said of one image.

    Attributes:
        path: Path relative to the data folder.
        label: The true class key.
        predicted: The answered class key; None where the service refused the image.
        confidence: Probability of the answer, 0 to 1; None where refused.
        accepted: Whether the service itself stands by its answer; None where refused.
        ms: Milliseconds from sending to the whole answer, the last try alone.
        error: The service's sentence where it refused the image.
    """

    path: str
    label: str
    predicted: str | None = None
    confidence: float | None = None
    accepted: bool | None = None
    ms: float = 0.0
    error: str | None = None

    @property
    def correct(self) -> bool:
        """Whether the answer is the true class."""
        return self.predicted == self.label


def find_images(
    data: Path,
    manifest: Path | None = None,
    split: str = "test",
    limit: int | None = None,
    seed: int = 0,
) -> list[Labelled]:
    """List the images to send.

    Args:
        data: Folder of class folders, in any of the usual layouts; or the root that the
            manifest's paths are relative to.
        manifest: A manifest to take the images from.
        split: The manifest's split to take.
        limit: Send only so many, drawn at random.
        seed: Seed of that draw.

    Returns:
        The images, sorted by path.

    Raises:
        DatasetError: If the folder or the manifest breaks its rules, or nothing is left.
    """
    if manifest is None:
        from core.data.catalogue import discover

        found = [Labelled(image.path, image.label) for image in discover(data).images]
    else:
        from core.data.manifest import read_manifest

        rows = read_manifest(manifest, data).rows
        found = [Labelled(row.path, row.label) for row in rows if row.split == split]
        if not found:
            raise DatasetError(f"A split has at least one image. Received: none in {split!r}.")
        missing = [image.path for image in found if not (data / image.path).is_file()]
        if missing:
            raise DatasetError(
                f"Every file of a split exists. Received: {len(missing)} of {len(found)} missing."
            )
    found.sort(key=lambda image: image.path)
    if limit is not None and limit < len(found):
        found = random.Random(seed).sample(found, limit)  # noqa: S311  # nosec B311
        found.sort(key=lambda image: image.path)
    return found


class Journal:
    """Answers so far, one JSON object a line; the first line says what is being checked.

    Args:
        folder: Where the journal lies.
        subject: What is checked: the same subject goes on, another is refused.
        restart: Whether to forget what is there.

    Raises:
        OutputError: If the journal belongs to another check, or can't be written.
    """

    def __init__(self, folder: Path, subject: dict[str, Any], restart: bool = False) -> None:
        self._path = folder / _JOURNAL
        self.known: dict[str, Outcome] = {}
        if self._path.exists() and not restart:
            self._read(subject)
        lines = [subject, *(asdict(outcome) for outcome in self.known.values())]
        # Written anew: a line that a kill tore apart must not meet the next one.
        write_text(self._path, "".join(json.dumps(line) + "\n" for line in lines))
        self._file: IO[str] = self._path.open("a", encoding="utf-8")

    def _read(self, subject: dict[str, Any]) -> None:
        lines = list(_json_lines(self._path))
        if not lines or lines[0] != subject:
            raise OutputError(
                "A check goes on with the data, model and weights it began with. Received: a "
                "journal of another check; choose another --out, or --restart."
            )
        for line in lines[1:]:
            outcome = Outcome(**line)
            # What was refused is tried again.
            if outcome.error is None:
                self.known[outcome.path] = outcome

    def add(self, outcome: Outcome) -> None:
        """Note an answer at once."""
        self.known[outcome.path] = outcome
        try:
            self._file.write(json.dumps(asdict(outcome)) + "\n")
            self._file.flush()
        except OSError as error:
            raise OutputError(
                f"The journal must be writable. Received: {error.strerror or error}."
            ) from error

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _json_lines(path: Path) -> Iterator[dict[str, Any]]:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise OutputError(
            f"The journal must be readable. Received: {error.strerror or error}."
        ) from error
    for line in text.splitlines():
        try:
            value = json.loads(line)
        except json.JSONDecodeError:
            continue
        if isinstance(value, dict):
            yield value


def check(
    client: Client,
    data: Path,
    images: Sequence[Labelled],
    journal: Journal,
    concurrency: int = 4,
    progress: Progress | None = None,
) -> list[Outcome]:
    """Send every image that the journal doesn't know yet.

    Args:
        client: The connection to the service.
        data: Folder that the images' paths are relative to.
        images: What to send.
        journal: Where answers are noted.
        concurrency: How many images are under way at once.
        progress: Called with (done, total, what).

    Returns:
        One outcome per image, in the order of `images`.

    Raises:
        ServiceError: If the service goes away; the journal keeps what was answered.
    """
    waiting = iter([image for image in images if image.path not in journal.known])
    stop = threading.Event()
    running: set[Future[Outcome]] = set()
    with ThreadPoolExecutor(concurrency, thread_name_prefix="check-api") as pool:
        try:
            while True:
                for image in waiting:
                    running.add(pool.submit(_send, client, data, image, stop))
                    if len(running) >= 2 * concurrency:
                        break
                if not running:
                    break
                done, running = wait(running, return_when=FIRST_COMPLETED)
                _collect(done, journal)
                if progress is not None:
                    progress(len(journal.known), len(images), "checking")
        except BaseException:
            stop.set()
            for future in running:
                future.cancel()
            raise
    return [journal.known[image.path] for image in images]


def _collect(done: set[Future[Outcome]], journal: Journal) -> None:
    """Note every answer before the first failure is raised: none that came may get lost."""
    failures = [future.exception() for future in done]
    for future, failure in zip(done, failures, strict=True):
        if failure is None:
            journal.add(future.result())
    for failure in failures:
        if failure is not None:
            raise failure


def _send(client: Client, data: Path, image: Labelled, stop: threading.Event) -> Outcome:
    path = data / image.path
    try:
        content = path.read_bytes()
    except OSError as error:
        return Outcome(image.path, image.label, error=f"The file can't be read: {error.strerror}.")
    # The service need not know the file's name, which may hold a patient's.
    reply = client.predict(content, f"slice{path.suffix.lower()}", stop)
    body = reply.body
    if reply.status != httpx2.codes.OK:
        return Outcome(image.path, image.label, ms=reply.ms, error=str(body.get("detail")))
    return Outcome(
        image.path,
        image.label,
        canonical(str(body["predicted_class"])),
        float(body["confidence"]),
        bool(body["accepted"]),
        reply.ms,
    )
