"""The kinds of work that need TensorFlow: training and publishing a network of three blocks."""

import csv
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
from safetensors import safe_open

from core.data.manifest import read_manifest
from core.data.phantom import draw_phantom
from core.data.pool import load_pool
from core.evaluation.storage import read_report
from core.imaging.overlay import to_grey_rgb, to_png
from core.inference import load_folder
from core.models import registry
from core.publish import publish
from core.settings import get_settings
from core.training.config import TrainConfig, read_config
from core.training.runs import read_run
from core.training.state import read_progress
from core.training.trainer import Trainer
from tests.core.training.tiny import SPEC
from tests.faults.killing import Tell, run
from tests.faults.works import Kind, check_published

_CLASSES = ("glioma", "notumor", "pituitary")
_EPOCHS = 4


def write_dataset(folder: Path, count: int = 30) -> Path:
    """Write phantoms and a manifest of them: three fifths to train, a fifth each for the rest."""
    rows = []
    for number in range(count):
        label = _CLASSES[number % 3]
        lesion = None if label == "notumor" else label
        split = ("train", "train", "train", "val", "test")[number // 3 % 5]
        file = folder / "set" / label / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(
            to_png(to_grey_rgb(draw_phantom(number, size=48, lesion=lesion).slice.pixels))
        )
        rows.append([f"set/{label}/{number}.png", label, f"g{number}", split, "set"])
    with (folder / "manifest.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([["path", "label", "group", "split", "source"], *rows])
    return folder / "manifest.csv"


class Learning(Kind):
    """What training and publishing share."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        registry.MODELS["tiny"] = SPEC
        manifest = folder / "manifest.csv"
        self.config = TrainConfig(
            "tiny", str(manifest), epochs=_EPOCHS, batch_size=6, size=32, precision="float32"
        )

    def prepare(self) -> None:
        write_dataset(self.folder)


class Training(Learning):
    """Training, gone on with after every kill until the run is finished, then anew."""

    name = "training"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.number = 0

    @property
    def run(self) -> Path:
        return self.folder / "runs" / f"run-{self.number}"

    def next_try(self) -> None:
        """Start another run where this one is done, or was killed before its first state."""
        if not self.run.exists():
            return
        begun = (self.run / "config.json").exists()
        stored = (self.run / "last" / "state.safetensors").exists()
        if begun and (not stored or len(read_progress(self.run)["history"]) == _EPOCHS):
            self.number += 1

    def work(self, number: int, tell: Tell) -> None:
        resume = (self.run / "config.json").exists()
        config = read_config(self.run) if resume else replace(self.config, seed=self.number)
        history = Trainer(config, self.run, resume=resume).fit()
        assert [row["epoch"] for row in history] == list(range(1, _EPOCHS + 1))

    def check(self, told: Sequence[str]) -> str:
        cached = list((self.folder / "runs" / ".cache").glob("[!.]*.npy"))
        for file in cached:
            assert np.load(file, allow_pickle=False).shape == (30, 32, 32)
        if not (self.run / "config.json").exists():
            return f"{self.number}: nothing"
        read_config(self.run)
        info = read_run(self.run)
        for name in ("status.json", "history.json"):
            if (self.run / name).exists():
                json.loads((self.run / name).read_text())
        if (self.run / "best.weights.h5").exists():
            with h5py.File(self.run / "best.weights.h5") as stored:
                stored.visititems(lambda _, item: item[()] if hasattr(item, "shape") else None)
        if not (self.run / "last" / "state.safetensors").exists():
            assert info.history == []
            return f"{self.number}: 0 epochs"
        progress = read_progress(self.run)["history"]
        with safe_open(str(self.run / "last" / "state.safetensors"), framework="numpy") as tensors:
            assert all(np.isfinite(tensors.get_tensor(key)).all() for key in tensors.keys())  # noqa: SIM118
        assert info.history in (progress, progress[:-1]), "history.json is of another run"
        assert (self.run / "best.weights.h5").exists()
        return f"{self.number}: {len(progress)} epochs"

    def finish(self, number: int) -> None:
        super().finish(number)
        assert read_run(self.run).status == "finished"
        load_pool(read_manifest(Path(self.config.manifest)), 32, self.folder / "runs" / ".cache")


class Publishing(Learning):
    """Two runs published in turn under one name."""

    name = "publishing"

    def prepare(self) -> None:
        super().prepare()

        def both(tell: Tell) -> None:
            for seed in range(2):
                config = replace(self.config, seed=seed, epochs=1)
                Trainer(config, self.folder / "runs" / str(seed)).fit()
            self._publish(0)

        # In another process: the one that forks must not have computed anything.
        run(both, self.folder)

    def _publish(self, which: int) -> None:
        get_settings.cache_clear()
        publish(self.folder / "runs" / str(which), "mine", self.folder / "weights")

    def work(self, number: int, tell: Tell) -> None:
        self._publish((number + 1) % 2)

    def check(self, told: Sequence[str]) -> str:
        folder = self.folder / "weights" / "mine"
        found = check_published(folder)
        report = read_report(folder / "report.json")
        card = json.loads((folder / "card.json").read_text())
        assert card["metrics"]["test"]["accuracy"]["value"] == report["accuracy"]["value"]
        assert len((folder / "predictions.csv").read_text().splitlines()) == report["n"] + 1
        return found

    def finish(self, number: int) -> None:
        super().finish(number)
        load_folder(self.folder / "weights" / "mine")


KINDS: tuple[type[Kind], ...] = (Training, Publishing)
