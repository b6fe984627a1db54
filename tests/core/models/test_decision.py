import numpy as np
import pytest

from core.models import registry
from core.models.decision import shift_no_tumour
from core.models.head import LOGITS_LAYER

LABELS = ("glioma", "meningioma", "notumor", "pituitary")


@pytest.mark.parametrize("head", ["lesion", "average"])
def test_no_tumour_gains_on_every_other_class_alike(head):
    model = registry.build("cnn", 32, LABELS, head)
    slices = np.random.default_rng(0).normal(size=(3, 32, 32, 1)).astype(np.float32)
    before = np.asarray(model(slices, training=False)[LOGITS_LAYER])
    shift_no_tumour(model, 2, 0.75)
    after = np.asarray(model(slices, training=False)[LOGITS_LAYER])
    gained = (after - before)[:, [2]] - (after - before)[:, [0, 1, 3]]
    np.testing.assert_allclose(gained, 0.75, atol=1e-5)
