"""The field for files, and what was dropped into it: kept beyond a change of page."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final

import streamlit as st

from core.imaging.names import safe_name
from core.settings import get_settings
from ui import links
from ui.errors import plain
from ui.language import _, ngettext

TYPES: Final = [
    "jpg", "jpeg", "png", "bmp", "tif", "tiff", "webp", "dcm", "dicom", "ima", "nii", "gz", "zip",
]  # fmt: skip
"""Endings of what can be read; DICOM files often have none."""
_KEPT, _ROUND, _PASTE = "kept_upload", "upload_round", "paste"


@dataclass(frozen=True, eq=False)
class Upload:
    """One file as it came.

    Attributes:
        name: Its name, not safe to show.
        data: The whole file.
        digest: SHA-256 of name and bytes.
        synthetic: Whether GliaLens drew the picture itself; no file tells.
    """

    name: str = field(repr=False)
    data: bytes = field(repr=False)
    digest: str = ""
    synthetic: bool = False


def drop_field() -> tuple[Upload, ...]:
    """Draw the field for files and the one to paste into; return what is kept of either."""
    limit = get_settings().max_upload_mb
    files = st.file_uploader(
        _("JPEG, PNG, BMP, TIFF, WebP, DICOM, NIfTI or zip, up to {limit} MB each").format(
            limit=limit
        ),
        # No filter by name: files of a DICOM series mostly have no extension.
        accept_multiple_files=True,
        key=_field(),
        max_upload_size=limit,
        on_change=_keep,
        help=_(
            "Several files at once become one series: DICOM files by their position, pictures "
            "by the numbers in their names."
        ),
    )
    with st.popover(_("Paste a picture"), icon=":material/content_paste:"):
        st.caption(_("Click into the line, paste a copied picture (Ctrl+V), and press Enter."))
        st.chat_input(
            _("Paste here"),
            key=_PASTE,
            accept_file="multiple",
            max_upload_size=limit,
            on_submit=_keep_pasted,
        )
    kept: tuple[Upload, ...] = st.session_state.get(_KEPT, ())
    if kept and not files:
        # The browser's field is empty after a change of page; what was uploaded is still here.
        _still_showing(kept)
    return kept


def _still_showing(kept: tuple[Upload, ...]) -> None:
    first = plain(safe_name(kept[0].name))
    others = len(kept) - 1
    if others:
        text = ngettext(
            "Still showing {name} and {count} more.", "Still showing {name} and {count} more.",
            others,
        )  # fmt: skip
        st.caption(text.format(name=first, count=others))
    else:
        st.caption(_("Still showing {name}.").format(name=first))
    if st.button(_("Remove it"), icon=":material/close:", key="remove_upload"):
        del st.session_state[_KEPT]
        st.rerun()


def _field() -> str:
    """Key of the field; a new one empties it."""
    return f"upload_{st.session_state.get(_ROUND, 0)}"


def _keep() -> None:
    """Keep uploads beyond the widget's life, and drop them when the person removes them."""
    _store(st.session_state.get(_field()) or ())


def _keep_pasted() -> None:
    """Keep pasted files in place of dropped ones."""
    pasted = getattr(st.session_state.get(_PASTE), "files", None)
    if pasted:
        st.session_state[_ROUND] = st.session_state.get(_ROUND, 0) + 1
        _store(pasted)


def _store(files: Iterable[Any]) -> None:
    kept = tuple(_upload(file.name, file.getvalue()) for file in files)
    if kept:
        st.session_state[_KEPT] = kept
    else:
        st.session_state.pop(_KEPT, None)


def _upload(name: str, data: bytes, synthetic: bool = False) -> Upload:
    digest = sha256(name.encode("utf-8", errors="replace") + b"\0" + data).hexdigest()
    return Upload(name, data, digest, synthetic)


def hand_over(name: str, data: bytes, synthetic: bool = False) -> None:
    """Put one file into the field from another screen, in place of what was there.

    Args:
        name: Its name, not safe to show.
        data: The whole file.
        synthetic: Whether GliaLens drew the picture itself.
    """
    st.session_state[_ROUND] = st.session_state.get(_ROUND, 0) + 1
    st.session_state[_KEPT] = (_upload(name, data, synthetic),)
    st.session_state["source"] = "upload"
    # A sample that was seen elsewhere would come along and hide the file.
    links.forget("sample")
