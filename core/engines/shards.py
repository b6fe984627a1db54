"""Cutting an archive into shards: the same files in the same order always make the same shards.

A network's answer can differ in its last bit with the batch that it is computed in. Batches
therefore never cross a shard's edge, in no engine: whoever scores a shard scores the same
batches, and every engine gives the same records on machines of one kind.
"""

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from core import __version__
from core.engines.scoring import BATCH
from core.gate import FILE as GATE
from core.imaging.inputs import InputItem, open_input, shown_path, walk_inputs
from core.imaging.limits import Limits
from core.models.card import Card

SHARD_FILES = 256
SHARD_BYTES = 256 * 1024 * 1024
_FORMAT = 2


@dataclass(frozen=True)
class Source:
    """One file to read.

    Attributes:
        shown: The path as given, as records show it.
        path: The absolute path.
        size: Bytes; -1 where there is no such file.
        modified: Time of the last change in nanoseconds; 0 where there is no such file.
    """

    shown: str
    path: Path
    size: int
    modified: int

    def items(self, limits: Limits, volume: int = 0) -> Iterator[InputItem]:
        """Yield its slices; what is wrong with it becomes an item too.

        Args:
            limits: Bounds of what is read.
            volume: Which volume of a 4-D NIfTI file, from 0; any other file holds one.
        """
        return open_input(self.path, self.shown, limits, volume)


def iter_shards(paths: Iterable[Path], limits: Limits) -> Iterator[tuple[Source, ...]]:
    """Cut what `iter_inputs` would read into shards, in its order.

    A shard ends after `SHARD_FILES` files, or once they hold `SHARD_BYTES`.

    Args:
        paths: Files, folders and zips.
        limits: Bounds of what is read.
    """
    shard: list[Source] = []
    held = 0
    for path in walk_inputs(paths, limits):
        source = _source(path)
        shard.append(source)
        held += max(source.size, 0)
        if len(shard) == SHARD_FILES or held >= SHARD_BYTES:
            yield tuple(shard)
            shard, held = [], 0
    if shard:
        yield tuple(shard)


def shard_name(card: Card, weights: Path, shard: tuple[Source, ...], rules: dict[str, Any]) -> str:
    """Name the Parquet file of a shard and a model.

    The first half is the hash of the weights. The second half is the shard's id, a hash of all
    else that its records depend on: files by path, size and time of change, card, gate,
    version and rules.

    Args:
        card: The model's card.
        weights: The model's folder.
        shard: The files.
        rules: What else decides about the records, such as limits and threshold.
    """
    gate = weights / GATE
    told = {
        "format": _FORMAT,
        "version": __version__,
        "batch": BATCH,
        "card": card.raw,
        "gate": sha256(gate.read_bytes()).hexdigest() if gate.is_file() else None,
        "rules": rules,
        "files": [asdict(source) for source in shard],
    }
    text = json.dumps(told, sort_keys=True, default=str)
    digest = sha256(text.encode("utf-8", errors="surrogatepass")).hexdigest()
    return f"{card.sha256[:16]}-{digest[:24]}.parquet"


def _source(path: Path) -> Source:
    try:
        found = os.stat(path)
        size, modified = found.st_size, found.st_mtime_ns
    except (OSError, ValueError):
        size, modified = -1, 0
    return Source(shown_path(path), Path(os.path.abspath(path)), size, modified)
