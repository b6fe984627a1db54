"""The explanation methods, as a table: listing it loads neither TensorFlow nor Keras."""

from dataclasses import dataclass
from typing import Final

from core.wording import mark

DEFAULT: Final = "grad-cam"


@dataclass(frozen=True)
class Method:
    """One row of the table.

    Attributes:
        key: Name in commands, records and addresses.
        name: Name for a person.
        sentence: What it does, in one plain sentence.
        speed: `instant`, `fast` or `slow`, relative to a prediction.
        layered: Whether the person chooses the layer; a saliency map has none.
        source: The paper.
    """

    key: str
    name: str
    sentence: str
    speed: str
    layered: bool
    source: str


METHODS: Final[dict[str, Method]] = {
    method.key: method
    for method in (
        Method(
            DEFAULT,
            "Grad-CAM",
            mark("Weighs each feature map by how strongly the answer depends on it on the whole."),
            "instant",
            True,
            "Selvaraju et al. 2017, arXiv 1610.02391",
        ),
        Method(
            "grad-cam++",
            "Grad-CAM++",
            mark(
                "Like Grad-CAM, but counts only what speaks for the answer, so that several spots "
                "show together."
            ),
            "fast",
            True,
            "Chattopadhay et al. 2018, arXiv 1710.11063",
        ),
        Method(
            "layer-cam",
            "LayerCAM",
            mark(
                "Weighs each place of each feature map by itself, so that early, fine layers can "
                "be read, too."
            ),
            "fast",
            True,
            "Jiang et al. 2021, IEEE TIP 30:5875-5888",
        ),
        Method(
            "score-cam",
            "Score-CAM",
            mark(
                "Shows the model the slice through each of its feature maps and keeps what scores "
                "well; it needs no gradient."
            ),
            "slow",
            True,
            "Wang et al. 2020, arXiv 1910.01279",
        ),
        Method(
            "smoothgrad",
            mark("SmoothGrad saliency"),
            mark(
                "Marks the single pixels whose change would move the answer most, averaged over "
                "noisy copies."
            ),
            "slow",
            False,
            "Smilkov et al. 2017, arXiv 1706.03825",
        ),
    )
}
"""Every method by its key, the default first."""


def get_method(key: str) -> Method:
    """Return the row of a key.

    Raises:
        ValueError: If there is none.
    """
    if key not in METHODS:
        raise ValueError(f"A method is one of: {', '.join(METHODS)}. Received: {key!r}.")
    return METHODS[key]
