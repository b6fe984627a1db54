"""Similar cases: what the model learned from that is most like the slice on the screen."""

from collections import Counter

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.errors import DatasetError, InputError
from core.imaging.overlay import to_grey_rgb
from core.labels import describe
from core.models.registry import ModelStatus
from core.similar import Neighbour, SimilarCases
from core.types import Slice
from core.wording import number
from ui import cache, cache_maps
from ui.errors import plain
from ui.language import _, told


def show(slice_: Slice, status: ModelStatus, seen: DeltaGenerator) -> None:
    """Show the nearest training slices, or what that would need.

    Args:
        slice_: The slice on the screen.
        status: The model that answered.
        seen: Where the warning goes that the model has learned from this very picture; it
            belongs beside the answer.
    """
    found, need = None, ""
    with st.spinner(_("Looking for similar training slices…")):
        try:
            found = cache_maps.similar_cases(status.name, slice_)
        except DatasetError as error:
            need = str(error)
    with st.expander(
        _("Similar training slices"), icon=":material/photo_library:", expanded=found is not None
    ):
        if found is None:
            st.info(plain(told(need)), icon=":material/info:")
            return
        _panel(found, status)
    if found.warning is not None:
        with seen:
            st.warning(
                _(
                    "**The model has seen this.** A training slice is nearly the same picture: "
                    "the answer may be remembered, and says nothing about slices that are new "
                    "to the model."
                ),
                icon=":material/visibility:",
            )


def _panel(found: SimilarCases, status: ModelStatus) -> None:
    neighbours = found.neighbours
    label, count = Counter(n.label for n in neighbours).most_common(1)[0]
    st.markdown(
        _("Of the {total} nearest, the dataset calls {count} **{label}**.").format(
            total=len(neighbours), count=count, label=plain(describe(label).name)
        )
    )
    with st.container(horizontal=True):
        for neighbour in neighbours:
            with st.container(width=116, gap="xsmall"):
                _thumbnail(neighbour)
    st.caption(
        _(
            "Nearest by the features on which {model} decides, not by a reader's eye. Likeness is "
            "the cosine between them: even the nearest of an unusual slice may be far from it."
        ).format(model=plain(status.title))
    )


def _thumbnail(neighbour: Neighbour) -> None:
    name = describe(neighbour.label).name
    try:
        slice_ = cache.file_slice(neighbour.path)
    except (InputError, OSError):
        st.caption(_("A training slice that can no longer be read."))
        return
    st.image(
        to_grey_rgb(slice_.pixels),
        width="stretch",
        alt=_("A training slice of the class {label}").format(label=name),
    )
    st.caption(
        _("{label} · likeness {value}").format(
            label=plain(name), value=number(neighbour.likeness, 2)
        )
    )
    if neighbour.twin:
        st.badge(_("Same picture"), icon=":material/visibility:", color="orange")
