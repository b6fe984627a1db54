"""Pieces of the Diagnose screen: choosing a model and a slice."""

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass

import streamlit as st

from core.data.phantom import SYNTHETIC
from core.errors import DatasetError
from core.imaging.overlay import to_grey_rgb
from core.inference import Predictor
from core.labels import describe
from core.models.registry import ModelStatus
from core.types import Slice
from ui import cache, cache_scans, links, scrub
from ui.errors import plain, shown
from ui.language import _
from ui.uploads import drop_field

_UPLOAD, _SAMPLE = "upload", "sample"


@dataclass(frozen=True, eq=False)
class Chosen:
    """The slice on the screen.

    Attributes:
        slice: The decoded slice.
        origin: Safe name of the file or sample.
        synthetic: Whether it is drawn by GliaLens.
        label: Key of the class that the dataset gives it; None if unknown.
        look: Where it lies among the slices that belong together; None for a single sample.
    """

    slice: Slice
    origin: str
    synthetic: bool = False
    label: str | None = None
    look: scrub.Look | None = None


def choose_model(statuses: list[ModelStatus]) -> ModelStatus:
    """Draw the model picker; models that aren't ready are listed with their reason."""
    by_name = {status.name: status for status in statuses}
    default = next((s.name for s in statuses if s.ready), statuses[0].name)
    links.follow("model", list(by_name), default)
    name = st.selectbox(
        _("Model"),
        list(by_name),
        format_func=lambda n: (
            by_name[n].title
            if by_name[n].ready
            else _("{model} (not ready)").format(model=by_name[n].title)
        ),
        key="model",
        persist_state="session",
    )
    links.publish("model", name)
    return by_name[name]


def choose_slice(models: Sequence[ModelStatus]) -> Chosen | None:
    """Draw the field for files and the sample picker, and return what was chosen.

    Args:
        models: The models that are to look at it: what they learned from is told of a sample.
    """
    samples = {sample.id: sample for sample in cache.samples()}
    if links.arriving("sample"):
        # What another page showed comes along; this page's own widgets may hold older choices.
        carried = links.carried("sample") is not None
        st.session_state["source"] = _SAMPLE if carried else _UPLOAD
    source = st.segmented_control(
        _("Scan"),
        [_UPLOAD, _SAMPLE],
        default=None if "source" in st.session_state else _UPLOAD,
        format_func=lambda s: _("Upload a scan") if s == _UPLOAD else _("Pick a sample"),
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
        _("Sample"),
        list(samples),
        format_func=lambda i: samples[i].title,
        key="sample",
        persist_state="session",
    )
    links.publish("sample", chosen)
    sample = samples[chosen]
    if sample.synthetic:
        st.caption(
            _(
                "Phantoms are drawn by GliaLens, not acquired: they show how the screen works. "
                "Set `GLIALENS_DATA_DIR` to a folder of class folders to pick real slices."
            )
        )
    elif sample.held_out and _of_our_split(models):
        st.caption(_("From the test split: neither this slice nor its twins were learned from."))
    else:
        st.caption(_("Whether the model learned from this slice isn't known."))
    if sample.depth:
        look = scrub.scrub(cache_scans.sample_stack(sample), sample.id)
        origin = look.origin.replace(look.slice.name, sample.title, 1)
        return Chosen(look.slice, origin, synthetic=True, look=look)
    with shown():
        return Chosen(cache.sample_slice(sample), sample.title, sample.synthetic, sample.label)


def _of_our_split(models: Sequence[ModelStatus]) -> bool:
    """Say whether all models learned from the manifest by which samples are called held out."""
    try:
        manifest = cache.manifest()
    except DatasetError:
        return False
    digests = {m.card.learned_from for m in models if m.card is not None}
    return manifest is not None and digests == {manifest.sha256}


def _uploaded() -> Chosen | None:
    uploads = drop_field()
    if not uploads:
        return None
    with st.spinner(_("Reading…")):
        reading = cache_scans.reading(uploads)
    look = scrub.choose(reading, cache_scans.digest(uploads))
    if look is None:
        st.stop()
    # A drawn picture that went through a batch comes back as a file, without its note.
    synthetic = any(upload.synthetic for upload in uploads)
    slice_ = look.slice.noted(SYNTHETIC) if synthetic else look.slice
    return Chosen(slice_, look.origin, synthetic, look=look)


def describe_origin(chosen: Chosen) -> None:
    """Say what is on the screen: its name, its size, and whether it is synthetic."""
    height, width = chosen.slice.shape
    with st.container(horizontal=True, vertical_alignment="center"):
        if chosen.synthetic:
            st.badge(_("Synthetic image"), icon=":material/draw:", color="orange")
        st.caption(
            _("{name} · {width} × {height} pixels").format(
                name=plain(chosen.origin), width=width, height=height
            )
        )
        if chosen.label is not None:
            st.caption(
                _("the dataset says: **{label}**").format(label=plain(describe(chosen.label).name))
            )


def preview(chosen: Chosen) -> None:
    """Show the slice beside its slider, where there is one: scrubbing needs eyes on the picture."""
    if chosen.look is not None and chosen.look.count > 1:
        st.image(
            to_grey_rgb(chosen.slice.pixels),
            width="stretch",
            alt=_("The slice as it was read"),
        )


def is_blank(slice_: Slice) -> bool:
    """Tell whether a slice holds one grey value, as at the ends of many volumes."""
    return bool(slice_.pixels.max() == slice_.pixels.min())


def show_warming(loading: Future[Predictor], status: ModelStatus) -> None:
    """Say whether a model is still loading in the background, and follow it until it is ready."""
    if not loading.done():
        _follow_warming(loading, status.title)
        return
    with shown():
        loading.result()
    st.caption(
        _(":material/check_circle: {model} is loaded and warm.").format(model=plain(status.title))
    )


@st.fragment(run_every=1.0)
def _follow_warming(loading: Future[Predictor], title: str) -> None:
    if loading.done():
        st.rerun()
    st.caption(
        _(":material/hourglass_top: {model} is loading in the background…").format(
            model=plain(title)
        )
    )
