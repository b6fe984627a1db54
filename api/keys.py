"""API keys: kept as digests, compared in constant time."""

from collections.abc import Iterable
from hashlib import sha256
from hmac import compare_digest

from api.settings import HASHED


class Keys:
    """The accepted keys.

    Args:
        entries: Keys, plain or as `sha256:` and the digest in hexadecimal.
    """

    def __init__(self, entries: Iterable[str]) -> None:
        self._digests = tuple(
            bytes.fromhex(entry.removeprefix(HASHED))
            if entry.startswith(HASHED)
            else sha256(entry.encode()).digest()
            for entry in entries
        )

    @property
    def demanded(self) -> bool:
        """Whether requests need a key at all."""
        return bool(self._digests)

    def identify(self, given: bytes | None) -> str | None:
        """Return a short name of a valid key, which doesn't reveal it; None for any other.

        Every accepted key is compared, so that the time tells nothing about which one came
        close.
        """
        if given is None:
            return None
        digest = sha256(given).digest()
        matches = [compare_digest(digest, accepted) for accepted in self._digests]
        return f"key-{matches.index(True)}" if any(matches) else None
