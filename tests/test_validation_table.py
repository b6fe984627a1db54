import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks import validation
from core.data.manifest import Manifest, ManifestRow
from core.errors import DatasetError
from core.evaluation.localisation import LocalisationResult


def pool(targets, sources):
    rows = [SimpleNamespace(group=f"g{k}", source=s) for k, s in enumerate(sources)]
    return SimpleNamespace(targets=np.array(targets), rows=rows)


def test_answers_are_scored_with_the_line_and_the_temperature_of_a_publication():
    """Two of three tumour-free slices lean to glioma; the line is drawn so that all stay."""
    logits = np.array([[2, 0], [1, 0], [0, 2], [1, 0], [0.5, 0]], np.float32)
    slices = pool([0, 0, 1, 1, 1], ["tcga-lgg"] * 4 + ["elsewhere"])
    row = validation.answers(logits, slices, np.arange(5), no_tumour=1)
    assert row["notumour_shift"] == pytest.approx(1.001)
    assert (row["notumour_kept"], row["tumours_found"]) == (1.0, 0.5)
    assert (row["right"], row["slices"], row["accuracy"]["value"]) == (4, 5, pytest.approx(0.8))
    # 1 - P orders two tumours and two others: three of four pairs, and one tie at 1.0.
    assert row["within_patient"]["auroc"]["value"] == pytest.approx(0.875)


def test_the_table_is_written_from_what_was_measured(tmp_path):
    row = {
        "right": 9,
        "slices": 10,
        "accuracy": {"value": 0.9, "low": 0.7, "high": 1.0},
        "log_loss": 0.25,
        "notumour_kept": 0.965,
        "within_patient": None,
        "localisation": {
            "pointing": {"value": 0.75, "low": 0.7, "high": 0.8},
            "per_class": {
                "glioma": {"pointing": {"value": 0.9}},
                "pituitary": {"pointing": {"value": 0.5, "low": 0.4, "high": 0.6}},
            },
        },
    }
    results, document = tmp_path / "validation.json", tmp_path / "page.md"
    results.write_text(json.dumps({"a network": row}))
    document.write_text("\n".join(["before", *validation.MARKERS, "after"]))
    validation.main(["--results", str(results), "--document", str(document), "--write"])
    lines = document.read_text().splitlines()
    line = next(line for line in lines if line.startswith("| a network |"))
    assert line.strip("| ").split(" | ")[1:] == [
        "9 of 10: 0.900 (0.700 to 1.000)",
        "0.2500",
        "0.965",
        "-",
        "0.750 (0.700 to 0.800)",
        "pituitary: 0.500 (0.400 to 0.600)",
    ]
    assert (lines[0], lines[-1]) == ("before", "after")


def test_a_network_of_a_fold_is_asked_about_its_own_fold(monkeypatch):
    """It learned from the other half, which would tell nothing of it; so its row names the fold."""
    rows = tuple(
        ManifestRow(f"{k}.png", ("glioma", "notumor")[k % 2], f"g{k}", "val", "one")
        for k in range(8)
    )
    card = SimpleNamespace(fold="2/2", input_size=32, learned_from="own")
    predictor = SimpleNamespace(card=card, labels=("glioma", "notumor"))
    origin = SimpleNamespace(predictor=predictor, shift=1.5, facts={"command": "train"})

    def load_pool(manifest, *_):
        targets = np.array([row.label == "notumor" for row in manifest.rows], np.int64)
        where = np.flatnonzero([row.split == "val" for row in manifest.rows])
        return SimpleNamespace(rows=manifest.rows, targets=targets, where=lambda _: where)

    hit = LocalisationResult(True, 1.0, False, "g0", "glioma")
    monkeypatch.setattr(validation, "open_origin", lambda *_, **__: origin)
    monkeypatch.setattr(validation, "load_pool", load_pool)
    monkeypatch.setattr(validation, "PoolLogits", lambda *_: lambda at: np.zeros((len(at), 2)))
    monkeypatch.setattr(validation, "localise", lambda *_: ([hit], [], {}))
    row = validation.measured("runs/half", Manifest(rows, Path(), "own"))
    assert (row["slices"], row["fold"]) == (4, "2/2")
    # What an earlier publication had added is taken off before the line is drawn.
    assert row["notumour_shift"] == pytest.approx(1.501)
    assert "| half (fold 2/2) |" in validation.table({"half": row})[2]
    assert validation.measured("runs/half", Manifest(rows, Path(), "other"))["slices"] == 8


def test_a_target_without_a_name_is_refused(tmp_path):
    with pytest.raises(DatasetError, match=r"NAME=TARGET. Received: 'weights/cnn'"):
        validation.main(["weights/cnn", "--results", str(tmp_path / "none.json")])
