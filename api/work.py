"""A bounded queue in front of a few threads; whoever hangs up gives the place back."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from starlette.types import Receive

from api.errors import ClientGoneError, OverloadedError

T = TypeVar("T")


class Work:
    """Places for requests, and the threads that serve them.

    Args:
        workers: Number of threads.
        places: Requests that may wait or be worked on at once.
        answer_seconds: Longest time from getting a place to the answer.
    """

    def __init__(self, workers: int, places: int, answer_seconds: float) -> None:
        self.pool = ThreadPoolExecutor(workers, thread_name_prefix="glialens")
        self.places = places
        self.taken = 0
        self._seconds = answer_seconds

    @asynccontextmanager
    async def place(self, receive: Receive, weight: int = 1) -> AsyncIterator["Place"]:
        """Hold a place in the queue for the length of the block.

        Args:
            receive: The request's channel, its body already read: what comes next is the end.
            weight: How many places a large request takes; at most all of them.

        Yields:
            The place, through which the work is done.

        Raises:
            OverloadedError: If there is none left.
        """
        weight = min(weight, self.places)
        if self.taken + weight > self.places:
            raise OverloadedError(
                f"At most {self.places} requests wait or are worked on. Received: one more."
            )
        self.taken += weight
        watcher = asyncio.create_task(_hang_up(receive))
        place = Place(self.pool, watcher, asyncio.get_running_loop().time() + self._seconds)
        try:
            yield place
        finally:
            watcher.cancel()
            self._give_back(weight, place.abandoned)

    def _give_back(self, weight: int, running: "Future[Any] | None") -> None:
        """Free the places, once a thread that can't be stopped is done."""
        loop = asyncio.get_running_loop()

        def free() -> None:
            self.taken -= weight

        def later(_: "Future[Any]") -> None:
            with contextlib.suppress(RuntimeError):  # The loop has closed: nobody counts any more.
                loop.call_soon_threadsafe(free)

        if running is None:
            free()
        else:
            running.add_done_callback(later)

    def close(self) -> None:
        """Drop what waits and let the threads end."""
        self.pool.shutdown(wait=False, cancel_futures=True)


class Place:
    """One request's place in the queue.

    Attributes:
        abandoned: Work that still runs although nobody waits for it.
    """

    def __init__(
        self, pool: ThreadPoolExecutor, gone: "asyncio.Task[None]", deadline: float
    ) -> None:
        self._pool = pool
        self._gone = gone
        self._deadline = deadline
        self.abandoned: Future[Any] | None = None

    async def run(self, function: Callable[..., T], *arguments: Any) -> T:
        """Run a function in a thread.

        Raises:
            ClientGoneError: If the client hangs up first.
            OverloadedError: If the answer takes too long.
        """
        future = self._pool.submit(function, *arguments)
        try:
            return await self.wait(asyncio.wrap_future(future))
        finally:
            if not future.done() and not future.cancel():
                self.abandoned = future

    async def wait(self, future: "asyncio.Future[T]") -> T:
        """Wait for a result as long as the client and the deadline allow.

        Raises:
            ClientGoneError: If the client hangs up first.
            OverloadedError: If the answer takes too long.
        """
        left = max(self._deadline - asyncio.get_running_loop().time(), 0.0)
        try:
            either: set[asyncio.Future[Any]] = {future, self._gone}
            await asyncio.wait(either, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            if future.done():
                return future.result()
            if self._gone.done():
                raise ClientGoneError("A client waits for its answer. Received: a closed line.")
            raise OverloadedError("An answer is ready in time. Received: more work than that.", 5)
        finally:
            future.cancel()


async def _hang_up(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue
