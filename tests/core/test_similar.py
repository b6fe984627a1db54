from dataclasses import replace

import numpy as np
import pytest

from core.data.manifest import read_manifest
from core.data.phantom import draw_phantom
from core.errors import DatasetError
from core.imaging.decode import decode_image
from core.inference import Predictor, load_folder
from core.similar import SEEN, build_index, find_similar, index_path, read_index
from core.types import Slice
from tests.core.training.conftest import tiny_manifest  # noqa: F401


@pytest.fixture(scope="module")
def predictor(tiny_weights):
    return load_folder(tiny_weights / "cnn")


@pytest.fixture(scope="module")
def manifest(tiny_manifest):  # noqa: F811
    return read_manifest(tiny_manifest)


@pytest.fixture(scope="module")
def index_file(predictor, manifest, tmp_path_factory):
    steps = []
    path = tmp_path_factory.mktemp("index") / "cnn.safetensors"
    done = build_index(predictor, manifest, path, lambda *a: steps.append(a))
    assert done == path
    assert steps[-1][0] == steps[-1][1]
    return path


def training_slice(manifest, number=0):
    row = [row for row in manifest.rows if row.split == "train"][number]
    return row, decode_image((manifest.root / row.path).read_bytes())


def test_the_index_holds_the_training_split_alone(predictor, manifest, index_file):
    index = read_index(predictor, index_file)
    train = [row for row in manifest.rows if row.split == "train"]
    assert index.paths == tuple(row.path for row in train)
    assert index.labels == tuple(row.label for row in train)
    assert index.features.dtype == np.float16
    lengths = np.linalg.norm(index.features.astype(np.float32), axis=1)
    np.testing.assert_allclose(lengths, 1, atol=2e-3)


def test_slices_of_the_other_folds_are_in_the_index(predictor, manifest, tmp_path):
    raw = {**predictor.card.raw, "fold": "1/2"}
    trained_on = {**predictor.card.trained_on, "manifest_sha256": manifest.sha256}
    card = replace(predictor.card, raw=raw, trained_on=trained_on)
    folded = Predictor(card, predictor.model, predictor.calibrated, predictor.gate)
    index = read_index(folded, build_index(folded, manifest, tmp_path / "i.safetensors"))
    rows = {row.path: row.split for row in manifest.rows}
    learned = [path for path in index.paths if rows[path] == "val"]
    assert 0 < len(learned) < sum(split == "val" for split in rows.values())
    assert len(index.paths) - len(learned) == sum(split == "train" for split in rows.values())


@pytest.mark.parametrize("change", ["same", "brighter", "mirrored"])
def test_a_training_slice_is_recognised(predictor, manifest, index_file, change):
    row, slice_ = training_slice(manifest, 3)
    pixels = slice_.pixels
    if change == "brighter":
        pixels = pixels**0.9
    if change == "mirrored":
        pixels = np.ascontiguousarray(pixels[:, ::-1])
    found = find_similar(Slice(pixels), predictor, read_index(predictor, index_file), 36)
    assert found.warning == SEEN
    twins = [n for n in found.neighbours if n.twin]
    assert row.path in {n.name for n in twins}
    if change == "same":
        assert found.neighbours[0].name == row.path
        assert found.neighbours[0].label == row.label
        assert found.neighbours[0].likeness == pytest.approx(1.0, abs=2e-3)


def test_a_new_slice_has_neighbours_but_no_twin(predictor, index_file):
    slice_ = draw_phantom(987, size=96, lesion=None).slice
    found = find_similar(slice_, predictor, read_index(predictor, index_file), 4)
    assert found.warning is None
    assert len(found.neighbours) == 4
    likeness = [n.likeness for n in found.neighbours]
    assert likeness == sorted(likeness, reverse=True)
    assert all(n.path.is_file() for n in found.neighbours)


def test_without_an_index_the_message_says_what_is_needed(predictor, tmp_path):
    with pytest.raises(DatasetError, match=r"need the training images.*core index cnn"):
        read_index(predictor, tmp_path / "cnn.safetensors")


def test_a_damaged_index_is_refused(predictor, index_file, tmp_path):
    broken = tmp_path / "cnn.safetensors"
    broken.write_bytes(index_file.read_bytes()[:200])
    with pytest.raises(DatasetError, match=r"cnn\.safetensors, which is damaged"):
        read_index(predictor, broken)


def rewritten(index_file, path, **meta):
    from safetensors import safe_open
    from safetensors.numpy import save_file

    with safe_open(str(index_file), framework="numpy") as file:
        save_file({"features": file.get_tensor("features")}, str(path), {**file.metadata(), **meta})
    return path


def test_an_index_of_other_weights_is_refused(predictor, index_file, tmp_path):
    other = rewritten(index_file, tmp_path / "x.safetensors", sha256="0" * 64)
    with pytest.raises(DatasetError, match=r"exactly these weights.*an index of others"):
        read_index(predictor, other)


def test_where_the_dataset_has_gone_the_message_says_so(predictor, index_file, tmp_path):
    gone = rewritten(index_file, tmp_path / "x.safetensors", root=str(tmp_path / "gone"))
    with pytest.raises(DatasetError, match=r"no folder 'gone'"):
        read_index(predictor, gone)
    (tmp_path / "gone").mkdir()
    with pytest.raises(DatasetError, match="Received: none of 12 could be read"):
        find_similar(draw_phantom(1, size=64).slice, predictor, read_index(predictor, gone))


def test_at_least_one_neighbour_is_asked_for(predictor, index_file):
    with pytest.raises(ValueError, match=r"Received: 0"):
        find_similar(draw_phantom(1).slice, predictor, read_index(predictor, index_file), 0)


def test_the_index_is_local_and_never_shipped(weights, monkeypatch, tmp_path):
    from core.settings import get_settings

    monkeypatch.setenv("GLIALENS_RUNS_DIR", str(tmp_path))
    get_settings.cache_clear()
    assert index_path("cnn") == tmp_path / "similar" / "cnn.safetensors"
