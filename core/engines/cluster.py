"""Sending shards to a Dask cluster, and taking them back in order, whatever happens to workers.

Dask sends the shard of a worker that died to another one, and gives up on a shard after a few
deaths. A shard that was given up while a file was being found out is sent again; one that
breaks its workers for another reason is reported after `_PATIENCE` times.
"""

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

from core.engines.worker import Job, score_shard
from core.errors import ClusterError
from core.packages import require

if TYPE_CHECKING:
    from distributed import Client, Future, as_completed

_CONNECT_SECONDS: Final = 15
_WORKER_SECONDS: Final = 120
_MEMORY: Final = 2 * 1024**3
# Shards with the scheduler at a time, and shards that may wait for a slow one before them.
_SENT: Final = 512
_HELD: Final = 4096
_PATIENCE: Final = 3


def check_installed() -> None:
    """Check that the cluster's packages are installed.

    Raises:
        MissingPackageError: If they aren't.
    """
    require(("distributed",), "requirements-cluster.txt", "The engine 'dask'")


@contextmanager
def open_client(address: str | None, workers: int | None = None) -> Iterator["Client"]:
    """Connect to a scheduler, or start a cluster of processes on this machine.

    The local cluster encrypts what its processes say to each other with a key of its own,
    because whoever could talk to a worker could run code in it.

    Args:
        address: The scheduler's address; None for a local cluster.
        workers: Processes of a local cluster; by default one per core, as far as there are
            2 GiB of memory for each.

    Yields:
        The client, with at least one worker there.

    Raises:
        ClusterError: If no scheduler or no worker answers.
        MissingPackageError: If the cluster's packages are missing.
    """
    check_installed()
    from dask.system import CPU_COUNT
    from distributed import Client, LocalCluster
    from distributed.system import MEMORY_LIMIT

    with ExitStack() as stack:
        if address is None:
            count = workers or max(1, min(CPU_COUNT, MEMORY_LIMIT // _MEMORY))
            threads = str(max(1, CPU_COUNT // count))
            cluster = stack.enter_context(
                LocalCluster(
                    n_workers=count,
                    threads_per_worker=1,
                    processes=True,
                    host="127.0.0.1",
                    dashboard_address=None,
                    security=True,
                    silence_logs=logging.CRITICAL,
                    env={
                        "TF_CPP_MIN_LOG_LEVEL": os.environ.get("TF_CPP_MIN_LOG_LEVEL", "3"),
                        "TF_NUM_INTRAOP_THREADS": threads,
                    },
                )
            )
            yield stack.enter_context(Client(cluster))
            return
        try:
            client = stack.enter_context(Client(address, timeout=_CONNECT_SECONDS))
        except (OSError, ValueError) as error:
            raise ClusterError(
                "A Dask scheduler answers at the given address, such as tcp://host:8786. "
                f"Received: {address!r}, {type(error).__name__}."
            ) from error
        try:
            client.wait_for_workers(1, timeout=_WORKER_SECONDS)
        except TimeoutError as error:
            raise ClusterError(
                f"A scheduler has a worker within {_WORKER_SECONDS} seconds. Received: none."
            ) from error
        yield client


def score_shards(
    connect: Callable[[], "Client"],
    jobs: Iterator[Job],
    landed: Callable[[Job], None] = lambda job: None,
) -> Iterator[tuple[Job, bool]]:
    """Have shards scored, skipping those that are finished.

    Args:
        connect: Returns a client of the cluster; called once, when the first shard is to be sent.
        jobs: The shards in order; taken as they are needed.
        landed: Called with each shard as soon as it is finished, in any order.

    Yields:
        Each shard, in order, and whether it was scored; if not, its workers died again and again.

    Raises:
        ClusterError: If the scheduler was lost, or a worker runs another version.
        GliaLensError: What else a worker raised on purpose.
    """
    desk = _Desk(connect, {}, {})
    following = 0
    source = iter(jobs)
    more = True
    while more or desk.sent or desk.done:
        while more and len(desk.sent) < _SENT and len(desk.sent) + len(desk.done) < _HELD:
            job = next(source, None)
            if job is None:
                more = False
            elif job.unfinished:
                desk.send(job)
            else:
                landed(job)
                desk.done[job.number] = (job, True)
        if following not in desk.done and desk.sent:
            finished = desk.take()
            if finished is not None:
                landed(finished)
        while following in desk.done:
            yield desk.done.pop(following)
            following += 1


@dataclass
class _Parcel:
    job: Job
    tries: int = 0
    known: frozenset[int] = frozenset()


@dataclass
class _Desk:
    """Shards that were sent, by the key of their task, and shards that came back, by number."""

    connect: Callable[[], "Client"]
    sent: dict[str, _Parcel]
    done: dict[int, tuple[Job, bool]]
    posted: int = 0

    @cached_property
    def client(self) -> "Client":
        return self.connect()

    @cached_property
    def queue(self) -> "as_completed":
        from distributed import as_completed

        return as_completed([], loop=self.client.loop, raise_errors=False)

    def send(self, job: Job, parcel: _Parcel | None = None) -> None:
        # A task that was given up stays given up under its key.
        self.posted += 1
        key = f"glialens-{job.trail.path.name}-{self.posted}"
        self.sent[key] = parcel or _Parcel(job)
        self.queue.add(self.client.submit(score_shard, job, key=key, pure=False))

    def take(self) -> Job | None:
        """Wait for a task; return its shard if that is finished for good."""
        from distributed import KilledWorker

        future: Future = next(self.queue)
        parcel = self.sent.pop(str(future.key))
        if future.status in ("lost", "pending"):
            # It was finished, but its worker died before it was taken back: Dask does it again.
            self.sent[str(future.key)] = parcel
            self.queue.add(future)
            return None
        if future.status == "finished":
            self.done[parcel.job.number] = (parcel.job, True)
            return parcel.job
        error = future.exception() if future.status == "error" else None
        if error is None:
            raise ClusterError(
                "A scheduler stays up until all shards are scored; asking again goes on where it "
                f"stopped. Received: a task that is {future.status}."
            )
        if isinstance(error, KilledWorker):
            return self._again(parcel)
        raise error

    def _again(self, parcel: _Parcel) -> Job | None:
        broken = parcel.job.trail.broken()
        # Each file that was found out is progress, so this ends.
        parcel.tries = 0 if broken > parcel.known else parcel.tries + 1
        parcel.known = broken
        if parcel.tries < _PATIENCE:
            self.send(parcel.job, parcel)
            return None
        self.done[parcel.job.number] = (parcel.job, False)
        return parcel.job
