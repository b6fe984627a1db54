from collections import Counter
from dataclasses import replace

import pytest

from core.data.folds import deal_folds, keep_fold, parse_fold
from core.data.manifest import ManifestRow
from core.errors import RunError

# Forty validation slices in groups of two: twelve groups of glioma, eight without a tumour.
ROWS = (
    *(
        ManifestRow(f"{i}.png", "glioma" if i < 24 else "notumor", f"g{i // 2}", "val", "one")
        for i in range(40)
    ),
    ManifestRow("train.png", "glioma", "a", "train", "one"),
    ManifestRow("test.png", "glioma", "b", "test", "one"),
)


def test_every_fold_has_its_share_of_each_class():
    folds = deal_folds(ROWS, 4)
    counts = Counter((row.label, folds[row.group]) for row in ROWS if row.split == "val")
    assert counts == {(label, n): size for label, size in [("glioma", 6), ("notumor", 4)]
                      for n in (1, 2, 3, 4)}  # fmt: skip


def test_one_fold_validates_and_the_others_train():
    first, second = keep_fold(ROWS, "1/2"), keep_fold(ROWS, "2/2")
    kept = [{row.path for row in rows if row.split == "val"} for rows in (first, second)]
    assert len(kept[0]) == len(kept[1]) == 20
    assert not kept[0] & kept[1]
    for rows in (first, second):
        sides = {row.group: {r.split for r in rows if r.group == row.group} for row in rows}
        assert all(len(splits) == 1 for splits in sides.values())
        assert [replace(row, split="") for row in rows] == [replace(r, split="") for r in ROWS]
        assert [row.split for row in rows[-2:]] == ["train", "test"]


def test_without_a_fold_the_rows_stay_as_they_are():
    assert keep_fold(ROWS, "") == ROWS


def test_folds_do_not_depend_on_other_splits():
    assert deal_folds(ROWS[:40], 2) == deal_folds(ROWS, 2)


@pytest.mark.parametrize("text", ["1", "0/2", "3/2", "1/1", "1/10", "a/b", "1/2 ", "-1/2"])
def test_what_is_no_fold_is_refused(text):
    with pytest.raises(RunError, match=rf"such as 1/2\. Received: '{text}'"):
        parse_fold(text)
