"""Cutting a network in two: a frozen trunk, and a rest that trains."""

from dataclasses import dataclass
from typing import Any

import keras

from core.errors import RunError
from core.models.head import head_input
from core.training.phases import BASE, Phase


@dataclass(frozen=True, eq=False)
class Cut:
    """A model in two parts that share its layers.

    Attributes:
        trunk: From the slice to the features; its layers don't train.
        rest: From the features to the model's outputs.
    """

    trunk: keras.Model
    rest: keras.Model


def freeze(model: keras.Model, phase: Phase) -> Cut | None:
    """Set which layers train in a phase, and cut the model there.

    Args:
        model: The whole model.
        phase: Names the frozen part.

    Returns:
        The two parts, or None where everything trains.

    Raises:
        RunError: If a layer is unknown, or the network can't be cut there in one place.
    """
    for layer in model.layers:
        layer.trainable = True
    if not phase.frozen:
        return None
    features = _boundary(model, phase)
    flag = "--fine-tune-from" if phase.before else "--freeze"
    name = phase.before or phase.through
    trunk = keras.Model(model.input, features)
    try:
        rest = keras.Model(features, model.output)
    except ValueError as error:
        raise RunError(
            f"{flag} names a layer that everything passes through. Received: {name}, "
            "which shortcuts go around."
        ) from error
    for layer in trunk.layers:
        layer.trainable = False
    if not rest.trainable_variables:
        raise RunError(f"{flag} leaves something to train. Received: {name}.")
    return Cut(trunk, rest)


def _boundary(model: keras.Model, phase: Phase) -> Any:
    if phase.through == BASE:
        return head_input(model)
    name, flag = phase.before or phase.through, "--fine-tune-from" if phase.before else "--freeze"
    if name not in {layer.name for layer in model.layers}:
        shown = [layer.name for layer in model.layers if layer.weights]
        known = ", ".join([*shown[:3], "…", *shown[-3:]])
        also = "" if phase.before else "base or "
        raise RunError(f"{flag} is {also}a layer of the model ({known}). Received: {name!r}.")
    layer = model.get_layer(name)
    tensor = layer.input if phase.before else layer.output
    if isinstance(tensor, list | tuple | dict) or name == model.layers[0].name:
        raise RunError(f"{flag} names a layer with one input behind the first. Received: {name!r}.")
    return tensor
