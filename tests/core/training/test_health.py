import pytest

from core.training.health import find_trouble


def epochs(losses, val_losses=None, val_accuracies=None):
    val_losses, val_accuracies = val_losses or losses, val_accuracies or [0.9] * len(losses)
    return [
        {"epoch": k, "loss": a, "val_loss": b, "val_accuracy": c}
        for k, (a, b, c) in enumerate(zip(losses, val_losses, val_accuracies, strict=True), 1)
    ]


def kinds(*args, **options):
    return [trouble.kind for trouble in find_trouble(*args, **options)]


def test_a_healthy_run_has_no_trouble():
    assert kinds(epochs([1.0, 0.6, 0.4, 0.3]), classes=4) == []
    assert kinds([], classes=4) == []


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), None])
def test_a_loss_that_is_no_number(bad):
    assert kinds(epochs([1.0, 2.0, bad])) == ["not_finite"]


def test_a_growing_loss_needs_three_epochs():
    assert kinds(epochs([1.0, 9.0])) == []
    (trouble,) = find_trouble(epochs([1.0, 1.2, 1.6]))
    assert (trouble.kind, trouble.value, trouble.reference) == ("growing", 1.6, 1.0)


@pytest.mark.parametrize(
    ("accuracies", "share", "collapsed"),
    [
        ([0.30, 0.30, 0.30], 0.30, True),
        ([0.30, 0.3005, 0.30], 0.30, True),
        ([0.30, 0.32, 0.30], 0.30, False),  # it moves
        ([0.80, 0.80, 0.80], 0.30, False),  # still, but better than one class alone
        ([0.30, 0.30], 0.30, False),  # too few epochs
        ([0.90, 0.25, 0.25, 0.25], None, True),  # 1 in 4 classes
        ([0.45, 0.45, 0.45], None, False),
    ],
)
def test_a_collapse_stands_still_near_the_largest_class(accuracies, share, collapsed):
    history = epochs([1.0] * len(accuracies), val_accuracies=accuracies)
    found = kinds(history, largest_share=share, classes=4)
    assert found == (["collapsed"] if collapsed else [])


def test_without_classes_no_collapse_is_claimed():
    assert kinds(epochs([1.0] * 3, val_accuracies=[0.25] * 3)) == []


def test_overfitting_is_a_doubled_validation_loss_while_training_goes_on():
    assert kinds(epochs([1.0, 0.5, 0.2], [1.0, 0.4, 0.9])) == ["overfitting"]
    assert kinds(epochs([1.0, 0.5, 0.6], [1.0, 0.4, 0.9])) == []
