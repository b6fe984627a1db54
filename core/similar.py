"""Which training slices does a model see as most alike, and has it seen this very one?

Neighbours are found by the features that the model decides on; whether a neighbour is a twin
is told from the pixels. The index holds features and paths, never pixels, and is of use only
where the dataset is.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from core.data.pool import load_pool
from core.errors import DatasetError, InputError
from core.files import replacing
from core.imaging.decode import decode_image
from core.imaging.preprocess import prepare, preprocess, standardise
from core.settings import get_settings
from core.types import FloatArray, Slice

if TYPE_CHECKING:
    from core.data.manifest import Manifest
    from core.inference import Predictor

TWIN: Final = 0.98
"""Correlation of the 48 x 48 heads from which two slices count as the same."""
SEEN: Final = (
    "The model has seen this: a training slice is nearly the same picture, so its answer "
    "here says nothing about slices that are new to it."
)
_SIDE: Final = 48
_BATCH: Final = 64
# Twins are looked for among more neighbours than are shown: a turned copy may rank lower.
_CANDIDATES: Final = 12
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, eq=False)
class SimilarIndex:
    """The training slices of a model as it sees them.

    Attributes:
        features: float16 of shape (slices, features), of unit length.
        paths: Path of each slice relative to `root`, with forward slashes.
        labels: Class key of each slice.
        root: The dataset's folder.
    """

    features: npt.NDArray[np.float16]
    paths: tuple[str, ...]
    labels: tuple[str, ...]
    root: Path


@dataclass(frozen=True)
class Neighbour:
    """One training slice that the model sees as alike.

    Attributes:
        path: The file; it was there when it was found.
        name: Its path within the dataset.
        label: Its class key.
        likeness: Cosine of the angle between the features, at most 1.
        twin: Whether it is nearly the same picture.
    """

    path: Path
    name: str
    label: str
    likeness: float
    twin: bool


@dataclass(frozen=True)
class SimilarCases:
    """What was found.

    Attributes:
        neighbours: The most alike first; twins always among them.
        warning: `SEEN` where a twin was found, else None.
    """

    neighbours: tuple[Neighbour, ...]
    warning: str | None


def index_path(name: str) -> Path:
    """Return where the index of a published model lives: a local file, never shipped."""
    return get_settings().runs_dir / "similar" / f"{name}.safetensors"


def build_index(
    predictor: "Predictor",
    manifest: "Manifest",
    out: Path | None = None,
    progress: Progress | None = None,
) -> Path:
    """Write the index of a manifest's training split.

    Args:
        predictor: The model.
        manifest: The checked manifest whose images lie on this machine.
        out: Where to write; `index_path` of the model by default.
        progress: Called with (done, total, what).

    Returns:
        The file.

    Raises:
        DatasetError: If the training split is empty, or an image is missing or unreadable.
        OutputError: If the file can't be written.
    """
    from safetensors.numpy import save

    from core.evaluate import as_trained
    from core.explain.features import feature_pass

    # A model trained on folds learned from slices of the validation split as well.
    pool = load_pool(
        as_trained(predictor, manifest),
        predictor.card.input_size,
        get_settings().runs_dir / ".cache",
        predictor.labels,
        progress,
    )
    train = pool.where("train")
    if not len(train):
        raise DatasetError("An index needs slices of the training split. Received: none.")
    run = feature_pass(predictor.model)
    parts = []
    for start in range(0, len(train), _BATCH):
        images = standardise(pool.images[train[start : start + _BATCH]])[..., np.newaxis]
        parts.append(_unit(run(images)).astype(np.float16))
        if progress:
            progress(min(start + _BATCH, len(train)), len(train), "index")
    rows = [pool.rows[i] for i in train]
    meta = {
        "model": predictor.card.name,
        "sha256": predictor.card.sha256,
        "root": str(manifest.root.resolve()),
        "paths": json.dumps([row.path for row in rows]),
        "labels": json.dumps([row.label for row in rows]),
    }
    out = out or index_path(predictor.card.name)
    with replacing(out) as temporary:
        temporary.write_bytes(save({"features": np.concatenate(parts)}, meta))
    return out


def read_index(predictor: "Predictor", path: Path | None = None) -> SimilarIndex:
    """Read the index of a model.

    Args:
        predictor: The model.
        path: The file; `index_path` of the model by default.

    Raises:
        DatasetError: If there is none, it is damaged, it belongs to other weights, or the
            dataset isn't there. The message says what to do.
    """
    from safetensors import SafetensorError, safe_open

    path = path or index_path(predictor.card.name)
    if not path.is_file():
        raise DatasetError(
            "Similar cases need the training images on this machine and an index of them "
            f"(python -m core index {predictor.card.name} --manifest FILE). "
            f"Received: no {path.name}."
        )
    try:
        with safe_open(str(path), framework="numpy") as file:
            meta = file.metadata() or {}
            features = file.get_tensor("features")
        paths, labels = json.loads(meta["paths"]), json.loads(meta["labels"])
        root, digest = Path(meta["root"]), meta["sha256"]
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise DatasetError(
            "An index is a whole file that the index command wrote. "
            f"Received: {path.name}, which is damaged."
        ) from error
    if digest != predictor.card.sha256 or not len(features) == len(paths) == len(labels):
        raise DatasetError(
            "An index belongs to exactly these weights; write it anew with "
            f"python -m core index {predictor.card.name} --manifest FILE. "
            "Received: an index of others."
        )
    if not root.is_dir():
        raise DatasetError(
            "Similar cases need the training images where they were when the index was "
            f"written. Received: no folder {root.name!r}."
        )
    return SimilarIndex(features, tuple(paths), tuple(labels), root)


def find_similar(
    slice_: Slice, predictor: "Predictor", index: SimilarIndex, count: int = 5
) -> SimilarCases:
    """Find the training slices that are most alike, and say whether one is the same.

    Args:
        slice_: A decoded slice.
        predictor: The model that the index belongs to.
        index: See `read_index`.
        count: How many to return.

    Raises:
        DatasetError: If none of the nearest slices' files can be read any more.
        ValueError: If `count` isn't positive.
    """
    from core.explain.features import feature_pass

    if count < 1:
        raise ValueError(f"At least one neighbour is asked for. Received: {count}.")
    image, _ = preprocess(slice_, predictor.card.input_size)
    features = _unit(feature_pass(predictor.model)(image[np.newaxis]))[0]
    # Float16 products would round away the difference between near neighbours.
    likeness = index.features.astype(np.float32) @ features
    order = np.argsort(-likeness, kind="stable")[: max(count, _CANDIDATES)]
    own = _thumbnails(slice_)
    found = []
    for i in order:
        path = index.root / index.paths[i]
        try:
            other = _thumbnails(decode_image(path.read_bytes(), path.name))[0]
        except (OSError, InputError):
            continue
        twin = bool((own @ other).max() >= TWIN)
        value = min(float(likeness[i]), 1.0)
        found.append(Neighbour(path, index.paths[i], index.labels[i], value, twin))
    if not found:
        raise DatasetError(
            "Similar cases need the training images where they were when the index was "
            f"written. Received: none of {len(order)} could be read."
        )
    shown = sorted(found, key=lambda n: not n.twin)[:count]
    shown.sort(key=lambda n: -n.likeness)
    return SimilarCases(tuple(shown), SEEN if any(n.twin for n in shown) else None)


def _unit(values: FloatArray) -> FloatArray:
    length = np.linalg.norm(values, axis=-1, keepdims=True)
    return np.asarray(values / np.maximum(length, 1e-12), np.float32)


def _thumbnails(slice_: Slice) -> FloatArray:
    """Return the small head and its mirror image, standardised to unit length, (2, pixels).

    Their dot product with another's is the correlation.
    """
    small = standardise(prepare(slice_.pixels, _SIDE)[0])
    return _unit(np.stack((small, small[:, ::-1])).reshape(2, -1))
