import numpy as np
import pytest

from core.data.manifest import ManifestRow
from core.data.pool import Pool
from core.training.augment import AugmentConfig
from core.training.batches import TrainingBatches
from core.training.blending import blend, other_sequences
from core.training.mixing import Mixing

STILL = AugmentConfig(rotation=0, scale=0, shift=0, flip=0, style=0, invert=0)


def row(name, label="glioma", split="train", source="tcga-lgg"):
    return ManifestRow(f"{source}/{label}/{name}.jpg", label, "g", split, source)


def test_sequences_of_one_place_find_each_other():
    rows = [
        row("TCGA_CS_4941_19960909_11_flair"),
        row("TCGA_CS_4941_19960909_11_t1post"),
        row("TCGA_CS_4941_19960909_11_t1pre"),
        row("TCGA_CS_4941_19960909_12_flair"),
        row("TCGA_CS_4942_19970222_11_flair"),
        row("Tr-gl_0010", source="brain-tumor-mri"),
    ]
    found = {position: others.tolist() for position, others in other_sequences(rows).items()}
    assert found == {0: [1, 2], 1: [0, 2], 2: [0, 1]}


@pytest.mark.parametrize("change", [{"label": "notumor"}, {"split": "val"}, {"source": "other"}])
def test_label_split_and_source_part_them(change):
    first = "TCGA_CS_4941_19960909_11_flair"
    second = "TCGA_CS_4941_19960909_11_t1post"
    assert other_sequences([row(first), row(second, **change)]) == {}


def test_a_blend_lies_between_both_and_keeps_a_quarter_of_the_slice():
    rng = np.random.default_rng(0)
    image, other = np.full((8, 8), 200, np.uint8), np.full((8, 8), 40, np.uint8)
    values = [int(blend(image, other, rng)[0, 0]) for _ in range(300)]
    assert blend(image, other, rng).dtype == np.uint8
    assert 80 <= min(values) < 90
    assert 190 < max(values) <= 200


def sequences_pool():
    """Two places in two sequences, black on one and bright on the other, and a lone slice."""
    names = [f"{place}_{kind}" for place in (1, 2) for kind in ("flair", "t1")]
    rows = tuple(row(f"TCGA_CS_4941_19960909_{name}") for name in (*names, "3_flair"))
    images = np.zeros((5, 16, 16), np.uint8)
    images[1::2, 4:12, 4:12] = 200
    images[:, 0, 0] = 255
    return Pool(images, rows, (None,) * 5, ("glioma", "notumor"), np.zeros(5, np.int64))


def centres(blended):
    mixing = Mixing(balance=0.0, paste=0.0, sham=0.0, mirror=0.0, blend=blended)
    batches = TrainingBatches(sequences_pool(), 5, 1, STILL, mixing)
    return [
        (int(position), round(float(image[8, 8, 0] - image[2, 2, 0]), 3))
        for epoch in range(20)
        for position, image in zip(batches.draw(epoch), batches.batch(epoch, 0).images, strict=True)
    ]


def test_batches_blend_as_often_as_they_are_told():
    assert len({value for position, value in centres(0.0) if position in (0, 2)}) == 1
    assert len({value for position, value in centres(1.0) if position in (0, 2)}) > 10
    # A slice without another sequence stays as it is.
    assert {value for position, value in centres(1.0) if position == 4} == {0.0}
