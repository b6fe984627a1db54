"""Classes: key, display name, colour and one plain sentence each.

The colours are taken from the Okabe-Ito palette, which stays distinguishable with the
common forms of colour blindness.
"""

from dataclasses import dataclass
from typing import Final

NO_TUMOUR: Final = "notumor"


@dataclass(frozen=True)
class Label:
    """How one class is named and drawn.

    Attributes:
        key: Name in manifests, cards, JSON records and folders.
        name: Name for a person.
        colour: Hex colour, `#rrggbb`.
        sentence: One plain sentence about the class.
        tumour: Whether the class stands for a tumour.
    """

    key: str
    name: str
    colour: str
    sentence: str
    tumour: bool


KNOWN: Final[dict[str, Label]] = {
    label.key: label
    for label in (
        Label(
            "glioma",
            "Glioma",
            "#D55E00",
            "A tumour that grows from the glial cells of the brain itself.",
            True,
        ),
        Label(
            "meningioma",
            "Meningioma",
            "#0072B2",
            "A tumour of the meninges, the membranes around the brain; most are benign.",
            True,
        ),
        Label(
            NO_TUMOUR,
            "No tumour",
            "#009E73",
            "No tumour of these kinds is visible to the model on this slice.",
            False,
        ),
        Label(
            "pituitary",
            "Pituitary tumour",
            "#CC79A7",
            "A tumour of the pituitary gland at the base of the brain.",
            True,
        ),
    )
}

CLASSES: Final[tuple[str, ...]] = tuple(sorted(KNOWN))

_ALIASES: Final[dict[str, str]] = {
    "gliomatumor": "glioma",
    "meningiomatumor": "meningioma",
    "pituitarytumor": "pituitary",
    "notumor": NO_TUMOUR,
    "notumour": NO_TUMOUR,
    "healthy": NO_TUMOUR,
}
_OTHER_COLOURS: Final = ("#56B4E9", "#E69F00", "#F0E442", "#8C6BB1", "#999999")


def canonical(name: str) -> str:
    """Return the key of a class folder's name: `no_tumor` and `No Tumor` become `notumor`.

    Names that belong to no known class are kept as they are (stripped, lower case), so that
    a stranger's dataset keeps its own classes.
    """
    plain = name.strip().lower()
    squeezed = plain.replace("_", "").replace("-", "").replace(" ", "")
    return _ALIASES.get(squeezed, plain)


def describe(key: str) -> Label:
    """Return the `Label` of a key; an unknown key gets a readable default.

    The colour of an unknown key depends on the key alone, so it is the same everywhere.
    """
    if key in KNOWN:
        return KNOWN[key]
    colour = _OTHER_COLOURS[sum(key.encode()) % len(_OTHER_COLOURS)]
    name = key.replace("_", " ").replace("-", " ").strip().capitalize() or "Unnamed"
    return Label(key, name, colour, "A class of the dataset that this model was trained on.", True)
