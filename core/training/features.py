"""Features of the frozen part of a network, computed once and kept on disk as float16.

What is kept is not the plain slice alone: a few whole passes over the training split, drawn,
pasted and disturbed as ever, so that the part that trains still sees variety.
"""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from core.data.pipeline import MakeBatch, tensorflow_dataset, threaded
from core.errors import OutputError
from core.files import replacing, reserve
from core.training.batches import TrainingBatches, plain_batches
from core.types import FloatArray

Report = Callable[[int, int, dict[str, float]], None]
_HALF_MAX = float(np.finfo(np.float16).max)
# Part of the key: raise it when what is stored changes.
_VERSION = 2


def feed(make: MakeBatch, steps: int) -> Iterator[tuple[FloatArray, ...]]:
    """Run a batch function ahead of its use, by the backend's own means."""
    run = tensorflow_dataset if keras.backend.backend() == "tensorflow" else threaded
    yield from run(make, steps)


def weight_bytes(model: keras.Model) -> Iterator[memoryview]:
    """Yield the weights of a model one after the other, for a digest."""
    for variable in model.weights:
        yield np.ascontiguousarray(keras.ops.convert_to_numpy(variable.value)).data


class FeatureCache:
    """The outputs of a trunk for the slices of a run.

    Args:
        trunk: From float32 (batch, size, size, 1) to (batch, rows, columns, channels).
        batches: The training slices and how they are disturbed.
        variants: Passes over the training split to keep.
        cache_dir: Where the files live; they may be deleted at any time between runs.
        report: Called with (done, total, {"features": part}) while features are computed.
    """

    def __init__(
        self,
        trunk: keras.Model,
        batches: TrainingBatches,
        variants: int,
        cache_dir: Path,
        report: Report | None = None,
    ) -> None:
        self.trunk, self.batches, self.variants = trunk, batches, variants
        self.report = report
        self._cache_dir = cache_dir
        self._shape = tuple(int(side) for side in trunk.output.shape[1:])

    @cached_property
    def folder(self) -> Path:
        """Where these features lie; found at their first use, once a resume has its weights."""
        return self._cache_dir / f"features-{self._digest()}"

    def _digest(self) -> str:
        """Name everything that the features depend on."""
        batches, digest = self.batches, sha256()
        for weight in weight_bytes(self.trunk):
            digest.update(weight)
        kept = [
            _VERSION,
            [str(layer.dtype_policy.name) for layer in self.trunk.layers],
            [layer.name for layer in self.trunk.layers],
            [[row.path, row.label, row.split, row.source] for row in batches.pool.rows],
            batches.pool.boxes,
            batches.pool.labels,
            [batches.pool.size, batches.batch_size, batches.grid, batches.seed],
            [asdict(batches.augmentation), asdict(batches.mixing)],
        ]
        digest.update(json.dumps(kept).encode())
        # The rows name files; what these show may change under the same name.
        for position in np.concatenate([batches.pool.where("train"), batches.pool.where("val")]):
            digest.update(batches.pool.images[position])
        return digest.hexdigest()[:20]

    def arrays(self, epoch: int, number: int) -> MakeBatch:
        """Return the function from a step to its features, allowed classes and lesion map.

        Args:
            epoch: The run's epoch; it decides the order.
            number: Count of epochs since the features are in use; it decides the variant.
        """
        batches, variant = self.batches, number % self.variants
        features, allowed, lesion = self._training(variant)
        order = np.random.default_rng([batches.seed, epoch, 0]).permutation(len(features))

        def make(step: int) -> tuple[FloatArray, ...]:
            rows = order[step * batches.batch_size : (step + 1) * batches.batch_size]
            # In the file's order, which is faster to read; a batch has no order of its own.
            rows = np.sort(rows)
            return features[rows].astype(np.float32), allowed[rows], lesion[rows]

        return make

    def plain(self, name: str, positions: npt.NDArray[np.int64]) -> Iterator[FloatArray]:
        """Yield the features of undisturbed slices, in batches of float32.

        Args:
            name: Name of the part, such as `val`; it stands for always the same positions.
            positions: Positions in the pool.
        """
        size = self.batches.batch_size
        steps = -(-len(positions) // size)
        path = self.folder / f"{name}.npy"
        if not path.is_file():
            images = plain_batches(self.batches.pool, positions, size)
            self._fill(name, len(positions), steps, ((image,) for image in images), {})
        stored = np.load(path, mmap_mode="r", allow_pickle=False)
        for start in range(0, len(positions), size):
            yield stored[start : start + size].astype(np.float32)

    def _training(self, variant: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        name, batches = f"train-{variant}", self.batches
        paths = {part: self.folder / f"{name}{part}.npy" for part in ("", "-allowed", "-lesion")}
        if not all(path.is_file() for path in paths.values()):
            count = batches.steps * batches.batch_size
            grid = (batches.grid, batches.grid, 1)
            others = {
                "-allowed": np.zeros((count, len(batches.pool.labels)), np.float32),
                "-lesion": np.zeros((count, *grid), np.float32),
            }
            drawn = feed(batches.arrays(variant), batches.steps)
            self._fill(name, count, batches.steps, drawn, others)
            for part, values in others.items():
                with replacing(paths[part], suffix=".npy") as temporary:
                    np.save(temporary, values, allow_pickle=False)
        features = np.load(paths[""], mmap_mode="r", allow_pickle=False)
        kept = (np.load(paths[part], allow_pickle=False) for part in ("-allowed", "-lesion"))
        return features, *kept

    def _fill(
        self,
        name: str,
        count: int,
        steps: int,
        source: Iterator[tuple[FloatArray, ...]],
        others: dict[str, np.ndarray],
    ) -> None:
        """Run the trunk over batches and write its outputs as they come."""
        needed = 2 * count * int(np.prod(self._shape))
        self.folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(self.folder).free
        if free < needed + 2**28:
            raise OutputError(
                f"The features of the frozen part need {needed // 2**20} MB of disk. "
                f"Received: {free // 2**20} MB free; --feature-variants 0 does without."
            )
        with replacing(self.folder / f"{name}.npy", suffix=".npy") as temporary:
            stored = np.lib.format.open_memmap(temporary, "w+", np.float16, (count, *self._shape))
            reserve(temporary)
            start = 0
            for step, (images, *rest) in enumerate(source, start=1):
                values: Any = self.trunk.predict_on_batch(images)
                stop = start + len(images)
                stored[start:stop] = np.clip(np.asarray(values, np.float32), -_HALF_MAX, _HALF_MAX)
                for kept, value in zip(others.values(), rest, strict=True):
                    kept[start:stop] = value
                start = stop
                if self.report:
                    self.report(step, steps, {"features": 0.0})
            stored.flush()
            del stored
