"""What a person takes along of an answer: the report, the record, a case in the log."""

import json
from functools import partial
from pathlib import Path
from typing import Any, Final

import streamlit as st

from core import DISCLAIMER, __version__
from core.cases import Filters, open_case_log
from core.errors import CaseLogError
from core.imaging.overlay import overlay, to_grey_rgb, to_png
from core.imaging.quality import Quality
from core.models.registry import ModelStatus
from core.settings import get_settings
from core.types import Analysis
from ui.diagnose import Chosen
from ui.errors import show
from ui.language import _, current, speaking

_Key = tuple[str, str, str]
_SAVED: Final = "saved_cases"
_LOG: Final = "pages/8_Case_log.py"
_ROOT: Final = Path(__file__).resolve().parents[1]


def offer(chosen: Chosen, analysis: Analysis, quality: Quality, status: ModelStatus) -> None:
    """Draw the downloads and the button that saves a case."""
    with st.container(horizontal=True):
        st.download_button(
            _("Report (PDF)"),
            # A callable: the report is written when it is asked for.
            partial(pdf, chosen, analysis, status, current()),
            file_name=f"glialens-{analysis.prediction.model}.pdf",
            mime="application/pdf",
            icon=":material/picture_as_pdf:",
            on_click="ignore",
            help=_("Picture, overlay, probabilities and the model's record; no patient data."),
        )
        st.download_button(
            _("Record (JSON)"),
            json.dumps(record(chosen, analysis, quality), indent=1, ensure_ascii=False),
            file_name=f"glialens-{analysis.prediction.model}.json",
            mime="application/json",
            icon=":material/data_object:",
            on_click="ignore",
        )
        _offer_case(chosen, analysis, status)
    if not get_settings().case_log:
        st.caption(
            _("The case log is off. `GLIALENS_CASE_LOG=true` switches it on for this dashboard.")
        )


def pdf(chosen: Chosen, analysis: Analysis, status: ModelStatus, language: str) -> bytes:
    """Return the report as PDF: the slice as it was read, and the predicted class's own map.

    Args:
        chosen: The slice on the screen.
        analysis: The answer.
        status: The model.
        language: The screen's language; the report is written outside the session.
    """
    from core.pdf import write_report

    with speaking(language):
        return write_report(analysis, chosen.slice, None, status.card, synthetic=chosen.synthetic)


def record(chosen: Chosen, analysis: Analysis, quality: Quality) -> dict[str, Any]:
    """Return the JSON record of what is on the screen.

    It holds no pixels and no file tags; the slice is named by the digest of its pixels.
    """
    return {
        "file": chosen.origin,
        "slice": chosen.slice.index,
        "sha256": chosen.slice.sha256,
        "synthetic": chosen.synthetic,
        **analysis.prediction.to_record(),
        "threshold": analysis.prediction.threshold,
        "notes": list(chosen.slice.notes),
        "quality": {"ok": quality.ok, "reasons": list(quality.reasons)},
        "explanations": {k: {"method": e.method, "layer": e.layer}
                         for k, e in analysis.explanations.items()},
        "glialens": __version__,
        "disclaimer": DISCLAIMER,
    }  # fmt: skip


def _offer_case(chosen: Chosen, analysis: Analysis, status: ModelStatus) -> None:
    on = get_settings().case_log
    key = _key(chosen, status)
    saved: dict[_Key, int] = st.session_state.setdefault(_SAVED, {})
    if on and key in saved and not _kept(saved[key], key):
        del saved[key]
    st.button(
        _("Save to the case log"),
        key="save_case",
        icon=":material/bookmark_add:",
        disabled=not on or key in saved,
        on_click=_save,
        args=(chosen, analysis, status),
        help=_("Keeps the answer and a small picture; never the file's name or its tags."),
    )
    fault = st.session_state.pop("case_fault", None)
    if fault is not None:
        show(fault)
    if key in saved:
        st.caption(
            _(":material/check: Saved as case {number}.").format(number=saved[key]),
            width="content",
        )
        if (_ROOT / _LOG).is_file():
            st.page_link(_LOG, label=_("Open the case log"), icon=":material/list_alt:")


def _key(chosen: Chosen, status: ModelStatus) -> _Key:
    weights = status.card.sha256 if status.card is not None else ""
    return status.name, weights, chosen.slice.sha256


def _kept(number: int, key: _Key) -> bool:
    """Say whether a case is still in the log; another session may have deleted it, too."""
    model, weights, digest = key
    try:
        with open_case_log() as log:
            # A log that was begun anew gives the same numbers to other cases.
            found = log.list(Filters(model=model, pixel_digest=digest), limit=500).cases
    except CaseLogError:
        # Forgotten for a moment's fault, the same case would be saved twice.
        return True
    return any((case.id, case.weights_sha256) == (number, weights) for case in found)


def _save(chosen: Chosen, analysis: Analysis, status: ModelStatus) -> None:
    card = status.card
    try:
        with open_case_log() as log:
            case = log.add(
                analysis.prediction,
                chosen.slice,
                model_version=card.version if card else "",
                weights_sha256=card.sha256 if card else "",
                overlay_png=_picture(chosen, analysis),
            )
    except CaseLogError as error:
        st.session_state["case_fault"] = error
        return
    st.session_state[_SAVED][_key(chosen, status)] = case.id


def _picture(chosen: Chosen, analysis: Analysis) -> bytes:
    """Return the picture that a case keeps: the slice under the predicted class's map."""
    explanation = analysis.explanations.get(analysis.prediction.predicted)
    pixels = chosen.slice.pixels
    if explanation is None:
        return to_png(to_grey_rgb(pixels))
    return to_png(overlay(pixels, explanation.cam, threshold=0.2, contour=True))
