from core.labels import CLASSES
from core.models import registry
from core.models.summary import layer_rows


def test_the_table_counts_what_the_model_holds():
    model = registry.build("cnn", 32, CLASSES)
    rows = layer_rows(model)
    assert [row.name for row in rows] == [layer.name for layer in model.layers]
    assert sum(row.parameters for row in rows) == model.count_params()
    trainable = sum(int(weight.numpy().size) for weight in model.trainable_weights)
    assert sum(row.trainable for row in rows) == trainable < model.count_params()
    first = next(row for row in rows if row.kind == "Conv2D")
    channels = int(model.get_layer(first.name).output.shape[-1])
    assert first.shape == f"32 × 32 × {channels}"
    # 3 × 3 weights of one channel; normalisation brings the offsets.
    assert first.parameters == 9 * channels
