"""Training batches: what is drawn, how it is disturbed, and how it reaches the step.

Batch number b of epoch e is a pure function of (seed, e, b). That is what makes a resumed run
continue exactly, and any batch can be looked at again.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.data.pool import Pool
from core.imaging.preprocess import standardise
from core.labels import NO_TUMOUR
from core.training.augment import AugmentConfig, augment, chained, lesion_target
from core.training.blending import blend, other_sequences
from core.training.lesions import mirror_over, paste, random_patch_box
from core.training.mixing import Mixing
from core.types import ByteArray, FloatArray

UNKNOWN = -1.0


@dataclass(frozen=True, eq=False)
class Batch:
    """One step's input.

    Attributes:
        images: float32 of shape (batch, size, size, 1), standardised.
        allowed: float32 of shape (batch, classes): 1 for each class that the slice may be. Two
            or more ones mean "one of these", as for a pasted lesion of unknown type.
        lesion: float32 of shape (batch, grid, grid, 1): share of each cell inside the lesion,
            or -1 where it isn't known.
        answers: float32 of shape (batch, classes): what teachers said of the slice as it is
            stored; zeros where it shows something else now. No columns without such teachers.
    """

    images: FloatArray
    allowed: FloatArray
    lesion: FloatArray
    answers: FloatArray


class TrainingBatches:
    """Draws and disturbs the slices of the training split.

    Args:
        pool: All slices.
        batch_size: Slices a step.
        grid: Side of the lesion map in cells.
        augmentation: Ranges.
        mixing: Probabilities.
        seed: Seed of everything drawn here.
        answers: What teachers said of each slice of the pool, float32 of shape (slices,
            classes); see `Teachers.answer_once`.
    """

    def __init__(
        self,
        pool: Pool,
        batch_size: int,
        grid: int,
        augmentation: AugmentConfig | None = None,
        mixing: Mixing | None = None,
        seed: int = 0,
        answers: FloatArray | None = None,
    ) -> None:
        self.pool = pool
        self.answers = np.zeros((len(pool.rows), 0), np.float32) if answers is None else answers
        self.batch_size = batch_size
        self.grid = grid
        self.augmentation = augmentation or AugmentConfig()
        self.mixing = mixing or Mixing()
        self.seed = seed
        self._train = pool.where("train")
        self._tumour_free = pool.labels.index(NO_TUMOUR) if NO_TUMOUR in pool.labels else -1
        self._free = self._train[pool.targets[self._train] == self._tumour_free]
        self._donors = np.array([i for i in self._train if pool.boxes[i] is not None], np.int64)
        self._others = other_sequences(pool.rows) if self.mixing.blend else {}
        self._weights = self._draw_weights()

    def _draw_weights(self) -> npt.NDArray[np.float64]:
        train = self._train
        strata = [(int(self.pool.targets[i]), self.pool.rows[i].source) for i in train]
        sizes = Counter(strata)
        sources_of = Counter(target for target, _ in sizes)
        equal = np.array([1.0 / (len(sources_of) * sources_of[s[0]] * sizes[s]) for s in strata])
        mixed = self.mixing.balance * equal + (1.0 - self.mixing.balance) / max(len(train), 1)
        if len(self._donors):
            # Draw more no-tumour slices, so that those left plain keep their share.
            free = self.pool.targets[train] == self._tumour_free
            mixed[free] /= 1.0 - 0.8 * self.mixing.paste
        return np.asarray(mixed / mixed.sum())

    @property
    def steps(self) -> int:
        """Steps of one epoch: as many slices as the split holds, rounded down."""
        return max(len(self._train) // self.batch_size, 1)

    def draw(self, epoch: int) -> npt.NDArray[np.int64]:
        """Return the positions that an epoch visits, shape (steps * batch_size,)."""
        rng = np.random.default_rng([self.seed, epoch, 0])
        train, weights = self._train, self._weights
        count = self.steps * self.batch_size
        # Systematic sampling: a slice of weight w comes floor or ceil of w * count times.
        points = (np.arange(count) + rng.random()) / count
        order = rng.permutation(len(train))
        chosen = np.searchsorted(np.cumsum(weights[order]), points * (1 - 1e-12))
        return np.asarray(rng.permutation(train[order[np.minimum(chosen, len(train) - 1)]]))

    def batch(self, epoch: int, step: int, drawn: npt.NDArray[np.int64] | None = None) -> Batch:
        """Return one batch.

        Args:
            epoch: From 0.
            step: From 0.
            drawn: `draw(epoch)`, where the caller has it at hand.
        """
        if drawn is None:
            drawn = self.draw(epoch)
        positions = drawn[step * self.batch_size : (step + 1) * self.batch_size]
        rng = np.random.default_rng([self.seed, epoch, step + 1])
        samples = [self._sample(int(position), rng) for position in positions]
        images, allowed, lesion, answers = (np.stack(part) for part in zip(*samples, strict=True))
        return Batch(
            standardise(images)[..., np.newaxis], allowed, lesion[..., np.newaxis], answers
        )

    def _sample(
        self, position: int, rng: np.random.Generator
    ) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        pool, mixing = self.pool, self.mixing
        image, box = pool.images[position], pool.boxes[position]
        target = int(pool.targets[position])
        allowed = np.zeros(len(pool.labels), np.float32)
        allowed[target] = 1.0
        known = box is not None
        turn: FloatArray | None = None
        answer = self.answers[position].copy()
        others = self._others.get(position)
        if others is not None and rng.random() < mixing.blend:
            image = blend(image, pool.images[int(rng.choice(others))], rng)
            answer[:] = 0.0
        chance = rng.random()
        if target == self._tumour_free:
            known, box = True, None
            if chance < mixing.paste and len(self._donors):
                donor = int(rng.choice(self._donors))
                place = pool.boxes[donor]
                pasted = paste(pool.images[donor], place, image, rng, mixing.small)  # type: ignore[arg-type]
                if pasted is not None:
                    image, box, turn = pasted
                    answer[:] = 0.0
                    allowed[:] = 1.0
                    allowed[target] = 0.0
            elif rng.random() < mixing.sham:
                image = self._sham(image, rng)
        elif self._tumour_free >= 0 and box is not None and chance < mixing.mirror:
            mirrored = mirror_over(image, box, rng)
            if mirrored is not None:
                image, box = mirrored, None
                answer[:] = 0.0
                allowed[:] = 0.0
                allowed[self._tumour_free] = 1.0
        changed, matrix = augment(image, rng, self.augmentation)
        if turn is not None:
            matrix = chained(turn, matrix)
        if known:
            lesion = lesion_target(box, matrix, pool.size, self.grid)
        else:
            lesion = np.full((self.grid, self.grid), UNKNOWN, np.float32)
        return changed, allowed, lesion, answer

    def _sham(self, image: ByteArray, rng: np.random.Generator) -> ByteArray:
        """Paste ordinary tissue of a tumour-free slice."""
        donor = self.pool.images[int(rng.choice(self._free))]
        box = random_patch_box(donor, rng)
        pasted = paste(donor, box, image, rng) if box is not None else None
        return image if pasted is None else pasted.image

    def arrays(self, epoch: int) -> Callable[[int], tuple[FloatArray, FloatArray, FloatArray]]:
        """Return the function from a step to its batch as plain arrays, for one epoch.

        What teachers said stands behind the allowed classes.
        """
        drawn = self.draw(epoch)

        def make(step: int) -> tuple[FloatArray, FloatArray, FloatArray]:
            batch = self.batch(epoch, step, drawn)
            return batch.images, np.hstack([batch.allowed, batch.answers]), batch.lesion

        return make


def plain_batches(
    pool: Pool, positions: npt.NDArray[np.int64], batch_size: int
) -> Iterator[FloatArray]:
    """Yield standardised, undisturbed slices: float32 of shape (batch, size, size, 1)."""
    for start in range(0, len(positions), batch_size):
        yield standardise(pool.images[positions[start : start + batch_size]])[..., np.newaxis]
