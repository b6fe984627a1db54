"""Slices of different requests that wait for the same model go through it together.

Nobody waits for company: while a model is busy, what arrives meanwhile becomes its next batch.
"""

import asyncio
from concurrent.futures import Future, ThreadPoolExecutor

from api.metrics import Metrics
from core.inference import Predictor
from core.types import Prediction, Slice

Waiting = list[tuple[Slice, "asyncio.Future[Prediction]"]]


class Batcher:
    """Gathers slices per model. The event loop alone calls it.

    Args:
        pool: Threads in which models run.
        size: Most slices in one pass.
        metrics: Where the sizes of batches are counted.
    """

    def __init__(self, pool: ThreadPoolExecutor, size: int, metrics: Metrics) -> None:
        self._pool = pool
        self._size = size
        self._metrics = metrics
        self._waiting: dict[Predictor, Waiting] = {}

    def submit(self, predictor: Predictor, slice_: Slice) -> "asyncio.Future[Prediction]":
        """Queue a slice for a model; cancel the future to take it back."""
        future: asyncio.Future[Prediction] = asyncio.get_running_loop().create_future()
        busy = predictor in self._waiting
        self._waiting.setdefault(predictor, []).append((slice_, future))
        if not busy:
            self._next(predictor)
        return future

    def _next(self, predictor: Predictor) -> None:
        waiting = [pair for pair in self._waiting[predictor] if not pair[1].done()]
        batch, self._waiting[predictor] = waiting[: self._size], waiting[self._size :]
        if not batch:
            del self._waiting[predictor]
            return
        self._metrics.batches.observe(len(batch))
        loop = asyncio.get_running_loop()
        work = self._pool.submit(predictor.predict, [slice_ for slice_, _ in batch], self._size)

        def done(work: "Future[list[Prediction]]") -> None:
            if not work.cancelled():
                loop.call_soon_threadsafe(self._deliver, predictor, batch, work)

        work.add_done_callback(done)

    def _deliver(
        self, predictor: Predictor, batch: Waiting, work: "Future[list[Prediction]]"
    ) -> None:
        error = work.exception()
        for number, (_, future) in enumerate(batch):
            if future.done():
                continue
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(work.result()[number])
        self._next(predictor)
