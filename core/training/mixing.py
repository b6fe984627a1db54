"""How training slices are drawn, and how often lesions move between them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mixing:
    """Probabilities.

    Attributes:
        balance: 1 draws classes, and sources within a class, equally often; 0 draws slices
            equally often; in between interpolates.
        paste: Share of drawn no-tumour slices that receive a lesion.
        small: Share of these lesions that are shrunk, to a third of their size at the least.
        sham: Share of the other no-tumour slices that receive a patch of ordinary tissue and
            keep their label.
        mirror: Share of boxed, off-centre tumours that are covered by the other half.
        blend: Share of slices that are blended with the same place in another sequence, where
            there is one.
    """

    balance: float = 1.0
    paste: float = 0.35
    small: float = 0.0
    sham: float = 0.25
    mirror: float = 0.12
    blend: float = 0.0
