"""What a worker of a cluster does with one shard, whether it is the first to try or not."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Final

from core import __version__
from core.engines.scoring import Record, chunks, score
from core.engines.shards import Source
from core.engines.store import write_records
from core.engines.trail import STRIKES, Trail
from core.errors import ClusterError, ModelNotReadyError, UnreadableError
from core.imaging.inputs import InputItem
from core.imaging.limits import Limits
from core.settings import get_settings

if TYPE_CHECKING:
    from core.inference import Predictor

QUARANTINED: Final = (
    "A file must be read without breaking the process that reads it. "
    f"Received: a file that broke {STRIKES} workers; it is set aside."
)


@dataclass(frozen=True)
class Wanted:
    """A model that is to read a shard.

    Attributes:
        name: Name in the registry.
        sha256: Digest of the weights that the records must come from.
        file: Name of the shard's Parquet file.
    """

    name: str
    sha256: str
    file: str


@dataclass(frozen=True)
class Job:
    """One shard, with all that its records depend on; a worker's own settings don't count.

    Attributes:
        number: Position of the shard in the archive, from 0.
        sources: The files.
        wanted: The models.
        weights: Folder of published weights, the same on every worker.
        folder: Folder of the shards, the same on every worker.
        threshold: Confidence from which an answer is accepted.
        limits: Bounds of what is read.
        precision: Number format of the networks, resolved; it shows in the last digits.
        version: GliaLens version of the caller.
    """

    number: int
    sources: tuple[Source, ...]
    wanted: tuple[Wanted, ...]
    weights: Path
    folder: Path
    threshold: float
    limits: Limits
    precision: str
    version: str = __version__

    @property
    def unfinished(self) -> tuple[Wanted, ...]:
        """The models whose Parquet file is not there yet."""
        return tuple(w for w in self.wanted if not (self.folder / w.file).exists())

    @property
    def trail(self) -> Trail:
        """Where the workers on this shard leave their marks."""
        return Trail(self.folder / f".{self.wanted[0].file}.trail")


def score_shard(job: Job) -> int:
    """Score a shard with every model that hasn't yet, one Parquet file for each.

    Args:
        job: The shard.

    Returns:
        Number of items scored by this call; 0 if everything was there.

    Raises:
        ClusterError: If this worker runs another version of GliaLens, or would compute in
            another number format.
        ModelNotReadyError: If the weights are missing here, or not those that are wanted.
        OutputError: If the folder of shards can't be written.
    """
    if job.version != __version__:
        raise ClusterError(
            f"Workers run the version of GliaLens that asks ({job.version}). "
            f"Received: a worker with {__version__}."
        )
    todo = job.unfinished
    if not todo:
        # Its last worker may have died between the file and this.
        job.trail.remove()
        return 0
    _check_precision(job)
    predictors = [_load(job, wanted) for wanted in todo]
    records: list[list[Record]] = [[] for _ in todo]
    trail = job.trail
    for batch in chunks(_items(job, trail)):
        for found in score(batch, predictors, job.threshold):
            # An error is one record, and stands in the file of every model.
            for position, rows in enumerate(records):
                rows.append(found[position if len(found) > 1 else 0])
    for wanted, predictor, rows in zip(todo, predictors, records, strict=True):
        write_records(job.folder / wanted.file, rows, predictor.labels)
    trail.remove()
    return len(records[0])


def number_format() -> str:
    """Return what the last digits of this process's answers depend on."""
    from core.models.precision import resolve

    settings = get_settings()
    policy = resolve(settings.precision)
    return policy if settings.runtime == "tensorflow" else f"{policy}, {settings.runtime}"


def _check_precision(job: Job) -> None:
    here = number_format()
    if here != job.precision:
        raise ClusterError(
            "Workers compute in the number format of the one who asks; set GLIALENS_PRECISION "
            f"and GLIALENS_RUNTIME alike everywhere ({job.precision}). "
            f"Received: a worker with {here}."
        )


def _load(job: Job, wanted: Wanted) -> "Predictor":
    from core.inference import get_predictor

    predictor = get_predictor(wanted.name, job.weights)
    if predictor.card.sha256 != wanted.sha256:
        raise ModelNotReadyError(
            f"Workers load the weights that are asked for ({wanted.sha256[:12]}…). "
            f"Received: {predictor.card.sha256[:12]}… for '{wanted.name}'."
        )
    return predictor


def _items(job: Job, trail: Trail) -> Iterator[InputItem]:
    broken = trail.broken()
    for position, source in enumerate(job.sources):
        if position in broken:
            yield InputItem(source.shown, error=UnreadableError(QUARANTINED))
            continue
        with trail.reading(position):
            items = source.items(job.limits)
            first = next(items, None)
            second = next(items, None)
            if second is not None and first is not None:
                # A volume or a zip, most of which is still to come.
                yield from chain([first, second], items)
        # A single slice leaves once its file is no longer marked, because a batch that fills up
        # runs the network, and a death there is not this file's doing.
        if first is not None and second is None:
            yield first
