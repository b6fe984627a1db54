"""Predict and explain one slice, four ways, beside the bare forward pass."""

import gc
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from benchmarks.networks import NETWORKS, compiled, noise, untrained, untrained_predictor
from benchmarks.timing import interleave, paired_ratio, summary
from core.data.phantom import draw_phantom
from core.models.head import LOGITS_LAYER
from core.models.precision import resolve
from core.types import FloatArray

FLOOR = "bare forward pass"
OURS = "ours: logits and Grad-CAM of every class"
WHOLE = "ours: decoded slice to answer and maps"
STUDENT = "usual app: predict, new model, eager tape"
VIS = "predict, then tf-keras-vis Grad-CAM"


def usual_app(model: keras.Model, layer: str) -> Callable[[FloatArray], FloatArray]:
    """Return predict and Grad-CAM as the Keras example has it, on every click anew."""
    import tensorflow as tf

    plain = keras.Model(model.input, model.output[LOGITS_LAYER])

    def click(images: FloatArray) -> FloatArray:
        chosen = int(np.argmax(plain.predict(images, verbose=0)[0]))
        grad_model = keras.Model(plain.input, [plain.get_layer(layer).output, plain.output])
        with tf.GradientTape() as tape:
            features, logits = grad_model(images)
            score = logits[:, chosen]
        gradient = tape.gradient(score, features)
        weights = tf.reduce_mean(gradient, axis=(0, 1, 2))
        heat = tf.maximum(tf.squeeze(features @ weights[..., tf.newaxis]), 0)
        return np.asarray(heat / tf.reduce_max(heat))

    return click


def keras_vis(model: keras.Model, layer: str) -> Callable[[FloatArray], FloatArray]:
    """Return predict and the Grad-CAM of tf-keras-vis, spared its copy of the model."""
    from tf_keras_vis.gradcam import Gradcam
    from tf_keras_vis.utils.scores import CategoricalScore

    plain = keras.Model([model.input], model.output[LOGITS_LAYER])
    visualiser = Gradcam(plain, clone=False)

    def click(images: FloatArray) -> FloatArray:
        chosen = int(np.argmax(plain.predict(images, verbose=0)[0]))
        score = CategoricalScore(chosen)
        return np.asarray(visualiser(score, images, penultimate_layer=layer)[0])

    return click


def measure(size: int, rounds: int) -> list[dict[str, Any]]:
    """Time every network; the usual ways in float32, as they come."""
    rows = []
    policy = resolve("auto")
    slice_ = draw_phantom(0, size=256).slice
    for name in NETWORKS:
        predictor = untrained_predictor(name, size, policy)
        plain = untrained(name, size, "float32")
        plain.set_weights(predictor.model.get_weights())
        images = noise(1, size)
        bare = compiled(predictor.model)
        student, vis = usual_app(plain, predictor.layer), keras_vis(plain, predictor.layer)
        seconds = interleave(
            {
                FLOOR: lambda bare=bare, x=images: bare(x),
                OURS: lambda p=predictor, x=images: p.maps(x),
                WHOLE: lambda p=predictor, s=slice_: p.analyse(s),
                STUDENT: lambda run=student, x=images: run(x),
                VIS: lambda run=vis, x=images: run(x),
            },
            rounds,
        )
        # The two that must be told apart by a few percent get many more turns.
        close = interleave(
            {
                FLOOR: lambda bare=bare, x=images: bare(x),
                OURS: lambda p=predictor, x=images: p.maps(x),
            },
            rounds * 4,
        )
        rows.append(
            {
                "model": name,
                "size": size,
                "precision": policy,
                "weights": "random",
                "times": {key: summary(value) for key, value in (seconds | close).items()},
                "ratio_to_floor": {
                    key: paired_ratio(value, seconds[FLOOR]) for key, value in seconds.items()
                }
                | {OURS: paired_ratio(close[OURS], close[FLOOR])},
                "faster_than_usual_app": paired_ratio(seconds[STUDENT], seconds[OURS]),
                "faster_than_tf_keras_vis": paired_ratio(seconds[VIS], seconds[OURS]),
            }
        )
        del predictor, plain, bare, student, vis, seconds, close
        keras.backend.clear_session()
        gc.collect()
    return rows
