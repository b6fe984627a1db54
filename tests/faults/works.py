"""What is killed: each kind of work, and how to tell that its files are whole.

None of these needs TensorFlow; `tests.faults.learning` has those that do.
"""

import json
import shutil
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from core.cases import CaseLog
from core.data.manifest import meta_path, read_manifest, read_meta
from core.data.phantom import write_phantom_dataset
from core.data.split import make_split
from core.evaluation.inputs import EvaluationInputs
from core.evaluation.report import build_report
from core.evaluation.storage import read_report, write_predictions, write_report
from core.files import write_json
from core.models.card import read_card
from core.publish import _swap, recover
from core.types import Prediction, Slice
from tests.faults.killing import Tell

LABELS = ("glioma", "meningioma", "notumor", "pituitary")


class Kind(ABC):
    """A kind of work in a folder of its own.

    Args:
        folder: Where it works.
    """

    name: str
    by_changes = True
    """Whether some tries end before a change of the file system, besides those by the clock."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @abstractmethod
    def prepare(self) -> None:
        """Lay down what the work starts from, the old files among it."""

    @abstractmethod
    def work(self, number: int, tell: Tell) -> None:
        """Do try `number`."""

    @abstractmethod
    def check(self, told: Sequence[str]) -> str:
        """Assert that every file is whole, and return what tells its state from another."""

    def next_try(self) -> None:  # noqa: B027 - most have nothing to do
        """Get ready for another try after a kill; most go on from what is there."""

    def finish(self, number: int) -> None:
        """Do the work to its end after the last kill."""
        self.work(number, lambda _: None)

    def leftovers(self) -> int:
        """Count the temporary files that kills have left behind."""
        return sum(path.name.startswith(".") for path in self.folder.rglob("*"))


def digest(path: Path) -> str:
    """Return the digest of a file's bytes; empty where there is none."""
    return sha256(path.read_bytes()).hexdigest() if path.exists() else ""


class Splitting(Kind):
    """`split` with two seeds in turn, over the same manifest."""

    name = "splitting"

    def prepare(self) -> None:
        write_phantom_dataset(self.folder / "set", 3, seed=5, size=48)
        for place in ("0", "1", "out"):
            (self.folder / place).mkdir()
            make_split([self.folder / "set"], seed=int(place == "1")).write(self.target(place))

    def target(self, place: str) -> Path:
        return self.folder / place / "manifest.csv"

    def work(self, number: int, tell: Tell) -> None:
        make_split([self.folder / "set"], seed=(number + 1) % 2).write(self.target("out"))

    def check(self, told: Sequence[str]) -> str:
        manifest = self.target("out")
        states = []
        for file in (manifest, meta_path(manifest)):
            known = [digest(self.folder / place / file.name) for place in ("0", "1")]
            assert digest(file) in known, f"{file.name} is neither the old one nor the new one"
            states.append(str(known.index(digest(file))))
        read_manifest(manifest).check_files()
        assert read_meta(manifest)["root"] == "../set"
        return "".join(states)


class ReportWriting(Kind):
    """Report and predictions of two evaluations in turn, again and again."""

    name = "report writing"
    _TIMES = 40

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.inputs = [self._inputs(seed) for seed in range(2)]
        self.reports = [
            build_report(
                found,
                resamples=20,
                command="python -m core evaluate cnn",
                manifest={"sha256": "0" * 64, "name": "manifest.csv"},
            )
            for found in self.inputs
        ]

    @staticmethod
    def _inputs(seed: int) -> EvaluationInputs:
        rng = np.random.default_rng(seed)
        y, val_y = np.arange(160) % 4, np.arange(80) % 4

        def logits(targets: np.ndarray) -> np.ndarray:
            noise = rng.normal(size=(len(targets), 4))
            return (noise + 3 * np.eye(4)[targets]).astype(np.float32)

        return EvaluationInputs(
            labels=LABELS,
            y=y,
            logits=logits(y),
            groups=[f"g{k // 4}" for k in range(160)],
            sources=["phantoms"] * 160,
            paths=[f"{k}.png" for k in range(160)],
            split="test",
            model="cnn",
            validation_y=val_y,
            validation_logits=logits(val_y),
        )

    def _write(self, folder: Path, which: int) -> None:
        write_report(folder / "report.json", self.reports[which])
        write_predictions(folder / "predictions.csv", self.inputs[which], 1.0)

    def prepare(self) -> None:
        for place in ("0", "1"):
            self._write(self.folder / place, int(place))
        self._write(self.folder / "out", 0)

    def work(self, number: int, tell: Tell) -> None:
        for k in range(self._TIMES):
            self._write(self.folder / "out", (number + k + 1) % 2)

    def check(self, told: Sequence[str]) -> str:
        states = []
        for name in ("report.json", "predictions.csv"):
            known = [digest(self.folder / place / name) for place in ("0", "1")]
            found = digest(self.folder / "out" / name)
            assert found in known, f"{name} is neither the old one nor the new one"
            states.append(str(known.index(found)))
        read_report(self.folder / "out" / "report.json")
        return "".join(states)


