"""Classes: key, display name, colour and one plain sentence each.

The colours are taken from the Okabe-Ito palette, which stays distinguishable with the
common forms of colour blindness.
"""

from dataclasses import dataclass, replace
from typing import Final

from core.wording import _, mark, told

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
            mark("Glioma"),
            "#D55E00",
            mark("A tumour that grows from the glial cells of the brain itself."),
            True,
        ),
        Label(
            "meningioma",
            mark("Meningioma"),
            "#0072B2",
            mark("A tumour of the meninges, the membranes around the brain; most are benign."),
            True,
        ),
        Label(
            NO_TUMOUR,
            mark("No tumour"),
            "#009E73",
            mark("No tumour of these kinds is visible to the model on this slice."),
            False,
        ),
        Label(
            "pituitary",
            mark("Pituitary tumour"),
            "#CC79A7",
            mark("A tumour of the pituitary gland at the base of the brain."),
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

    Name and sentence are in the language of the moment (`core.wording`), for showing alone;
    `KNOWN` holds the English ones. The colour of an unknown key depends on the key alone, so
    it is the same everywhere.
    """
    if key in KNOWN:
        label = KNOWN[key]
        return replace(label, name=told(label.name), sentence=told(label.sentence))
    colour = _OTHER_COLOURS[sum(key.encode()) % len(_OTHER_COLOURS)]
    name = key.replace("_", " ").replace("-", " ").strip().capitalize() or _("Unnamed")
    sentence = _("A class of the dataset that this model was trained on.")
    return Label(key, name, colour, sentence, True)
