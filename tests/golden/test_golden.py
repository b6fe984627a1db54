"""What a version answers, the next one answers, too."""

import json

import numpy as np
import pytest

from core.models.card import read_card
from core.settings import PROJECT_ROOT, get_settings
from tests.golden.slices import golden_slices, prepared_means
from tests.golden.write import FILE, predictions

TOLERANCE = 1e-3
GOLDEN = json.loads(FILE.read_text(encoding="utf-8"))
WEIGHTS = PROJECT_ROOT / "weights"
MODELS = sorted(
    {*GOLDEN["models"], *(file.parent.name for file in WEIGHTS.glob("[!.]*/card.json"))}
)


def test_the_golden_slices_are_drawn_decoded_and_prepared_as_before():
    found = prepared_means(golden_slices())
    assert list(found) == list(GOLDEN["prepared"])
    for name, quarters in found.items():
        # A twentieth of a grey value, for other builds of OpenCV.
        np.testing.assert_allclose(quarters, GOLDEN["prepared"][name], atol=0.05)


@pytest.mark.parametrize("name", MODELS)
def test_published_weights_answer_as_before(name, monkeypatch):
    if not (WEIGHTS / name / "weights.safetensors").is_file():
        pytest.skip(f"the weights of {name} are not here")
    golden = GOLDEN["models"].get(name)
    if golden is None or golden["sha256"] != read_card(WEIGHTS / name).sha256:
        # New weights answer otherwise, rightly. Only a person can say that they are meant.
        pytest.skip(f"{name} was published anew; regenerate with python -m tests.golden.write")
    monkeypatch.setenv("GLIALENS_PRECISION", "float32")
    get_settings.cache_clear()
    found = predictions(name)
    assert found["labels"] == golden["labels"]
    difference = max(
        float(np.abs(np.subtract(row, golden["probabilities"][key])).max())
        for key, row in found["probabilities"].items()
    )
    assert difference <= TOLERANCE
