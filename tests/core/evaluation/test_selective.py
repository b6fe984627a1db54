import numpy as np
import pytest

from core.evaluation.intervals import GroupBootstrap
from core.evaluation.selective import accuracy_coverage_curve, summarise_threshold

CONFIDENCE = np.array([0.4, 0.7, 0.69, 0.9])
CORRECT = np.array([False, True, False, True])


def test_a_confidence_at_the_threshold_is_accepted():
    summary = summarise_threshold(
        CONFIDENCE, CORRECT, 0.7, GroupBootstrap(["a", "b", "c", "d"], resamples=200)
    )
    assert summary["value"] == 0.7
    assert summary["coverage"]["value"] == 0.5
    assert summary["coverage"]["n"] == 4
    assert summary["accuracy"]["value"] == 1.0
    assert summary["accuracy"]["n"] == 2
    assert summary["coverage"]["low"] < 0.5 < summary["coverage"]["high"]


def test_curve_by_hand():
    curve = accuracy_coverage_curve(CONFIDENCE, CORRECT, np.array([0.0, 0.5, 0.7, 0.95]))
    assert [p["coverage"] for p in curve] == [1.0, 0.75, 0.5, 0.0]
    assert [p["accuracy"] for p in curve[:3]] == pytest.approx([0.5, 2 / 3, 1.0])
    assert np.isnan(curve[3]["accuracy"])


def test_curve_agrees_with_the_summary_at_every_threshold():
    rng = np.random.default_rng(0)
    confidence, correct = np.round(rng.random(300), 2), rng.random(300) < 0.6
    for point in accuracy_coverage_curve(confidence, correct):
        accepted = confidence >= point["threshold"]
        assert point["coverage"] == accepted.mean()
        if accepted.any():
            assert point["accuracy"] == pytest.approx(correct[accepted].mean())


def test_every_point_of_the_curve_has_the_intervals_of_its_threshold():
    bootstrap = GroupBootstrap(["a", "b", "c", "d"], resamples=200)
    curve = summarise_threshold(CONFIDENCE, CORRECT, 0.7, bootstrap)["curve"]
    moved = summarise_threshold(CONFIDENCE, CORRECT, 0.5, bootstrap)
    point = curve[50]
    assert point["coverage_interval"] == moved["coverage"]
    assert point["accuracy_interval"] == moved["accuracy"]
    assert moved["accuracy"]["low"] < 2 / 3 < moved["accuracy"]["high"]
    assert curve[95]["accuracy_interval"]["n"] == 0
