"""What one phase of a run works with: the part that trains, its optimizer and its batches."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from core.data.pipeline import MakeBatch
from core.models.head import LESION_LAYER, LOGITS_LAYER
from core.training import losses
from core.training.batches import TrainingBatches, plain_batches
from core.training.config import TrainConfig
from core.training.features import FeatureCache, Report, feed
from core.training.freezing import freeze
from core.training.phases import Phase, momentum
from core.training.state import random_states

# Batches of plain slices from which the batch normalisation statistics are recomputed; with
# the builders' momentum of 0.9 the old ones keep a weight of 0.9 ** 40 = 1.5 %.
_STATISTICS_BATCHES = 40


class Stage:
    """One phase, set up.

    Attributes:
        phase: The phase.
        model: The compiled model that steps are taken with: the whole one, or what lies behind
            the frozen part, fed with features from disk.
        cache: The frozen part's features; None where every step starts from the slice.

    Args:
        model: The whole model; which of its layers train is set here.
        phase: The phase.
        config: Settings of the run.
        batches: The training slices.
        cache_dir: Folder for features.
        report: Called while features are computed; see `FeatureCache`.

    Raises:
        RunError: If the frozen part can't be what the configuration says.
    """

    def __init__(
        self,
        model: keras.Model,
        phase: Phase,
        config: TrainConfig,
        batches: TrainingBatches,
        cache_dir: Path,
        report: Report | None = None,
    ) -> None:
        self.phase, self.config, self.batches = phase, config, batches
        cut = freeze(model, phase)
        self.model, self.cache = model, None
        if cut is not None and config.feature_variants:
            self.model = cut.rest
            self.cache = FeatureCache(
                cut.trunk, batches, config.feature_variants, cache_dir, report
            )
        self._compile(LESION_LAYER in model.output)

    def _compile(self, lesions: bool) -> None:
        config = self.config
        self.optimizer = keras.optimizers.Adam(
            self.phase.rate,
            global_clipnorm=config.clip_norm or None,
            use_ema=config.averaging > 0,
            ema_momentum=momentum(config, self.phase, self.batches.steps),
        )
        loss: dict[str, Any] = {
            LOGITS_LAYER: losses.taught(config.teacher_share)
            if config.teachers
            else losses.partial_cross_entropy
        }
        weights = {LOGITS_LAYER: 1.0}
        if lesions:
            loss[LESION_LAYER] = losses.on_the_map(config.place_weight)
            weights[LESION_LAYER] = config.lesion_weight
        self.model.compile(
            self.optimizer,
            loss=loss,
            loss_weights=weights,
            metrics={LOGITS_LAYER: [losses.allowed_accuracy]},
        )
        self.optimizer.build(self.model.trainable_variables)

    def steps(self, epoch: int) -> Iterator[tuple[Any, ...]]:
        """Yield an epoch's (inputs, allowed, lesion); inputs are slices or features."""
        make: MakeBatch = self.batches.arrays(epoch)
        if self.cache is not None:
            make = self.cache.arrays(epoch, epoch - self.phase.start)
        yield from feed(make, self.batches.steps)

    def plain(self, name: str, positions: npt.NDArray[np.int64]) -> Iterator[Any]:
        """Yield the inputs of undisturbed slices, in batches.

        Args:
            name: Name of the part, for the features on disk.
            positions: Positions in the pool.
        """
        if self.cache is not None:
            return self.cache.plain(name, positions)
        return plain_batches(self.batches.pool, positions, self.config.batch_size)

    def average(self) -> None:
        """Put in the averaged weights, and batch statistics of plain slices that fit them."""
        if self.config.averaging > 0:
            self.optimizer.finalize_variable_values(self.model.trainable_variables)
        norms = [x for x in self.model.layers if isinstance(x, keras.layers.BatchNormalization)]
        if not any(norm.trainable for norm in norms):
            return
        rng = np.random.default_rng(self.config.seed)
        count = _STATISTICS_BATCHES * self.config.batch_size
        chosen = np.sort(rng.permutation(self.batches.draw(0))[:count])
        chosen = rng.permutation(chosen)
        # Dropout draws here as well; training must go on as if it had not.
        states = [
            (variable, np.array(keras.ops.convert_to_numpy(variable.value)))
            for variable in random_states(self.model)
        ]
        for inputs in self.plain("statistics", chosen):
            self.model(inputs, training=True)
        for variable, value in states:
            variable.assign(value)

    def logits(self, name: str, positions: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """Return the logits of undisturbed slices, float64 of shape (positions, classes)."""
        parts = [
            np.asarray(self.model.predict_on_batch(inputs)[LOGITS_LAYER])
            for inputs in self.plain(name, positions)
        ]
        return np.concatenate(parts).astype(np.float64)