class CaseSaving(Kind):
    """Cases saved one after the other; each tells its id once the log says it is kept."""

    name = "case saving"
    by_changes = False  # SQLite changes its files where no hook sees it.
    _TIMES = 40

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.url = f"sqlite:///{folder / 'cases.db'}"
        self.kept = 0

    def prepare(self) -> None:
        with CaseLog(self.url):
            pass

    def work(self, number: int, tell: Tell) -> None:
        p = np.array([0.7, 0.1, 0.1, 0.1], np.float32)
        with CaseLog(self.url) as log:
            for _ in range(self._TIMES):
                case = log.add(Prediction("cnn", LABELS, np.log(p), p, 0.7), Slice(p[None]))
                tell(str(case.id))

    def check(self, told: Sequence[str]) -> str:
        with CaseLog(self.url) as log:
            ids = {case.id for case in log.every()}
        with sqlite3.connect(self.folder / "cases.db") as plain:
            assert plain.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        plain.close()
        assert {int(line) for line in told} <= ids, "a case that was said to be kept is gone"
        # A case that was written, but whose process died before it could say so.
        assert self.kept + len(told) <= len(ids) <= self.kept + len(told) + 1
        self.kept = len(ids)
        return str(len(ids))

    def leftovers(self) -> int:
        """SQLite's journal belongs to the database and is no leftover."""
        return 0


class Swapping(Kind):
    """The last step of publishing: a finished folder takes the place of the old one."""

    name = "swapping a published folder"

    def _lay(self, folder: Path, which: int) -> None:
        folder.mkdir(parents=True)
        data = bytes([which]) * 4096
        (folder / "weights.safetensors").write_bytes(data)
        (folder / "history.json").write_text(json.dumps([{"epoch": which}]))
        write_json(folder / "card.json", _card(sha256(data).hexdigest(), which))

    def prepare(self) -> None:
        self._lay(self.folder / "weights" / "cnn", 0)

    def work(self, number: int, tell: Tell) -> None:
        recover(self.folder / "weights")
        for k in range(10):
            fresh = self.folder / "weights" / f".cnn.{number}-{k}.new"
            shutil.rmtree(fresh, ignore_errors=True)
            self._lay(fresh, (number + k + 1) % 2)
            _swap(fresh, self.folder / "weights" / "cnn")

    def check(self, told: Sequence[str]) -> str:
        return check_published(self.folder / "weights" / "cnn")


def _card(digest_: str, which: int) -> dict[str, Any]:
    texts = dict.fromkeys(("init", "command", "version", "created"), "for tests alone")
    return {
        "name": "cnn",
        "architecture": "cnn",
        "input_size": 32,
        "labels": list(LABELS),
        "temperature": 1.0 + which,
        "threshold": 0.7,
        "sha256": digest_,
        "trained_on": {},
        "metrics": {},
        "history_digest": sha256(json.dumps([{"epoch": which}]).encode()).hexdigest(),
        **texts,
    }


def check_published(folder: Path) -> str:
    """Assert that a published folder is of one piece; returns the digest of its weights."""
    card = read_card(folder)
    assert digest(folder / "weights.safetensors") == card.sha256, "not the card's weights"
    if gate := card.raw.get("gate"):
        assert digest(folder / "gate.safetensors") == gate["sha256"], "not the card's gate"
    if history := card.raw.get("history_digest"):
        assert digest(folder / "history.json") == history, "not the card's history"
    json.loads((folder / "history.json").read_text())
    return card.sha256


KINDS: tuple[type[Kind], ...] = (Splitting, ReportWriting, CaseSaving, Swapping)
