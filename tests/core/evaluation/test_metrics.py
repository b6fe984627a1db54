import numpy as np
import pytest
from sklearn import metrics as oracle

from core.errors import DatasetError
from core.evaluation import metrics


@pytest.fixture
def scored():
    rng = np.random.default_rng(7)
    y = rng.integers(4, size=400)
    logits = rng.normal(size=(400, 4)) + 1.5 * np.eye(4)[y]
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    # Two digits make many ties.
    return y, np.round(probabilities, 2)


def test_confusion_matrix_by_hand():
    confusion = metrics.confusion_matrix([0, 0, 1, 1, 2], [0, 1, 1, 1, 0], 3)
    assert confusion.tolist() == [[1, 1, 0], [0, 2, 0], [1, 0, 0]]


def test_class_metrics_match_scikit_learn(scored):
    y, probabilities = scored
    predicted = probabilities.argmax(axis=1)
    confusion = metrics.confusion_matrix(y, predicted, 4)
    ours = metrics.class_metrics(confusion)
    precision, recall, f1, support = oracle.precision_recall_fscore_support(y, predicted)
    np.testing.assert_array_equal(confusion, oracle.confusion_matrix(y, predicted))
    np.testing.assert_allclose(ours["precision"], precision)
    np.testing.assert_allclose(ours["recall"], recall)
    np.testing.assert_allclose(ours["f1"], f1)
    for k in range(4):
        specificity = oracle.recall_score(y != k, predicted != k)
        assert ours["specificity"][k] == pytest.approx(specificity)
    assert metrics.accuracy(confusion) == pytest.approx(oracle.accuracy_score(y, predicted))
    assert metrics.macro_average(ours["f1"], support) == pytest.approx(
        oracle.f1_score(y, predicted, average="macro")
    )


def test_empty_denominators_follow_the_rule():
    # Class 1 is never predicted, class 2 has no image but one prediction.
    confusion = metrics.confusion_matrix([0, 0, 1], [0, 2, 0], 3)
    ours = metrics.class_metrics(confusion)
    np.testing.assert_allclose(ours["precision"], [0.5, 0.0, np.nan])
    np.testing.assert_allclose(ours["recall"], [0.5, 0.0, np.nan])
    np.testing.assert_allclose(ours["f1"], [0.5, 0.0, np.nan])
    np.testing.assert_allclose(ours["specificity"], [0.0, 1.0, 2 / 3])
    assert metrics.macro_average(ours["recall"], confusion.sum(axis=1)) == pytest.approx(0.25)


def test_a_class_that_has_every_image_has_no_specificity():
    ours = metrics.class_metrics(metrics.confusion_matrix([0, 0], [0, 1], 2))
    assert np.isnan(ours["specificity"][0])
    assert np.isnan(metrics.macro_average(ours["specificity"], np.array([2, 0])))


def test_roc_auc_with_ties_matches_scikit_learn(scored):
    y, probabilities = scored
    for k in range(4):
        expected = oracle.roc_auc_score(y == k, probabilities[:, k])
        assert metrics.roc_auc(y == k, probabilities[:, k]) == pytest.approx(expected)
    np.testing.assert_allclose(
        metrics.one_vs_rest_auc(y, probabilities).mean(),
        np.mean([oracle.roc_auc_score(y == k, probabilities[:, k]) for k in range(4)]),
    )


def test_roc_auc_by_hand():
    assert metrics.roc_auc([True, False], [0.5, 0.5]) == 0.5
    assert metrics.roc_auc([True, True, False, False], [0.9, 0.3, 0.5, 0.1]) == 0.75
    assert np.isnan(metrics.roc_auc([True, True], [0.1, 0.2]))


def test_weighted_roc_auc_matches_scikit_learn(scored):
    y, probabilities = scored
    weights = np.random.default_rng(1).integers(0, 4, size=(5, len(y))).astype(float)
    areas = metrics.weighted_roc_auc(y == 2, probabilities[:, 2], weights)
    for area, row in zip(areas, weights, strict=True):
        expected = oracle.roc_auc_score(y == 2, probabilities[:, 2], sample_weight=row)
        assert area == pytest.approx(expected)


def test_weighted_roc_auc_without_one_kind_is_nan():
    areas = metrics.weighted_roc_auc(
        np.array([True, False]), np.array([0.2, 0.1]), np.array([[1.0, 0.0], [1.0, 2.0]])
    )
    assert np.isnan(areas[0])
    assert areas[1] == 1.0


def test_curves_match_scikit_learn_before_thinning(scored):
    y, probabilities = scored
    scores = probabilities[:, 0]
    fpr, tpr = metrics.roc_curve(y == 0, scores, limit=10_000)
    expected_fpr, expected_tpr, _ = oracle.roc_curve(y == 0, scores)
    np.testing.assert_allclose(fpr, expected_fpr)
    np.testing.assert_allclose(tpr, expected_tpr)
    recall, precision = metrics.precision_recall_curve(y == 0, scores, limit=10_000)
    expected_precision, expected_recall, _ = oracle.precision_recall_curve(y == 0, scores)
    complete = int(np.sum(expected_recall >= 1.0)) - 1
    np.testing.assert_allclose(recall, expected_recall[complete:][::-1])
    np.testing.assert_allclose(precision, expected_precision[complete:][::-1])


def test_thinned_curves_keep_the_ends_and_the_area():
    rng = np.random.default_rng(3)
    positive = rng.random(20_000) < 0.4
    scores = rng.normal(size=20_000) + positive
    fpr, tpr = metrics.roc_curve(positive, scores)
    assert 100 < len(fpr) <= metrics.MAX_CURVE_POINTS
    assert (fpr[0], tpr[0], fpr[-1], tpr[-1]) == (0.0, 0.0, 1.0, 1.0)
    assert np.all(np.diff(fpr) >= 0)
    assert np.all(np.diff(tpr) >= 0)
    assert np.trapezoid(tpr, fpr) == pytest.approx(metrics.roc_auc(positive, scores), abs=2e-3)
    recall, precision = metrics.precision_recall_curve(positive, scores)
    assert len(recall) == len(precision) <= metrics.MAX_CURVE_POINTS
    assert (recall[0], precision[0], recall[-1]) == (0.0, 1.0, 1.0)


def test_curves_without_positives_are_empty():
    assert metrics.roc_curve([False, False], [0.1, 0.2])[0].size == 0
    assert metrics.precision_recall_curve([False, False], [0.1, 0.2])[0].size == 0


@pytest.mark.parametrize(
    ("y_true", "y_pred", "message"),
    [
        ([0, 4], [0, 1], r"class indices from 0 to 3. Received: 0 to 4"),
        ([0, -1], [0, 1], r"Received: -1 to 0"),
        ([0.5, 1.0], [0, 1], r"one integer class index per image. Received: .*float64"),
        ([0, 1], [0], r"one prediction per image. Received: 2 images, 1 predictions"),
    ],
)
def test_wrong_labels_are_refused(y_true, y_pred, message):
    with pytest.raises(DatasetError, match=message):
        metrics.confusion_matrix(y_true, y_pred, 4)


def test_scores_that_are_not_finite_are_refused():
    with pytest.raises(DatasetError, match=r"finite numbers. Received: 1 that"):
        metrics.roc_auc([True, False], [np.nan, 0.1])
