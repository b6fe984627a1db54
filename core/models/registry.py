"""The models GliaLens knows, as a table; listing it loads neither TensorFlow nor Keras."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from core.errors import ModelNotReadyError, UnknownModelError
from core.models.card import Card, read_card
from core.settings import get_settings
from core.wording import mark

if TYPE_CHECKING:
    import keras

WITHOUT_WEIGHTS: Final = mark("It ships without weights; train and publish it first.")


@dataclass(frozen=True)
class ModelSpec:
    """One row of the registry.

    Attributes:
        name: Name in commands, addresses and folders.
        title: Name for a person.
        summary: One sentence about the architecture.
        builder: `module:function` that builds the Keras model from (size, labels, head, ...).
        input_size: Side of the input in pixels that training uses unless told otherwise.
        source: The paper or the project the architecture comes from.
        ships: Whether weights of it ship with GliaLens.
    """

    name: str
    title: str
    summary: str
    builder: str
    input_size: int
    source: str
    ships: bool = True


MODELS: Final[dict[str, ModelSpec]] = {
    spec.name: spec
    for spec in (
        ModelSpec(
            "cnn",
            mark("CNN from scratch"),
            mark("Five blocks of convolution, batch normalisation, ReLU and max pooling."),
            "core.models.cnn:build_cnn",
            128,
            "GliaLens",
        ),
        ModelSpec(
            "vgg16",
            "VGG16",
            mark("Thirteen convolutions of 3 x 3 and a head of our own."),
            "core.models.vgg:build_vgg16",
            224,
            "Simonyan & Zisserman 2015, arXiv 1409.1556",
        ),
        ModelSpec(
            "vgg19",
            "VGG19",
            mark("Sixteen convolutions of 3 x 3 and a head of our own."),
            "core.models.vgg:build_vgg19",
            224,
            "Simonyan & Zisserman 2015, arXiv 1409.1556",
        ),
        ModelSpec(
            "resnet50",
            "ResNet50",
            mark("Fifty layers in bottleneck blocks with shortcuts, and a head of our own."),
            "core.models.residual:build_resnet50",
            224,
            "He et al. 2016, arXiv 1512.03385",
            ships=False,
        ),
        ModelSpec(
            "efficientnetb0",
            "EfficientNetB0",
            mark("Inverted bottlenecks with squeeze and excitation, and a head of our own."),
            "core.models.residual:build_efficientnetb0",
            224,
            "Tan & Le 2019, arXiv 1905.11946",
            ships=False,
        ),
    )
}


@dataclass(frozen=True)
class ModelStatus:
    """Whether a model can answer, and if not, why.

    Attributes:
        name: Name in the registry.
        title: Name for a person.
        ready: Whether weights and card are in place and belong together.
        reason: Why not, as a sentence; None if ready.
        card: The card of the published weights; None if there is none that can be read.
    """

    name: str
    title: str
    ready: bool
    reason: str | None
    card: Card | None


def get_spec(name: str) -> ModelSpec:
    """Return the row of a name.

    Raises:
        UnknownModelError: If there is none.
    """
    if name not in MODELS:
        known = ", ".join(MODELS)
        raise UnknownModelError(f"The model is one of: {known}. Received: {name!r}.")
    return MODELS[name]


def build(
    name: str, size: int | None, labels: Sequence[str], head: str = "lesion", **options: Any
) -> "keras.Model":
    """Build the untrained model of a name.

    Args:
        name: Name in the registry.
        size: Side of the input in pixels; None for any size that the network can halve.
        labels: Class keys in output order.
        head: `lesion`, `fine` or `average`; see `core.models.head`.
        **options: Passed on to the builder.

    Returns:
        A Keras model from float32 (batch, size, size, 1) to `logits` and, but for the
        `average` head, `lesion`.

    Raises:
        UnknownModelError: If the registry has no such name.
    """
    module, function = get_spec(name).builder.split(":")
    builder: Callable[..., keras.Model] = getattr(import_module(module), function)
    return builder(size, labels, head=head, **options)


def check_architecture(card: Card) -> None:
    """Check that a card names a network of the registry.

    Raises:
        ModelNotReadyError: If it doesn't.
    """
    if card.architecture not in MODELS:
        raise ModelNotReadyError(
            f"A card's architecture is one of: {', '.join(MODELS)}. "
            f"Received: {card.architecture!r}."
        )


def status(name: str, weights_dir: Path | None = None) -> ModelStatus:
    """Say whether a model is ready, from its folder alone: card, digest and number of classes.

    Args:
        name: Name in the registry.
        weights_dir: Folder of published weights; the settings' by default.

    Raises:
        UnknownModelError: If the registry has no such name.
    """
    spec = get_spec(name)
    folder = (weights_dir or get_settings().weights_dir) / name
    if not spec.ships and not (folder / "card.json").exists():
        return ModelStatus(name, spec.title, False, WITHOUT_WEIGHTS, None)
    try:
        card = read_card(folder)
    except ModelNotReadyError as error:
        return ModelStatus(name, spec.title, False, str(error), None)
    if not (folder / "weights.safetensors").is_file():
        reason = mark("A published model has weights.safetensors. Received: a folder without it.")
        return ModelStatus(name, spec.title, False, reason, card)
    from core.models.weights import check_weights

    try:
        check_architecture(card)
        check_weights(folder / "weights.safetensors", card)
    except ModelNotReadyError as error:
        return ModelStatus(name, spec.title, False, str(error), card)
    return ModelStatus(name, spec.title, True, None, card)


def statuses(weights_dir: Path | None = None) -> list[ModelStatus]:
    """Return `status` of every model, in the registry's order."""
    return [status(name, weights_dir) for name in MODELS]
