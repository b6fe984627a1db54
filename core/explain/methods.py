"""Class activation and saliency maps of a published model, from tf-keras-vis.

Logits are explained: a softmax lets a class gain because others lose, and a map of that shows
where the others lose. The one exception is Score-CAM's weights, which by its definition are
probabilities.
"""

from typing import TYPE_CHECKING, Any, Final

import keras
import numpy as np
from keras import layers as keras_layers

from core.explain.catalogue import DEFAULT, get_method
from core.explain.convolutions import activated, layers
from core.explain.grad_cam import target_layer
from core.imaging.preprocess import preprocess
from core.mirror import mean_maps, mirrored
from core.models.head import LOGITS_LAYER
from core.types import Explanation, FloatArray, Slice

if TYPE_CHECKING:
    from core.inference import Predictor

SAMPLES: Final = 16
"""Noisy copies of a SmoothGrad map."""
NOISE: Final = 0.15
"""Their noise's standard deviation, as a share of the slice's range."""
CHANNELS: Final = 64
"""Score-CAM tries at most as many channels, those that vary most (Faster Score-CAM)."""
INPUT_LAYER: Final = "input"
"""Stands for the layer where a method explains the pixels themselves."""


def resolve_layer(model: keras.Model, name: str | None) -> str:
    """Return the layer to explain.

    Args:
        model: From slices to logits.
        name: A name that `layers` lists, the name of a convolution itself, or None for the
            default: the last feature map, where features are most abstract but places are kept.

    Raises:
        ValueError: If the model has no such convolution.
    """
    if name is None:
        return target_layer(model)
    known = [layer.name for layer in layers(model)]
    if name in known:
        return name
    for layer in model.layers:
        if layer.name == name and isinstance(layer, keras_layers.Conv2D):
            last = str(activated(model, layer).name)
            if last in known:
                return last
    raise ValueError(f"A layer is one of: {', '.join(known)}. Received: {name!r}.")


def explain(
    slice_: Slice,
    predictor: "Predictor",
    method: str = DEFAULT,
    target: str | None = None,
    layer: str | None = None,
) -> Explanation:
    """Show where a model looked for one class.

    Args:
        slice_: A decoded slice.
        predictor: The model.
        method: A key of `core.explain.catalogue.METHODS`.
        target: Key of the class to explain; the predicted one by default.
        layer: See `resolve_layer`; of no effect on a method that isn't layered.

    Returns:
        The map at the slice's own size, its peak at 1; 0 everywhere where nothing speaks for
        the class. The same call gives the same map.

    Raises:
        ValueError: If the method, the class or the layer is unknown.
    """
    labels = predictor.labels
    if target is not None and target not in labels:
        raise ValueError(f"The class is one of: {', '.join(labels)}. Received: {target!r}.")
    layered = get_method(method).layered
    name = resolve_layer(predictor.model, layer) if layered else INPUT_LAYER
    image, geometry = preprocess(slice_, predictor.card.input_size)
    batch = image[np.newaxis]
    if target is None:
        target = labels[int(np.argmax(predictor.logits(batch)[0]))]
    position = labels.index(target)
    if method == DEFAULT and name == predictor.layer:
        # Compiled already, and the same map.
        grid = predictor.maps(batch)[1][0, position]
    else:
        grid = class_map(predictor, batch, method, position, name)
    cam = np.clip(geometry.map_to_slice(grid), 0.0, 1.0)
    return Explanation(target, np.asarray(cam, np.float32), method, name)


def class_map(
    predictor: "Predictor", image: FloatArray, method: str, position: int, layer: str
) -> FloatArray:
    """Compute the map of one class as a model answers: over both views where it takes two.

    Args:
        predictor: The model.
        image: See `input_map`, as are all others.
        method: A method.
        position: A class.
        layer: A layer.
    """
    grid = input_map(predictor.model, image, method, position, layer)
    if not predictor.card.mirrored:
        return grid
    other = input_map(predictor.model, mirrored(image), method, position, layer)
    return mean_maps(grid, other)


