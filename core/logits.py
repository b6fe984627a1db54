"""What a model says of the slices of a pool, each asked about once."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from core.data.pool import Pool
from core.imaging.preprocess import standardise
from core.predictor import Predictor
from core.types import FloatArray

Progress = Callable[[int, int, str], None]
_BATCH = 64


class PoolLogits:
    """The raw logits of slices of a pool; splits that overlap cost no second pass.

    Args:
        predictor: The model. Its temperature doesn't matter here.
        pool: Prepared slices of the model's input size.
        progress: Called with (done, total, what).
    """

    def __init__(self, predictor: Predictor, pool: Pool, progress: Progress | None = None) -> None:
        self._predictor, self._pool, self._progress = predictor, pool, progress
        self._logits = np.zeros((len(pool.rows), len(predictor.labels)), np.float32)
        self._known = np.zeros(len(pool.rows), bool)

    def __call__(self, positions: npt.NDArray[np.int64], what: str = "predict") -> FloatArray:
        """Return the logits of slices.

        Args:
            positions: Positions in the pool.
            what: Name of the work, for the progress.

        Returns:
            float32 of shape (positions, classes).
        """
        missing = positions[~self._known[positions]]
        for start in range(0, len(missing), _BATCH):
            part = missing[start : start + _BATCH]
            images = standardise(self._pool.images[part])[..., np.newaxis]
            self._logits[part] = self._predictor.logits(images)
            self._known[part] = True
            if self._progress:
                self._progress(min(start + _BATCH, len(missing)), len(missing), what)
        return self._logits[positions]
