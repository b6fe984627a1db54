import json

import pytest

from core.data.manifest import ManifestRow, read_manifest, write_manifest
from core.data.phantom import write_phantom_dataset
from core.settings import get_settings
from tests.pages.conftest import FakePredictor, card

PAGES = ("pages/1_Diagnose.py", "pages/2_Compare_models.py", "pages/7_Playground.py")
UNSEEN = "neither this slice nor its twins were learned from"
UNKNOWN = "Whether the model learned from this slice isn't known."


@pytest.fixture
def teach(publish, folders, monkeypatch):
    """Publish models; each says on which manifest it was trained, the shipped one by default."""
    data = write_phantom_dataset(folders / "data", 1, layout="flat", size=64)
    paths = [path.relative_to(data).as_posix() for path in sorted(data.glob("*/*.png"))]
    rows = [ManifestRow(path, path.split("/")[0], path, "test", "data") for path in paths]
    write_manifest(folders / "weights" / "manifest.csv", rows, data)
    ours = read_manifest(folders / "weights" / "manifest.csv").sha256
    monkeypatch.setenv("GLIALENS_DATA_DIR", str(data))
    monkeypatch.setattr("core.inference.get_predictor", lambda name, *_: FakePredictor(name))
    get_settings.cache_clear()

    def teach(**manifests):
        for name, digest in manifests.items():
            trained = {"sources": {}} | ({"manifest_sha256": digest or ours})
            raw = card(name) | {"trained_on": trained}
            (publish(name) / "card.json").write_text(json.dumps(raw))

    return teach


@pytest.mark.parametrize("page", PAGES)
def test_a_sample_of_the_models_own_test_split_is_called_unseen(open_page, teach, texts, page):
    teach(cnn=None, vgg16=None)
    said = texts(open_page(page, sample="glioma-1"))
    assert UNSEEN in said
    assert UNKNOWN not in said


@pytest.mark.parametrize("page", PAGES)
def test_a_model_of_another_split_may_have_seen_a_sample(open_page, teach, texts, page):
    teach(cnn="f" * 64, vgg16=None)
    said = texts(open_page(page, sample="glioma-1"))
    assert UNSEEN not in said
    assert UNKNOWN in said


def test_another_model_s_split_says_nothing_of_the_chosen_one(open_page, teach, texts):
    teach(cnn="f" * 64, vgg16=None)
    assert UNSEEN in texts(open_page(PAGES[0], sample="glioma-1", model="vgg16"))


def test_without_a_model_nothing_is_claimed(open_page, teach, texts):
    teach()
    assert UNSEEN not in texts(open_page(PAGES[0], sample="glioma-1"))
