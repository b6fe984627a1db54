"""Where public training data come from, under which licences, and what follows for weights."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Source:
    """A public dataset.

    Attributes:
        name: Folder name, as in a manifest's `source` column.
        title: Title, author and place.
        license: Licence of the images.
    """

    name: str
    title: str
    license: str


SOURCES: Final[dict[str, Source]] = {
    source.name: source
    for source in (
        Source("brain-tumor-mri", "Brain Tumor MRI Dataset (M. Nickparvar, Kaggle)", "CC0 1.0"),
        Source("figshare-1512427", "Brain tumor dataset (J. Cheng, Figshare 1512427)", "CC BY 4.0"),
        Source(
            "tcga-lgg",
            "LGG Segmentation Dataset (M. Buda, Kaggle; TCIA TCGA-LGG)",
            "CC BY-NC-SA 4.0",
        ),
        Source(
            "br35h-external", "Br35H :: Brain Tumor Detection 2020 (A. Hamada, Kaggle)", "public"
        ),
    )
}
# From the most to the least demanding: weights carry the most demanding of their sources'.
_ORDER: Final = ("CC BY-NC-SA 4.0", "CC BY 4.0", "CC0 1.0")


def weights_license(sources: Iterable[str]) -> str:
    """Return the licence of weights trained on these sources.

    A source that isn't in the table leaves the licence open: "see the data's own terms".
    """
    licenses = {SOURCES[name].license if name in SOURCES else "" for name in sources}
    for license_ in _ORDER:
        if license_ in licenses:
            return license_ if "" not in licenses else f"{license_}, and the data's own terms"
    return "see the data's own terms"
