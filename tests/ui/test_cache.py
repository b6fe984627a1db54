import gc

from core.data.manifest import ManifestRow, write_manifest
from ui import cache


def test_a_loaded_model_is_out_of_the_garbage_collectors_sight(weights):
    gc.unfreeze()
    try:
        predictor = cache.warm("cnn").result(timeout=120)
        assert predictor.card.name == "cnn"
        # TensorFlow alone is hundreds of thousands of objects.
        assert gc.get_freeze_count() > 100_000
        assert len(gc.get_objects()) < gc.get_freeze_count()
    finally:
        gc.unfreeze()


def test_the_largest_share_is_of_the_slices_that_validate(tmp_path):
    groups = {"a": ("glioma", 4), "b": ("glioma", 2), "c": ("notumor", 4)}
    rows = [
        ManifestRow(f"{group}{i}.png", label, group, "val", "one")
        for group, (label, count) in groups.items()
        for i in range(count)
    ]
    path = tmp_path / "manifest.csv"
    write_manifest(path, rows, tmp_path)
    assert cache.largest_share(str(path)) == 0.6
    # One half holds the groups a and c, the other one b.
    assert {cache.largest_share(str(path), fold) for fold in ("1/2", "2/2")} == {0.5, 1.0}
    assert cache.largest_share(str(path), "3/2") is None
    assert cache.largest_share(str(tmp_path / "absent.csv")) is None
