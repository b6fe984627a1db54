import numpy as np
import pytest

from core.consensus import count_votes, hottest, overlap, overlaps
from core.errors import ModelNotReadyError
from core.types import Prediction

LABELS = ("glioma", "meningioma", "notumor")


def says(model, label, top=0.9, in_domain=None):
    rest = (1 - top) / 2
    p = np.array([top if name == label else rest for name in LABELS], np.float32)
    return Prediction(model, LABELS, np.log(p), p, 0.7, (label,), in_domain)


def test_one_model_is_alone():
    found = count_votes([says("cnn", "glioma")])
    assert (found.kind, found.total, found.leader) == ("alone", 1, "glioma")


def test_all_the_same_is_unanimous_and_counts_who_commits():
    found = count_votes([says("cnn", "glioma"), says("vgg16", "glioma", 0.6)])
    assert (found.kind, found.votes) == ("unanimous", {"glioma": ("cnn", "vgg16")})
    assert found.committed == ("cnn",)
    assert found.tumour is True


def test_more_than_half_is_a_majority_led_by_it():
    found = count_votes(
        [says("cnn", "notumor"), says("vgg16", "meningioma"), says("vgg19", "meningioma")]
    )
    assert (found.kind, found.leader) == ("majority", "meningioma")
    assert list(found.votes) == ["meningioma", "notumor"]
    assert found.tumour is None


def test_half_is_no_majority_and_the_surer_side_stands_first():
    found = count_votes([says("cnn", "glioma", 0.5), says("vgg16", "meningioma", 0.8)])
    assert (found.kind, found.leader) == ("split", "meningioma")
    assert found.tumour is True


def test_no_tumour_alone_is_a_side_too():
    assert count_votes([says("cnn", "notumor"), says("vgg16", "notumor")]).tumour is False


def test_who_finds_the_slice_strange_has_no_vote():
    found = count_votes(
        [says("cnn", "glioma"), says("vgg16", "glioma"), says("vgg19", "notumor", in_domain=False)]
    )
    assert (found.kind, found.votes) == ("partial", {"glioma": ("cnn", "vgg16")})
    assert (found.strange, found.committed) == (("vgg19",), ("cnn", "vgg16"))
    assert (found.voting, found.total, found.tumour) == (2, 3, True)


def test_a_majority_is_one_of_all_models_with_a_vote_or_without():
    found = count_votes(
        [
            says("a", "glioma"),
            says("b", "glioma"),
            says("c", "notumor"),
            says("d", "glioma", in_domain=False),
        ]
    )
    assert (found.kind, found.leader) == ("split", "glioma")


@pytest.mark.parametrize("names", [("cnn",), ("cnn", "vgg16", "vgg19")])
def test_if_all_find_it_strange_there_is_no_vote_at_all(names):
    found = count_votes([says(name, "glioma", 0.99, in_domain=False) for name in names])
    assert (found.kind, found.leader, found.tumour) == ("none", None, None)
    assert (found.votes, found.committed, found.strange) == ({}, (), names)


def test_nobody_is_refused():
    with pytest.raises(ModelNotReadyError, match=r"at least one ready model\. Received: none"):
        count_votes([])


def square(top, left, side=4, peak=1.0):
    cam = np.full((12, 12), 0.4 * peak, np.float32)
    cam[top : top + side, left : left + side] = peak
    return cam


def test_the_hottest_region_is_half_of_a_maps_own_peak():
    assert hottest(square(0, 0)).sum() == 16
    assert hottest(square(0, 0, peak=0.2)).sum() == 16
    assert not hottest(np.zeros((3, 3), np.float32)).any()
    assert not hottest(np.full((3, 3), np.nan, np.float32)).any()


def test_overlap_by_hand():
    assert overlap(square(0, 0), square(0, 0)) == 1.0
    assert overlap(square(0, 0), square(8, 8)) == 0.0
    # Two squares of 16 that share 4 x 2.
    assert overlap(square(0, 0), square(0, 2)) == pytest.approx(8 / 24)
    assert overlap(square(0, 0), np.zeros((12, 12), np.float32)) is None


def test_every_pair_with_maps_is_measured():
    maps = {"a": square(0, 0), "b": square(0, 0), "c": np.zeros((12, 12), np.float32)}
    assert overlaps(maps) == {("a", "b"): 1.0}
    assert overlaps({"a": square(0, 0)}) == {}
