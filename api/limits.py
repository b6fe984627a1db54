"""How often a client may ask: a token bucket per key, or per address where there are no keys."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from api.errors import RateLimitedError

_MOST_CLIENTS: Final = 10_000


class RateLimiter:
    """Token buckets that hold a minute's worth and refill steadily.

    Not for several threads: the event loop alone calls it.

    Args:
        per_minute: Images a client may send per minute; 0 for no limit.
        clock: Seconds that only grow.
    """

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._capacity = float(per_minute)
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, client: str, images: int = 1, debt: bool = False) -> None:
        """Take tokens from a client's bucket.

        Args:
            client: Name of the client.
            images: How many images are asked about.
            debt: Whether the bucket may go below zero, for images that are counted only after
                their request was let in.

        Raises:
            RateLimitedError: If there aren't enough tokens.
        """
        if not self._capacity:
            return
        now = self._clock()
        tokens, then = self._buckets.pop(client, (self._capacity, now))
        tokens = min(self._capacity, tokens + (now - then) * self._capacity / 60.0)
        enough = debt or tokens >= images
        left = tokens - images if enough else tokens
        self._buckets[client] = (max(left, -self._capacity), now)
        while len(self._buckets) > _MOST_CLIENTS:
            self._buckets.popitem(last=False)
        if not enough:
            wait = math.ceil((images - tokens) * 60.0 / self._capacity)
            raise RateLimitedError(
                f"A client may send {self._capacity:.0f} images per minute. Received: more.",
                max(wait, 1),
            )
