import os
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.data.assign import assign_groups, check_fractions
from core.data.fingerprint import Fingerprints, take_fingerprints
from core.data.grouping import Item, find_too_close
from core.data.manifest import read_manifest, read_meta
from core.data.neighbours import GUARD, cut_ranges, guard_drops, patient_of, place_of
from core.data.phantom import draw_phantom, write_phantom_dataset
from core.data.split import as_shipped_split, make_split
from core.data.twins import TWIN, Twins, find_twins
from core.errors import DatasetError


def grey(seed, lesion=None):
    return np.rint(draw_phantom(seed, 64, lesion).slice.pixels * 255).astype(np.uint8)


def put(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def darker(pixels):
    return np.rint(pixels * 0.85).astype(np.uint8)


def by_split(rows):
    out = defaultdict(set)
    for row in rows:
        out[row.group].add(row.split)
    return out


@pytest.fixture(scope="module")
def numbered(tmp_path_factory):
    """Two sources: numbered slices in which five neighbours are alike, and twins of some."""
    base = tmp_path_factory.mktemp("data")
    for number in [*range(1, 131), *range(180, 220)]:
        put(base / "figshare-1512427" / "glioma" / f"{number}.png", grey(number))
    for number in (10, 60, 61, 190):
        put(base / "mixed" / "glioma" / f"twin-{number}.png", darker(grey(number)))
    for number in range(40):
        put(base / "mixed" / "notumor" / f"own-{number}.png", grey(1000 + number))
    return base


@pytest.fixture(scope="module")
def split(numbered):
    return make_split([numbered / "figshare-1512427", numbered / "mixed"], seed=1)


def test_no_group_is_in_two_splits_and_all_splits_are_used(split):
    assert {row.split for row in split.rows} == {"train", "val", "test"}
    assert all(len(splits) == 1 for splits in by_split(split.rows).values())


def test_twins_share_a_group_across_sources(split):
    groups = {row.path: row.group for row in split.rows}
    for number in (10, 60, 61, 190):
        twin, slice_ = f"mixed/glioma/twin-{number}.png", f"figshare-1512427/glioma/{number}.png"
        assert (twin in groups) == (slice_ in groups)
        if twin in groups:
            assert groups[twin] == groups[slice_]
            assert groups[slice_].startswith("figshare-1512427/glioma/")


def test_no_kept_neighbours_closer_than_the_guard_straddle_splits(split):
    splits = {
        int(Path(row.path).stem): row.split
        for row in split.rows
        if row.source == "figshare-1512427"
    }
    edges = [n for n in sorted(splits) if splits.get(n + GUARD, splits[n]) != splits[n]]
    assert edges, "the fixture must have neighbouring ranges in different splits"
    for number, name in splits.items():
        for distance in range(1, GUARD):
            assert splits.get(number + distance, name) == name
    dropped = [item for item in split.excluded if "closer than 5" in item.reason]
    assert 0 < len(dropped) < 20


def test_each_stratum_comes_close_to_the_fractions(split):
    for labels in split.counts().values():
        total = sum(sum(counts.values()) for counts in labels.values())
        assert 0.55 <= sum(labels["train"].values()) / total <= 0.85


def test_every_image_is_either_kept_or_set_aside_once(numbered, split):
    files = {p.relative_to(numbered).as_posix() for p in numbered.rglob("*.png")}
    kept = [row.path for row in split.rows]
    aside = [item.path for item in split.excluded]
    assert sorted(kept + aside) == sorted(files)


def test_the_same_seed_gives_the_same_bytes_and_another_a_different_split(
    numbered, split, tmp_path
):
    roots = [numbered / "figshare-1512427", numbered / "mixed"]
    written = split.write(tmp_path / "a.csv")
    assert make_split(roots[::-1], seed=1).write(tmp_path / "b.csv").sha256 == written.sha256
    assert make_split(roots, seed=2).rows != split.rows
    read = read_manifest(tmp_path / "a.csv")
    assert read.root == numbered
    read.check_files()
    assert len(read_meta(tmp_path / "a.csv")["excluded"]) == len(split.excluded)


def test_copies_conflicts_ct_and_broken_files_are_set_aside_with_a_reason(tmp_path):
    root = tmp_path / "set"
    for number in range(12):
        put(root / "glioma" / f"{number:02}.png", grey(number))
    put(root / "glioma" / "20-copy.png", grey(3))
    put(root / "notumor" / "clash.png", darker(grey(5)))
    put(root / "notumor" / "fine.png", grey(50))
    (root / "notumor" / "empty.png").touch()
    good = (root / "glioma" / "00.png").read_bytes()
    (root / "notumor" / "cut.png").write_bytes(good[: len(good) // 2])
    result = make_split([root])
    assert {item.path: item.reason for item in result.excluded} == {
        "glioma/05.png": "Its twin notumor/clash.png is labelled notumor.",
        "glioma/20-copy.png": "An exact copy of glioma/03.png.",
        "notumor/clash.png": "Its twin glioma/05.png is labelled glioma.",
        "notumor/cut.png": "The image's content is broken or cut off.",
        "notumor/empty.png": "The file is empty (0 bytes).",
    }
    assert result.root == root
    assert {row.source for row in result.rows} == {"set"}


def test_slices_of_a_tcga_patient_stay_together(tmp_path):
    root = tmp_path / "tcga-lgg"
    for patient in range(6):
        for number in range(4):
            label = ("glioma", "notumor")[number % 2]
            name = f"TCGA_CS_{4940 + patient}_19960909_{number}_flair.png"
            put(root / label / name, grey(10 * patient + number))
    groups = by_split(make_split([root], (0.5, 0.25, 0.25)).rows)
    assert sorted(groups) == [f"tcga-lgg/TCGA_CS_{4940 + p}" for p in range(6)]
    assert all(len(splits) == 1 for splits in groups.values())
    assert set.union(*groups.values()) == {"train", "val", "test"}


def test_the_patient_is_read_from_the_name():
    assert patient_of("TCGA_CS_4941_19960909_11_flair") == "TCGA_CS_4941"
    assert patient_of("TCGA_HT_A61B_19991127_48_t1post") == "TCGA_HT_A61B"
    assert patient_of("Tr-no_0010") is None


def test_a_tcga_file_name_tells_the_place():
    assert place_of("TCGA_CS_4941_19960909_11_flair") == "TCGA_CS_4941_19960909_11"
    assert place_of("TCGA_CS_4941_19960909_11") == "TCGA_CS_4941_19960909_11"
    assert place_of("Tr-no_0010") is None


def test_ranges_break_at_holes_and_where_neighbours_are_least_alike():
    numbers = [*range(1, 71), *range(100, 110)]
    vectors = np.zeros((80, 2), np.float32)
    vectors[:36, 0] = 1.0
    vectors[36:, 1] = 1.0
    parts = [[numbers[p] for p in part] for part in cut_ranges(numbers, vectors)]
    assert [(part[0], part[-1]) for part in parts] == [(1, 36), (37, 70), (100, 109)]


def test_the_guard_takes_from_the_split_that_can_spare_most():
    weight = {"train": 0.7, "val": 0.15, "test": 0.15}
    places = [(n, "test") for n in range(1, 6)] + [(n, "train") for n in range(6, 12)]
    assert guard_drops(places, weight) == {6, 7, 8, 9}
    places = [(n, "train") for n in range(1, 6)] + [(n, "test") for n in range(6, 12)]
    assert guard_drops(places, weight) == {2, 3, 4, 5}
    # Distance counts numbers, not images: a hole of five needs no gap.
    assert guard_drops([(1, "train"), (6, "test")], weight) == set()
    assert guard_drops([(1, "train"), (2, "train")], weight) == set()


def test_a_twin_of_a_numbered_slice_stands_at_its_place_too():
    paths = [*(f"figshare-1512427/glioma/{n}.png" for n in (1, 2, 5)), "mixed/glioma/t.png"]
    items = [Item(path, "glioma", path.split("/")[0], None) for path in paths]
    prints = Fingerprints(
        tuple(paths), ("a", "b", "c", "d"), ((8, 8),) * 4, ("L",) * 4, np.empty(0), np.empty(0)
    )
    links = Twins(np.array([1]), np.array([3]), np.array([0.99]), np.array([False]))
    splits = {0: "train", 1: "train", 2: "test", 3: "train"}
    weight = {"train": 0.7, "val": 0.15, "test": 0.15}
    # 1 and 2 are closer than 5 to the test slice 5, and the twin shows slice 2.
    assert sorted(find_too_close(items, prints, splits, links, weight)) == [0, 1, 3]
    alone = Twins(np.array([], int), np.array([], int), np.array([]), np.array([], bool))
    assert sorted(find_too_close(items, prints, splits, alone, weight)) == [0, 1]


def test_groups_are_dealt_close_to_the_fractions_and_by_seed():
    groups = {f"g{k}": ["a"] * (1 + k % 3) + ["b"] * (k % 2) for k in range(200)}
    dealt = assign_groups(groups, (0.6, 0.2, 0.2), 0)
    for stratum in "ab":
        counts = dict.fromkeys(("train", "val", "test"), 0)
        for name, members in groups.items():
            counts[dealt[name]] += members.count(stratum)
        total = sum(counts.values())
        assert counts["train"] == pytest.approx(0.6 * total, abs=2)
        assert counts["val"] == pytest.approx(0.2 * total, abs=2)
    assert dealt == assign_groups(dict(reversed(groups.items())), (0.6, 0.2, 0.2), 0)
    assert dealt != assign_groups(groups, (0.6, 0.2, 0.2), 1)
    assert set(assign_groups(groups, (0.8, 0.0, 0.2), 0).values()) == {"train", "test"}


@pytest.mark.parametrize(
    "fractions",
    [(0.7, 0.3), (0.0, 0.5, 0.5), (0.7, 0.2, 0.2), (1.2, -0.1, -0.1), (float("nan"),) * 3],
)
def test_fractions_must_sum_to_one(fractions):
    with pytest.raises(DatasetError, match=r"sum to 1\. Received"):
        check_fractions(fractions)


def test_folders_that_share_a_name_or_nest_are_refused(tmp_path):
    for name in ("a/set", "b/set"):
        put(tmp_path / name / "x" / "1.png", grey(1))
    with pytest.raises(DatasetError, match="different names"):
        make_split([tmp_path / "a" / "set", tmp_path / "b" / "set"])
    with pytest.raises(DatasetError, match="inside each other"):
        make_split([tmp_path / "a", tmp_path / "a" / "set"])
    with pytest.raises(DatasetError, match="at least one dataset folder"):
        make_split([])


def test_the_shipped_split_is_kept_and_marked_as_leaking(tmp_path):
    root = write_phantom_dataset(tmp_path / "set", 10, size=32)
    result = as_shipped_split(root, seed=0, val_fraction=0.2)
    assert result.counts()["set"] == {
        split: dict.fromkeys(("glioma", "meningioma", "notumor", "pituitary"), count)
        for split, count in (("train", 8), ("val", 2), ("test", 10))
    }
    assert {r.split for r in result.rows if r.path.startswith("Testing/")} == {"test"}
    assert result.rows == as_shipped_split(root, seed=0, val_fraction=0.2).rows
    assert result.rows != as_shipped_split(root, seed=1, val_fraction=0.2).rows
    result.write(tmp_path / "m.csv")
    assert read_meta(tmp_path / "m.csv")["leaking"] is True


def test_a_flat_dataset_ships_no_split(tmp_path):
    root = write_phantom_dataset(tmp_path / "set", 1, layout="flat", size=32)
    with pytest.raises(DatasetError, match=r"'set' with none"):
        as_shipped_split(root)


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.timeout(900)
def test_real_twins_never_straddle_splits():
    data = Path(os.environ.get("GLIALENS_TEST_DATA", Path(__file__).parents[4] / "shared" / "data"))
    if not (data / "brain-tumor-mri").is_dir():
        pytest.skip("needs the real data beside the project")
    manifest = read_manifest(Path(__file__).parents[3] / "weights" / "manifest.csv", data)
    manifest.check_files()
    prints = take_fingerprints(data, [row.path for row in manifest.rows])
    twins = find_twins(prints, TWIN, radius=12)
    splits = np.array([row.split for row in manifest.rows])
    assert len(twins.first) > 3000
    assert (splits[twins.first] == splits[twins.second]).all()
    assert "br35h-external" not in {row.source for row in manifest.rows}
