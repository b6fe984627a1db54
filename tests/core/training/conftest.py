import csv

import numpy as np
import pytest
from PIL import Image

from core.data.manifest import read_manifest
from core.data.pool import load_pool
from core.models import registry
from core.training.config import TrainConfig
from tests.core.training.tiny import SPEC

LABELS = ("glioma", "notumor", "pituitary")


def draw(label, rng):
    """Draw a grey head with a class-dependent blob: enough for a network to learn from."""
    pixels = np.zeros((48, 48), np.uint8)
    pixels[4:44, 6:42] = 90 + rng.integers(0, 30, (40, 36))
    if label == "glioma":
        pixels[10:20, 10:20] = 230
    if label == "pituitary":
        pixels[26:36, 22:32] = 20
    return pixels


@pytest.fixture(scope="session")
def tiny_manifest(tmp_path_factory):
    """Two sources of drawn slices with boxes: 36 to train, 9 to validate, 9 to test."""
    root = tmp_path_factory.mktemp("dataset")
    rng = np.random.default_rng(0)
    rows, boxes = [], {"one": [], "two": []}
    for number in range(54):
        label = LABELS[number % 3]
        source = "one" if number % 2 else "two"
        split = "train" if number < 36 else "val" if number < 45 else "test"
        path = root / source / label / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(draw(label, rng)).save(path)
        rows.append([f"{source}/{label}/{number}.png", label, f"g{number}", split, source])
        if label == "glioma":
            boxes[source].append([f"{label}/{number}.png", 15 / 48, 15 / 48, 10 / 48, 10 / 48])
    for source, lines in boxes.items():
        with (root / source / "boxes.csv").open("w", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerows([["file", "x_center", "y_center", "width", "height"], *lines])
    with (root / "manifest.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerows([["path", "label", "group", "split", "source"], *rows])
    return root / "manifest.csv"


@pytest.fixture
def tiny_pool(tiny_manifest, tmp_path):
    return load_pool(read_manifest(tiny_manifest), 32, tmp_path / "cache")


@pytest.fixture(autouse=True, scope="session")
def tiny_architecture():
    registry.MODELS["tiny"] = SPEC
    yield
    registry.MODELS.pop("tiny", None)


@pytest.fixture
def tiny_config(tiny_manifest):
    return TrainConfig(
        "tiny",
        str(tiny_manifest),
        epochs=3,
        batch_size=6,
        size=32,
        precision="float32",
        dropout=0.3,
    )
