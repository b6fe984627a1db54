"""The training loop: steps, an honest validation each epoch, and a state to resume from."""

import math
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from core.data.folds import keep_fold
from core.data.manifest import read_manifest
from core.data.pool import Pool, load_pool
from core.errors import RunError
from core.files import replacing, reserve, write_json
from core.models import registry
from core.models.head import LESION_LAYER, LOGITS_LAYER
from core.models.precision import built_in, resolve
from core.training import phases
from core.training.batches import TrainingBatches
from core.training.config import TrainConfig
from core.training.features import Report
from core.training.freezing import freeze
from core.training.initialise import initialise
from core.training.runs import file_sha256, read_run
from core.training.stage import Stage
from core.training.state import load_state, own_progress, save_state
from core.training.teaching import teachers_of
from core.training.unseen import check_unseen

# What names and tables of HDF5 need beside the weights, with plenty to spare.
_HDF5_ROOM = 2**20


class Trainer:
    """Trains one model in one run folder.

    Args:
        config: Settings of the run.
        run: Folder for `config.json`, `history.json`, `best.weights.h5`, `last/`, `status.json`.
        resume: Go on from the last finished epoch.
        report: Called after every step with (step, steps, running means).
        cache_dir: Folder of decoded slices and of frozen features; `.cache` beside the run by
            default.

    Raises:
        RunError: If the folder already holds a run and `resume` is off, or the other way round;
            if the start or the frozen part doesn't fit the model, or a teacher it or the run.
        DownloadError: If ImageNet weights are wanted and can't be fetched.
        DatasetError: If the manifest or its files break their rules.
    """

    def __init__(
        self,
        config: TrainConfig,
        run: Path,
        *,
        resume: bool = False,
        report: Report | None = None,
        cache_dir: Path | None = None,
    ) -> None:
        if not resume and (run / "config.json").exists():
            raise RunError(
                f"A new run needs a new folder; --resume goes on with an old one. Received: "
                f"'{run.name}', which holds a run."
            )
        self.run, self.report = run, report
        self.cache_dir = cache_dir or run.parent / ".cache"
        manifest = read_manifest(Path(config.manifest), Path(config.root) if config.root else None)
        progress = own_progress(run, config.epochs, manifest) if resume else {}
        check_unseen(config, manifest)
        self.pool: Pool = load_pool(
            manifest,
            config.size,
            self.cache_dir,
            config.labels or None,
            _decoding(report),
        )
        self.pool = replace(self.pool, rows=keep_fold(self.pool.rows, config.fold))
        self.config = config = replace(config, labels=self.pool.labels)
        if not len(self.pool.where("train")) or not len(self.pool.where("val")):
            raise RunError("A manifest has training and validation slices. Received: one without.")
        keras.utils.set_random_seed(config.seed)
        self.policy = resolve(config.precision)
        with built_in(self.policy):
            self.model = registry.build(
                config.model, config.size, self.pool.labels, config.head, dropout=config.dropout
            )
            self.teachers = teachers_of(config, self.pool.labels, run if resume else None)
        # How a run began is told once, by the process that began it.
        self.start = "" if resume else initialise(self.model, config.init)
        self.lesions = LESION_LAYER in self.model.output
        grid = self.model.output[LESION_LAYER].shape[1] if self.lesions else 1
        self.batches = TrainingBatches(
            self.pool,
            config.batch_size,
            grid,
            config.augmentation,
            config.mixing,
            config.seed,
            self._asked_once(),
        )
        self.class_weights = self._class_weights()
        self.phases = phases.plan(config)
        for phase in reversed(self.phases):
            # All are set up once, so that a wrong layer is refused before hours of training.
            freeze(self.model, phase)
        self._training_weights: list[np.ndarray] = []
        self.history: list[dict[str, float]] = []
        self.best: dict[str, float] = {}
        self.best_sha256: str | None = None
        self.manifest_sha256: str | None = manifest.sha256
        if resume:
            self.history, self.best = progress["history"], progress["best"]
            self.best_sha256, told = progress.get("best_sha256"), read_run(run)
            # A run that didn't store it may have learned from another.
            self.start, self.manifest_sha256 = told.start, told.manifest_sha256
        self.stage = self._enter(max(len(self.history) - 1, 0))
        if resume:
            load_state(run, self.model, self.stage.optimizer)
        else:
            write_json(run / "config.json", config.to_dict())

    def _enter(self, epoch: int) -> Stage:
        """Set up the phase of an epoch (from 0)."""
        phase = phases.phase_of(self.phases, epoch)
        return Stage(self.model, phase, self.config, self.batches, self.cache_dir, self.report)

    def _class_weights(self) -> np.ndarray:
        targets = self.pool.targets[self.pool.where("train")]
        counts = np.bincount(targets, minlength=len(self.pool.labels))
        balanced = counts.sum() / np.maximum(counts * len(counts), 1)
        chosen = balanced if self.config.class_weights else np.ones(len(counts))
        return np.asarray(chosen, np.float32)

    def learning_rate(self, epoch: int, step: int) -> float:
        """Return the learning rate of a step (both from 0)."""
        phase = phases.phase_of(self.phases, epoch)
        return phases.learning_rate(self.config, phase, epoch, step, self.batches.steps)

    def fit(self, stop_after: int | None = None) -> list[dict[str, float]]:
        """Train to the last epoch and return the history.

        The state is written after every epoch, so a process that is killed at any moment loses
        at most the epoch under way.

        Args:
            stop_after: Epochs after which this call stops, leaving the rest to a resume.

        Raises:
            RunError: If the loss is no longer finite.
        """
        self._status("running")
        state = "failed"
        last = min(self.config.epochs, len(self.history) + (stop_after or self.config.epochs))
        try:
            while len(self.history) < last and not self._exhausted():
                if self.stage.phase != phases.phase_of(self.phases, len(self.history)):
                    self.stage = self._enter(len(self.history))
                self.history.append(self._epoch(len(self.history)))
                self._keep_best()
                self._restore()
                kept = {"best": self.best, "best_sha256": self.best_sha256}
                progress = {"history": self.history, **kept}
                save_state(self.run, self.model, self.stage.optimizer, progress)
                write_json(self.run / "history.json", self.history)
                self._status("running")
            state = "stopped" if stop_after and last < self.config.epochs else "finished"
        except KeyboardInterrupt:
            state = "stopped"
            raise
        finally:
            self._status(state)
        # A kill between state and history leaves the history behind; the state is the truth.
        write_json(self.run / "history.json", self.history)
        return self.history

    def _epoch(self, epoch: int) -> dict[str, float]:
        began = time.monotonic()
        means = np.zeros(2)
        steps, rate = self.batches.steps, 0.0
        for step, (inputs, allowed, lesion) in enumerate(self.stage.steps(epoch)):
            rate = self.learning_rate(epoch, step)
            self.stage.optimizer.learning_rate = rate
            wanted = {LOGITS_LAYER: self._taught(inputs, allowed)}
            sample_weights = {
                LOGITS_LAYER: self._sample_weights(allowed[:, : len(self.config.labels)])
            }
            if self.lesions:
                wanted[LESION_LAYER] = lesion
                sample_weights[LESION_LAYER] = np.ones(len(allowed), np.float32)
            logs = self.stage.model.train_on_batch(
                inputs, wanted, sample_weight=sample_weights, return_dict=True
            )
            # train_on_batch returns this batch's values, not running means.
            means += (np.array(_loss_and_accuracy(logs)) - means) / (step + 1)
            if not math.isfinite(means[0]):
                raise RunError(
                    f"The loss stays finite. Received: {logs['loss']} in epoch {epoch + 1}, "
                    f"step {step + 1}; a lower learning rate usually helps."
                )
            if self.report:
                now = {"epoch": epoch + 1, "loss": means[0], "accuracy": means[1]}
                self.report(step + 1, steps, now)
        self._training_weights = [
            np.array(keras.ops.convert_to_numpy(variable.value)) for variable in self.model.weights
        ]
        self.stage.average()
        val_loss, val_accuracy = self._validate()
        return {
            "epoch": epoch + 1,
            "loss": round(float(means[0]), 6),
            "accuracy": round(float(means[1]), 6),
            "val_loss": round(val_loss, 6),
            "val_accuracy": round(val_accuracy, 6),
            "learning_rate": rate,
            "seconds": round(time.monotonic() - began, 2),
        }

    def _asked_once(self) -> np.ndarray | None:
        """Return what the teachers say of plain slices, where they see those."""
        if self.teachers is None or self.config.teacher_sees != "plain":
            return None
        train, size = self.pool.where("train"), self.config.batch_size
        return self.teachers.answer_once(self.pool, train, size, self.cache_dir, self.report)

    def _taught(self, inputs: Any, allowed: np.ndarray) -> np.ndarray:
        """Put what the teachers answer behind the allowed classes, unless it stands there."""
        if self.teachers is None or self.config.teacher_sees == "plain":
            return allowed
        return np.concatenate([allowed, self.teachers.answer(inputs)], axis=1)

    def _sample_weights(self, allowed: np.ndarray) -> np.ndarray:
        weights = (allowed * self.class_weights).sum(axis=1) / allowed.sum(axis=1)
        return np.asarray(weights, np.float32)

    def _restore(self) -> None:
        """Go back to the weights that training goes on with."""
        for variable, value in zip(self.model.weights, self._training_weights, strict=True):
            variable.assign(value)

    def _validate(self) -> tuple[float, float]:
        positions = self.pool.where("val")
        logits = self.stage.logits("val", positions)
        targets = self.pool.targets[positions]
        shifted = logits - logits.max(axis=1, keepdims=True)
        log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        loss = -log_p[np.arange(len(targets)), targets].mean()
        return float(loss), float((logits.argmax(axis=1) == targets).mean())

    def _keep_best(self) -> None:
        row = self.history[-1]
        score = (row["val_accuracy"], -row["val_loss"])
        if self.best and score <= (self.best["val_accuracy"], -self.best["val_loss"]):
            return
        self.best = {key: row[key] for key in ("epoch", "val_accuracy", "val_loss")}
        with replacing(self.run / "best.weights.h5", suffix=".weights.h5") as temporary:
            reserve(temporary, 4 * self.model.count_params() + _HDF5_ROOM)
            self.model.save_weights(temporary, overwrite=True)
            self.best_sha256 = file_sha256(temporary)

    def _exhausted(self) -> bool:
        patience, last = self.config.patience, self.phases[-1]
        if not self.best or len(self.history) <= last.start:
            return False
        # Fine-tuning gets its own chance, whatever the head's epochs were like.
        return 0 < patience <= len(self.history) - max(self.best["epoch"], last.start)

    def _status(self, state: str) -> None:
        write_json(
            self.run / "status.json",
            {
                "state": state,
                "epoch": len(self.history),
                "epochs": self.config.epochs,
                "best": self.best,
                "best_sha256": self.best_sha256,
                "manifest_sha256": self.manifest_sha256,
                "precision": self.policy,
                "init": self.start,
                "teachers": self.teachers.names if self.teachers else [],
                "pid": os.getpid(),
                "updated": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            },
        )


def _loss_and_accuracy(logs: dict[str, Any]) -> tuple[float, float]:
    accuracy = next(value for key, value in logs.items() if key.endswith("allowed_accuracy"))
    return float(logs["loss"]), float(accuracy)


def _decoding(report: Report | None) -> Callable[[int, int, str], None] | None:
    if report is None:
        return None
    return lambda done, total, _what: report(done, total, {})
