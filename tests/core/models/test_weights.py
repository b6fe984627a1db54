import numpy as np
import pytest

from core.errors import ModelNotReadyError, RunError
from core.models import registry
from core.models.weights import assign_weights, read_weights, save_weights, transfer_weights

LABELS = ("glioma", "meningioma", "notumor", "pituitary")


@pytest.fixture
def model():
    return registry.build("cnn", 32, LABELS, filters=(4, 4, 4, 4, 4))


def test_weights_come_back_rounded_to_float16(model, tmp_path):
    path = tmp_path / "w.safetensors"
    digest = save_weights(model, path)
    other = registry.build("cnn", 32, LABELS, filters=(4, 4, 4, 4, 4))
    assign_weights(other, read_weights(path, digest))
    for mine, theirs in zip(model.weights, other.weights, strict=True):
        np.testing.assert_array_equal(
            np.array(mine).astype(np.float16).astype(np.float32), np.array(theirs)
        )


def test_another_file_than_the_cards_is_refused(model, tmp_path):
    path = tmp_path / "w.safetensors"
    digest = save_weights(model, path)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(ModelNotReadyError, match=f"SHA-256.*{digest[:12]}"):
        read_weights(path, digest)


def test_a_damaged_file_with_the_right_hash_is_refused(tmp_path):
    from hashlib import sha256

    path = tmp_path / "w.safetensors"
    path.write_bytes(b"not safetensors")
    with pytest.raises(ModelNotReadyError, match="damaged file"):
        read_weights(path, sha256(b"not safetensors").hexdigest())


def test_weights_of_another_shape_are_refused(model, tmp_path):
    wider = registry.build("cnn", 32, LABELS, filters=(4, 4, 4, 4, 8))
    path = tmp_path / "w.safetensors"
    digest = save_weights(wider, path)
    with pytest.raises(ModelNotReadyError, match=r"has shape.*Received"):
        assign_weights(model, read_weights(path, digest))


def test_weights_of_another_architecture_are_refused(model):
    with pytest.raises(ModelNotReadyError, match="those of this architecture"):
        assign_weights(model, {"other/kernel": np.zeros(3, np.float16)})


def test_weights_that_are_not_finite_are_not_saved(model, tmp_path):
    variable = model.weights[0]
    variable.assign(np.full(variable.shape, np.inf, np.float32))
    with pytest.raises(RunError, match="finite and fit float16"):
        save_weights(model, tmp_path / "w.safetensors")
    assert not list(tmp_path.iterdir())


def test_transfer_takes_what_fits_and_leaves_the_new_classes(model):
    tensors = {v.path: np.full(v.shape, 0.5, np.float16) for v in model.weights}
    student = registry.build("cnn", 32, ("a", "b", "c", "d", "e"), filters=(4, 4, 4, 4, 4))
    taken, total = transfer_weights(student, tensors)
    left = {v.path for v in student.weights if not np.all(np.array(v) == 0.5)}
    assert taken == total - 2
    assert left == {"logits/kernel", "logits/bias"}
