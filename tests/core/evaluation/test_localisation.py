import numpy as np
import pytest

from core.errors import DatasetError
from core.evaluation.localisation import (
    LocalisationResult,
    measure,
    point_in_box,
    summarise_localisation,
)

BOX = (0.25, 0.5, 0.2, 0.4)  # of 20 x 10: columns 3 to 7, rows 3 to 7


def peak(row, column, shape=(10, 20)):
    cam = np.zeros(shape, dtype=np.float32)
    cam[row, column] = 1.0
    return cam


def test_a_peak_inside_counts_and_holds_all_energy():
    result = measure(peak(5, 4), BOX, (5.0, 10.0), "p", tolerance=0)
    assert result == LocalisationResult(True, 1.0, False, "p")


def test_width_and_height_are_not_swapped():
    assert measure(peak(5, 6), BOX, (5, 5), "p", tolerance=0).peak_in_box
    assert not measure(peak(8, 4), BOX, (5, 5), "p", tolerance=0).peak_in_box
    assert not measure(peak(5, 8), BOX, (5, 5), "p", tolerance=0).peak_in_box


def test_the_tolerance_grows_the_box_for_peak_and_baseline_but_not_for_energy():
    result = measure(peak(5, 9), BOX, (5.0, 10.0), "p", tolerance=3)
    assert result == LocalisationResult(True, 0.0, True, "p")
    assert not measure(peak(5, 9), BOX, (5.0, 10.0), "p", tolerance=2).peak_in_box


def test_energy_of_a_flat_map_is_the_share_of_the_area():
    result = measure(np.ones((10, 20)), BOX, (5, 10), "p", tolerance=0)
    assert result.energy == pytest.approx(16 / 200)


def test_a_map_of_zeros_points_nowhere():
    result = measure(np.zeros((10, 20)), (0.5, 0.5, 1.0, 1.0), (5, 10), "p")
    assert result == LocalisationResult(False, 0.0, True, "p")


def test_point_in_box_counts_the_edge():
    assert point_in_box((3.0, 3.0), BOX, (10, 20))
    assert not point_in_box((2.9, 3.0), BOX, (10, 20))


@pytest.mark.parametrize(
    ("cam", "box", "message"),
    [
        (np.full((2, 2), -1.0), BOX, "not negative"),
        (np.full((2, 2), np.nan), BOX, "finite"),
        (np.zeros(4), BOX, r"2-D.*Received: shape \(4,\)"),
        (np.ones((2, 2)), (0.5, 0.5, 0.0, 0.1), "positive size"),
    ],
)
def test_wrong_maps_and_boxes_are_refused(cam, box, message):
    with pytest.raises(DatasetError, match=message):
        measure(cam, box, (1, 1), "p")


def test_summary_by_hand():
    results = [
        LocalisationResult(True, 0.5, False, "a"),
        LocalisationResult(True, 0.3, False, "b"),
        LocalisationResult(False, 0.1, True, "c"),
        LocalisationResult(True, 0.7, False, "c"),
    ]
    summary = summarise_localisation(results, resamples=100)
    assert summary["n"] == 4
    assert summary["pointing"]["value"] == 0.75
    assert summary["energy"]["value"] == pytest.approx(0.4)
    assert summary["centre_baseline"]["value"] == 0.25
    assert summary["pointing"]["low"] < 0.75 <= summary["pointing"]["high"]
    assert summary["per_class"] == {}


def test_a_class_whose_lesions_are_never_pointed_at_shows():
    hits = [(True, "glioma")] * 3 + [(False, "pituitary")] * 2 + [(True, "meningioma")]
    results = [
        LocalisationResult(hit, 0.5, False, str(k), label) for k, (hit, label) in enumerate(hits)
    ]
    found = summarise_localisation(results, resamples=100)["per_class"]
    values = {key: (row["n"], row["pointing"]["value"]) for key, row in found.items()}
    assert values == {"glioma": (3, 1.0), "meningioma": (1, 1.0), "pituitary": (2, 0.0)}
