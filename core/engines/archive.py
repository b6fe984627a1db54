"""Scoring an archive on a cluster: the records that one process would give, in the same order."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from core.engines.cluster import open_client, score_shards
from core.engines.scoring import Record
from core.engines.shards import iter_shards, shard_name
from core.engines.store import read_records
from core.engines.worker import Job, Wanted, number_format
from core.errors import OutputError
from core.imaging.limits import default_limits
from core.models.card import Card, read_card
from core.settings import get_settings

if TYPE_CHECKING:
    from distributed import Client

_PATIENCE: Final = 30
GIVEN_UP: Final = (
    "A shard must be scored without breaking the workers that score it. "
    "Received: a shard whose workers died again and again, in no file in particular."
)


@dataclass(frozen=True)
class Cluster:
    """Where shards are scored and kept.

    Attributes:
        folder: Folder of the shards, which every worker can write.
        address: The scheduler's address; None for a cluster on this machine.
        workers: Processes of a cluster on this machine; None for one per core.
    """

    folder: Path
    address: str | None = None
    workers: int | None = None


def read_archive(
    paths: Sequence[Path],
    models: Sequence[str],
    cluster: Cluster,
    landed: Callable[[int], None] = lambda files: None,
) -> Iterator[list[Record]]:
    """Let models read an archive on a cluster.

    Args:
        paths: Files, folders and zips, which every worker can read at the same place.
        models: Names of ready models.
        cluster: Where to score, and where the shards lie; those there are not scored again.
        landed: Called with the number of files of each shard that is finished.

    Yields:
        The records of one shard after the other, in the archive's order.

    Raises:
        ClusterError: If the cluster can't be reached, is lost, or doesn't fit.
        MissingPackageError: If the cluster's packages are missing.
        ModelNotReadyError: If a model isn't ready, here or on a worker.
        OutputError: If the shards can't be written or read, or differ in what they hold.
    """
    weights = get_settings().weights_dir.resolve()
    cards = {name: read_card(weights / name) for name in models}
    jobs = _jobs(paths, cards, weights, cluster.folder.resolve())
    with ExitStack() as stack:

        def connect() -> "Client":
            return stack.enter_context(open_client(cluster.address, cluster.workers))

        # Where all is finished, no cluster is needed.
        for job, scored in score_shards(connect, jobs, lambda job: landed(len(job.sources))):
            yield list(_records(job)) if scored else _given_up(job)


def _jobs(
    paths: Sequence[Path], cards: dict[str, Card], weights: Path, folder: Path
) -> Iterator[Job]:
    limits, settings = default_limits(), get_settings()
    threshold, precision = settings.threshold, number_format()
    rules = {"limits": asdict(limits), "threshold": threshold, "precision": precision}
    for number, sources in enumerate(iter_shards(paths, limits)):
        wanted = tuple(
            Wanted(name, card.sha256, shard_name(card, weights / name, sources, rules))
            for name, card in cards.items()
        )
        yield Job(number, sources, wanted, weights, folder, threshold, limits, precision)


def _records(job: Job) -> Iterator[Record]:
    """Interleave the models' records, item by item; an error stands in every file once."""
    paths = [_shown_up(job.folder / wanted.file) for wanted in job.wanted]
    files = [read_records(path) for path in paths]
    # Shards may stem from two attempts, of which one alone met a file that breaks a worker.
    if any(_items(file) != _items(files[0]) for file in files[1:]):
        raise OutputError(
            "The shards of one part of an archive hold the same slices; delete those that don't "
            f"and ask again. Received: {', '.join(path.name for path in paths)}, which differ."
        )
    for records in zip(*files, strict=True):
        yield from records[:1] if "error" in records[0] else records


def _items(records: list[Record]) -> list[tuple[str, int | None]]:
    """Return what records are of: file and slice, or the file alone where it is an error."""
    return [(record["file"], record.get("slice")) for record in records]


def _shown_up(path: Path) -> Path:
    """Wait for a finished file that a network file system may show late."""
    for _ in range(_PATIENCE):
        if path.exists():
            break
        time.sleep(1.0)
    return path


def _given_up(job: Job) -> list[Record]:
    return [{"file": source.shown, "error": GIVEN_UP} for source in job.sources]
