import numpy as np
import pytest
from sklearn.metrics import accuracy_score, confusion_matrix

from core.batch.rows import Row
from core.batch.score import score, splits_by_name
from core.data.manifest import ManifestRow
from core.types import Prediction

LABELS = ("glioma", "meningioma", "notumor", "pituitary")


def row(label, said, confidence=0.9, file="a.png", source=0, in_domain=True):
    values = np.full(4, (1 - confidence) / 3, np.float32)
    values[LABELS.index(said)] = confidence
    answer = Prediction("cnn", LABELS, np.log(values), values, 0.7, in_domain=in_domain)
    return Row(file, source, slices=1, label=label, prediction=answer)


def test_accuracy_and_confusion_agree_with_scikit_learn():
    rng = np.random.default_rng(0)
    true, said = rng.choice(LABELS, 60), rng.choice(LABELS, 60)
    rows = [row(t, s, source=k) for k, (t, s) in enumerate(zip(true, said, strict=True))]
    found = score(rows, LABELS)
    assert found.accuracy.value == pytest.approx(accuracy_score(true, said))
    assert found.accuracy.low < found.accuracy.value < found.accuracy.high
    assert found.confusion == confusion_matrix(true, said, labels=list(LABELS)).tolist()


def test_slices_of_one_file_count_as_one_draw():
    def many(files):
        return [
            row("glioma", "glioma" if k % files < files / 2 else "pituitary", source=k % files)
            for k in range(80)
        ]

    narrow, wide = score(many(80), LABELS).accuracy, score(many(4), LABELS).accuracy
    assert narrow.value == wide.value == 0.5
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)


def test_what_got_no_answer_is_counted_apart():
    rows = [
        row("glioma", "glioma"),
        row("glioma", "pituitary", confidence=0.5, source=1),
        row("glioma", "pituitary", source=2, in_domain=False),
        row(None, "pituitary", source=3),
        Row("b.png", 4, label="glioma", error="Received: nothing."),
    ]
    found = score(rows, LABELS)
    assert (found.accuracy.n, found.left_out) == (2, 2)
    assert found.accuracy.value == 0.5
    assert (found.accepted.value, found.accepted.n) == (1.0, 1)
    assert found.coverage.value == 0.5


def test_without_labels_there_is_no_score():
    assert score([row(None, "glioma")], LABELS) is None
    assert score([], LABELS) is None


def test_splits_are_told_by_folder_and_name():
    manifest = [
        ManifestRow("set/Testing/glioma/1.jpg", "glioma", "g1", "test", "set"),
        ManifestRow("set/Training/glioma/2.jpg", "glioma", "g2", "train", "set"),
        ManifestRow("set/a/glioma/3.jpg", "glioma", "g3", "train", "set"),
        ManifestRow("set/b/glioma/3.jpg", "glioma", "g4", "test", "set"),
    ]
    names = ["x.zip/glioma/1.jpg", "Glioma/2.jpg", "glioma/3.jpg", "pituitary/1.jpg", "1.jpg"]
    rows = [row(None, "glioma", file=name) for name in names]
    assert splits_by_name(rows, manifest) == {"train": 1, "val": 0, "test": 1, "unknown": 3}
