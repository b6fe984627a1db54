import numpy as np
import pytest
from scipy.stats import binomtest

from core.errors import DatasetError
from core.evaluation.compare import accuracy_difference, ensemble_probabilities, mcnemar_exact


def outcomes(both, only_first, only_second):
    first = [True] * both + [True] * only_first + [False] * only_second
    second = [True] * both + [False] * only_first + [True] * only_second
    return first, second


@pytest.mark.parametrize(("a", "b"), [(8, 2), (2, 8), (5, 5), (1, 0), (900, 800)])
def test_mcnemar_matches_the_binomial_test(a, b):
    result = mcnemar_exact(*outcomes(3, a, b))
    assert (result.only_first, result.only_second) == (a, b)
    assert result.p_value == pytest.approx(binomtest(a, a + b).pvalue)


def test_equal_models_do_not_differ():
    assert mcnemar_exact([True, False], [True, False]).p_value == 1.0


def test_difference_of_accuracies_is_paired():
    first, second = outcomes(80, 20, 0)
    interval = accuracy_difference(first, second, [str(k) for k in range(100)], resamples=300)
    assert interval.value == pytest.approx(0.2)
    assert 0.1 < interval.low < 0.2 < interval.high < 0.3


def test_the_slices_of_one_patient_give_no_interval():
    interval = accuracy_difference([True, True, True, False, True], [True, False] * 2 + [False],
                                   ["a"] * 5)  # fmt: skip
    assert interval.value == pytest.approx(0.4)
    assert np.isnan([interval.low, interval.high]).all()


def test_different_images_are_refused():
    with pytest.raises(DatasetError, match=r"same images.*\(2,\) and \(1,\)"):
        mcnemar_exact([True, False], [True])
    with pytest.raises(DatasetError, match="2 images, 1 groups"):
        accuracy_difference([True, False], [True, True], ["a"])


def test_ensemble_is_the_mean():
    mean = ensemble_probabilities([[[0.8, 0.2]], [[0.4, 0.6]]])
    np.testing.assert_allclose(mean, [[0.6, 0.4]])


def test_ensemble_of_unlike_models_is_refused():
    with pytest.raises(DatasetError, match=r"one shape. Received: \[\(1, 2\), \(1, 3\)\]"):
        ensemble_probabilities([[[0.8, 0.2]], [[0.4, 0.3, 0.3]]])
    with pytest.raises(DatasetError, match="Received: none"):
        ensemble_probabilities([])
