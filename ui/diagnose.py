"""Pieces of the Diagnose screen: choosing a model and a slice."""

from concurrent.futures import Future
from dataclasses import dataclass
from hashlib import sha256

import streamlit as st

from core.imaging.names import safe_name
from core.inference import Predictor
from core.labels import describe
from core.models.registry import ModelStatus
from core.settings import get_settings
from core.types import Slice
from ui import cache, links
from ui.errors import plain, shown

TYPES = ["jpg", "jpeg", "png", "bmp", "tif", "tiff", "webp", "dcm", "dicom", "nii", "gz"]
_UPLOAD, _SAMPLE = "Upload a scan", "Pick a sample"
_UPLOADER, _KEPT = "upload", "kept_upload"


@dataclass(frozen=True, eq=False)
class Chosen:
    """The slice on the screen.

    Attributes:
        slice: The decoded slice.
        origin: Safe name of the file or sample.
        synthetic: Whether it is drawn by GliaLens.
        label: Key of the class that the dataset gives it; None if unknown.
    """

    slice: Slice
    origin: str
    synthetic: bool = False
    label: str | None = None


def choose_model(statuses: list[ModelStatus]) -> ModelStatus:
    """Draw the model picker; models that aren't ready are listed with their reason."""
    by_name = {status.name: status for status in statuses}
    default = next((s.name for s in statuses if s.ready), statuses[0].name)
    links.follow("model", list(by_name), default)
    name = st.selectbox(
        "Model",
        list(by_name),
        format_func=lambda n: by_name[n].title + ("" if by_name[n].ready else " (not ready)"),
        key="model",
        persist_state="session",
    )
    links.publish("model", name)
    return by_name[name]


def choose_slice() -> Chosen | None:
    """Draw the uploader and the sample picker, and return what was chosen."""
    samples = {sample.id: sample for sample in cache.samples()}
    if "sample" in st.query_params and "source" not in st.session_state:
        st.session_state["source"] = _SAMPLE
    source = st.segmented_control(
        "Scan",
        [_UPLOAD, _SAMPLE],
        default=None if "source" in st.session_state else _UPLOAD,
        required=True,
        key="source",
        persist_state="session",
        width="stretch",
    )
    if source == _UPLOAD:
        links.withdraw("sample")
        return _uploaded()
    links.follow("sample", list(samples), next(iter(samples)))
    chosen = st.selectbox(
        "Sample",
        list(samples),
        format_func=lambda i: samples[i].title,
        key="sample",
        persist_state="session",
    )
    links.publish("sample", chosen)
    sample = samples[chosen]
    if sample.synthetic:
        st.caption(
            "Phantoms are drawn by GliaLens, not acquired: they show how the screen works. "
            "Set `GLIALENS_DATA_DIR` to a folder of class folders to pick real slices."
        )
    elif sample.held_out:
        st.caption("From the test split: no model learned from this slice or its twins.")
    else:
        st.caption("Whether the model learned from this slice isn't known.")
    with shown():
        return Chosen(cache.sample_slice(sample), sample.title, sample.synthetic, sample.label)


def _uploaded() -> Chosen | None:
    limit = get_settings().max_upload_mb
    file = st.file_uploader(
        f"JPEG, PNG, BMP, TIFF, WebP, DICOM or NIfTI, up to {limit} MB",
        type=TYPES,
        key=_UPLOADER,
        max_upload_size=limit,
        on_change=_keep,
    )
    kept: tuple[str, bytes] | None = st.session_state.get(_KEPT)
    if kept is None:
        return None
    raw_name, data = kept
    name = safe_name(raw_name)
    if file is None:
        # The browser's field is empty after a change of page; what was uploaded is still here.
        st.caption(f"Still showing {plain(name)}.")
        if st.button("Remove it", icon=":material/close:"):
            del st.session_state[_KEPT]
            st.rerun()
    with shown():
        found = cache.slices(data, raw_name)
    if len(found) == 1:
        return Chosen(found[0], name)
    key = sha256(data).hexdigest()[:12]
    position = st.slider("Slice", 1, len(found), (len(found) + 1) // 2, key=f"slice_{key}")
    return Chosen(found[position - 1], f"{name}, slice {position} of {len(found)}")


def _keep() -> None:
    """Keep an upload beyond the widget's life, and drop it when the person removes it."""
    file = st.session_state.get(_UPLOADER)
    if file is None:
        st.session_state.pop(_KEPT, None)
    else:
        st.session_state[_KEPT] = (file.name, file.getvalue())


def describe_origin(chosen: Chosen) -> None:
    """Say what is on the screen: its name, its size, and whether it is synthetic."""
    height, width = chosen.slice.shape
    with st.container(horizontal=True, vertical_alignment="center"):
        if chosen.synthetic:
            st.badge("Synthetic image", icon=":material/draw:", color="orange")
        st.caption(f"{plain(chosen.origin)} · {width} × {height} pixels")
        if chosen.label is not None:
            st.caption(f"the dataset says: **{plain(describe(chosen.label).name)}**")


def show_warming(loading: Future[Predictor], status: ModelStatus) -> None:
    """Say whether a model is still loading in the background, and follow it until it is ready."""
    if not loading.done():
        _follow_warming(loading, status.title)
        return
    with shown():
        loading.result()
    st.caption(f":material/check_circle: {plain(status.title)} is loaded and warm.")


@st.fragment(run_every=1.0)
def _follow_warming(loading: Future[Predictor], title: str) -> None:
    if loading.done():
        st.rerun()
    st.caption(f":material/hourglass_top: {plain(title)} is loading in the background…")
