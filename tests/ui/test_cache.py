import gc

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