def input_map(
    model: keras.Model, image: FloatArray, method: str, position: int, layer: str
) -> FloatArray:
    """Compute one map over the model input.

    Args:
        model: From slices to logits.
        image: float32 of shape (1, size, size, 1), standardised.
        method: A key of `core.explain.catalogue.METHODS`.
        position: Position of the class among the outputs.
        layer: Name of the layer, as `resolve_layer` returns it.

    Returns:
        float32 of shape (rows, columns) of the layer (of the input for a saliency map), not
        negative, at most 1.

    Raises:
        ValueError: If the method is unknown.
    """
    get_method(method)
    if method == "smoothgrad":
        return _smoothgrad(model, image, position)
    return _unit(_cam(model, image, method, position, layer))


def _cam(
    model: keras.Model, image: FloatArray, method: str, position: int, layer: str
) -> FloatArray:
    """Ask tf-keras-vis, with its own search for a layer, resizing and normalising off."""
    import tensorflow as tf
    from tf_keras_vis.gradcam import Gradcam
    from tf_keras_vis.gradcam_plus_plus import GradcamPlusPlus
    from tf_keras_vis.layercam import Layercam
    from tf_keras_vis.scorecam import Scorecam
    from tf_keras_vis.utils.scores import CategoricalScore

    plain = _logits_model(model)
    options: dict[str, Any] = {
        "penultimate_layer": layer,
        "seek_penultimate_conv_layer": False,
        "expand_cam": False,
        "normalize_cam": False,
    }
    if method == "score-cam":
        channels = int(model.get_layer(layer).output.shape[-1])
        visualiser = Scorecam(plain, clone=False)
        cam = visualiser(
            CategoricalScore(position), image, max_N=min(CHANNELS, channels), **options
        )
        return np.asarray(cam, np.float32)[0]

    # The value of the score cancels out of every map here, but Grad-CAM++ takes its
    # exponential, which a large logit would overflow.
    def score(outputs: Any) -> Any:
        return outputs[:, position] - tf.stop_gradient(outputs[:, position])

    kinds = {"grad-cam": Gradcam, "grad-cam++": GradcamPlusPlus, "layer-cam": Layercam}
    return np.asarray(kinds[method](plain, clone=False)(score, image, **options), np.float32)[0]


def _logits_model(model: keras.Model) -> keras.Model:
    # A list, because tf-keras-vis calls its model with one.
    plain = keras.Model([model.input], model.output[LOGITS_LAYER])

    def predict(inputs: list[FloatArray], batch_size: int = 32) -> FloatArray:
        images = inputs[0]
        parts = [images[i : i + batch_size] for i in range(0, len(images), batch_size)]
        return np.concatenate([np.asarray(plain([part], training=False)) for part in parts])

    # Keras would compile anew for every call, and print a bar among a command's records.
    plain.predict = predict
    return plain


def _smoothgrad(model: keras.Model, image: FloatArray, position: int) -> FloatArray:
    """Average the gradient's magnitude over noisy copies that are the same at every call."""
    from tf_keras_vis.saliency import Saliency
    from tf_keras_vis.utils.scores import CategoricalScore

    spread = NOISE * float(image.max() - image.min())
    noise = np.random.default_rng(0).normal(0.0, spread, (SAMPLES, *image.shape[1:]))
    copies = (image + noise).astype(np.float32)
    saliency = Saliency(_logits_model(model), clone=False)
    gradients = saliency(
        CategoricalScore([position] * SAMPLES), copies, smooth_samples=0, normalize_map=False
    )
    mean = np.asarray(gradients, np.float32).mean(axis=0)
    # A handful of pixels would otherwise leave all others dark (Smilkov et al., section 3).
    return np.minimum(_unit(mean, float(np.percentile(mean, 99))), np.float32(1.0))


def _unit(grid: FloatArray, peak: float | None = None) -> FloatArray:
    values = np.maximum(np.nan_to_num(grid, nan=0.0, posinf=0.0, neginf=0.0), 0.0)
    peak = float(values.max()) if peak is None else peak
    return np.asarray(values / peak if peak > 0 else np.zeros_like(values), np.float32)
