"""Examples of a dataset's classes, drawn anew on demand."""

from pathlib import Path

import numpy as np
import streamlit as st

from core.data.manifest import SPLITS, Manifest, ManifestRow
from core.imaging.overlay import to_grey_rgb
from core.labels import describe
from core.wording import number as written
from ui import cache
from ui.cells import picture_root
from ui.errors import noted, plain
from ui.language import _
from ui.reports import split_name

_PER_CLASS = 4


@st.fragment
def show(manifest: Manifest) -> None:
    """Draw a few slices of every class of a split and source.

    Args:
        manifest: The shipped manifest.
    """
    st.subheader(_("Examples"))
    if not manifest.rows:
        st.info(_("The manifest is empty."))
        return
    root = picture_root(manifest.rows[0].path)
    if root is None:
        st.info(
            _("Set `GLIALENS_DATA_DIR` to the dataset's folder to see examples of each class."),
            icon=":material/folder_open:",
        )
        return
    sources = sorted({row.source for row in manifest.rows})
    with st.container(horizontal=True, vertical_alignment="bottom"):
        source = st.selectbox(_("Source"), sources, key="example_source", width=240)
        split = st.selectbox(
            _("Split"), list(SPLITS), 0, format_func=split_name, key="example_split", width=180
        )
        draw = st.number_input(_("Draw"), 1, 999, 1, key="example_draw", width=140)
    chosen = [row for row in manifest.rows if (row.source, row.split) == (source, split)]
    if not chosen:
        st.info(_("This source has no slices in this split."))
        return
    for label in sorted({row.label for row in chosen}):
        rows = [row for row in chosen if row.label == label]
        st.markdown(
            _("**{label}**: {count} slices").format(
                label=describe(label).name, count=written(len(rows))
            )
        )
        with st.container(horizontal=True):
            for row in pick(rows, int(draw)):
                with st.container(width=150, gap="xsmall"), noted():
                    _picture(root, row)


def pick(rows: list[ManifestRow], draw: int) -> list[ManifestRow]:
    """Draw a few rows; the same draw gives the same rows.

    Args:
        rows: What to draw from.
        draw: Number of the draw.
    """
    order = np.random.default_rng(draw).permutation(len(rows))[:_PER_CLASS]
    return [rows[int(k)] for k in order]


def _picture(root: Path, row: ManifestRow) -> None:
    file = root / row.path
    if not file.is_file():
        st.warning(_("{file} isn't there any more.").format(file=plain(row.path)))
        return
    slice_ = cache.file_slice(file)
    height, width = slice_.shape
    st.image(
        to_grey_rgb(slice_.pixels),
        # Unbreakable, so that a size stays in one line.
        caption=f"{plain(file.name)} · {width}\u00a0×\u00a0{height}",
        width="stretch",
        alt=_("Example of {label}").format(label=describe(row.label).name),
    )
