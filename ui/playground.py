"""Pieces of the Playground screen: the sliders, and what the model makes of the disturbed scan."""

from dataclasses import dataclass
from typing import Any, Final

import streamlit as st

from core import figures
from core.imaging.disturb import DISTURBED, Disturbance
from core.imaging.overlay import overlay, to_grey_rgb, to_png
from core.labels import describe
from core.models.registry import ModelStatus
from core.reading import percent, why_not_accepted
from core.types import Analysis, Prediction, Slice
from ui import cache, inside, links, look_inside, result
from ui.diagnose import Chosen
from ui.errors import plain, shown
from ui.language import _


@dataclass(frozen=True)
class _Control:
    """One slider.

    Attributes:
        param: Name in the address.
        field: Field of `Disturbance`.
        low: Smallest value.
        high: Largest value.
        default: Value that changes nothing; its type is the slider's.
        step: Step of the slider.
        scale: What a value is divided by for the field.
        form: How a value is written.
    """

    param: str
    field: str
    low: float
    high: float
    default: float
    step: float
    scale: float = 100.0
    form: str = "%d %%"

    @property
    def key(self) -> str:
        """Key of the widget."""
        return f"play_{self.param}"


_MOVES: Final = (
    _Control("rotate", "rotation", -180, 180, 0, 5, 1.0, "%d°"),
    _Control("right", "shift_x", -30, 30, 0, 1),
    _Control("down", "shift_y", -30, 30, 0, 1),
)
_LEVELS: Final = (
    _Control("contrast", "contrast", 20, 300, 100, 5),
    _Control("gamma", "gamma", 0.3, 3.0, 1.0, 0.05, 1.0, "%.2f"),
)
_LOSSES: Final = (
    _Control("blur", "blur", 0.0, 5.0, 0.0, 0.25, 1.0, "%.2f %%"),
    _Control("noise", "noise", 0, 40, 0, 1),
)
_SEED: Final = _Control("seed", "seed", 0, 999, 0, 1, 1.0, "%d")
_HIDE: Final = _Control("hide", "hide_side", 0, 60, 0, 2)
_PLACE: Final = (
    _Control("hide_x", "hide_x", 0, 100, 50, 1),
    _Control("hide_y", "hide_y", 0, 100, 50, 1),
)
_ALL: Final = (*_MOVES, *_LEVELS, *_LOSSES, _SEED, _HIDE, *_PLACE)


def follow_link() -> None:
    """Take the sliders' values from the address; call it before `show`."""
    for control in _ALL:
        links.follow_number(control.param, control.key, control.low, control.high, control.default)
    links.follow("view", look_inside.VIEWS, look_inside.VIEWS[0])


@st.fragment
def show(chosen: Chosen, status: ModelStatus) -> None:
    """Draw everything that follows the sliders: pictures, probabilities, and the looks inside.

    Only this part runs when a slider moves.

    Args:
        chosen: The slice to disturb.
        status: A ready model.
    """
    screen, sliders = st.columns([2, 1], gap="large")
    with sliders:
        disturbance = _sliders()
    slice_ = inside.disturbed(chosen.slice, disturbance)
    with screen, shown():
        before = cache.analysis(status.name, chosen.slice)
        now = cache.analysis(status.name, slice_)
        _say(chosen, disturbance)
        # `_say` has told of the sliders already.
        result.show_warnings(chosen, now, (DISTURBED, *result.said_below(now.prediction)))
        _pictures(chosen, slice_, now)
        _answers(before.prediction, now, disturbance.active)
    look_inside.show(status, slice_, now, disturbed=disturbance.active)


def _sliders() -> Disturbance:
    st.button(
        _("Reset"), icon=":material/restart_alt:", key="play_reset", on_click=_reset,
        help=_("Puts every slider back; the scan is as it was read."), width="stretch",
    )  # fmt: skip
    names = {
        "rotate": _("Rotation"),
        "right": _("Shift to the right"),
        "down": _("Shift down"),
        "contrast": _("Contrast"),
        "gamma": _("Gamma"),
        "blur": _("Blur"),
        "noise": _("Noise"),
        "seed": _("Seed of the noise"),
        "hide": _("Grey square"),
        "hide_x": _("Square: from the left"),
        "hide_y": _("Square: from the top"),
    }
    helps = {
        "contrast": _("Around the mean of the head; air stays black."),
        "gamma": _("Exponent of the grey levels; below 1 brightens."),
        "blur": _("Standard deviation, of the longer side."),
        "noise": _("Rician, as in a magnitude image; standard deviation, of the grey range."),
        "hide": _("Side of a square that hides a region, of the longer side."),
    }

    def draw(control: _Control) -> float:
        return float(
            st.slider(
                names[control.param],
                control.low,
                control.high,
                step=control.step,
                format=control.form,
                key=control.key,
                help=helps.get(control.param),
                persist_state="session",
            )
        )

    values = {control: draw(control) for control in (*_MOVES, *_LEVELS, *_LOSSES)}
    if values[_LOSSES[1]]:
        values[_SEED] = draw(_SEED)
    values[_HIDE] = draw(_HIDE)
    if values[_HIDE]:
        values |= {control: draw(control) for control in _PLACE}
    fields: dict[str, Any] = {}
    for control in _ALL:
        value = values.get(control, float(control.default))
        fields[control.field] = int(value) if control is _SEED else value / control.scale
        if value == control.default:
            links.withdraw(control.param)
        else:
            links.publish(control.param, f"{value:g}")
    return Disturbance(**fields)


def _reset() -> None:
    for control in _ALL:
        st.session_state[control.key] = control.default


def _say(chosen: Chosen, disturbance: Disturbance) -> None:
    if disturbance.active:
        st.warning(
            _(
                "**This scan is disturbed on purpose.** It is no longer what was acquired, and "
                "what the model says of it is no finding."
            ),
            icon=":material/blur_on:",
        )
        if disturbance.hide_side:
            st.caption(
                _("A grey square is itself unlike any scan: a model may take it for a finding.")
            )
    elif chosen.synthetic:
        st.caption(_("As it was drawn. Move a slider to disturb it."))
    else:
        st.caption(_("As it was read. Move a slider to disturb it."))


def _pictures(chosen: Chosen, slice_: Slice, now: Analysis) -> None:
    label = now.prediction.predicted
    mark = _(" (synthetic)") if chosen.synthetic else ""
    left, right = st.columns(2)
    left.image(
        to_png(to_grey_rgb(slice_.pixels)),
        caption=_("What the model gets") + mark,
        width="stretch",
        alt=_("The slice, disturbed as the sliders say"),
    )
    explanation = now.explanations.get(label)
    if explanation is None:
        right.caption(_("This model gives no map of where it looked."))
        return
    name = plain(describe(label).name)
    right.image(
        to_png(overlay(slice_.pixels, explanation.cam, 0.6, "inferno", 0.2)),
        caption=_("Grad-CAM: {label}").format(label=name) + mark,
        width="stretch",
        alt=_("Heat map over the slice: where the model looked for {label}").format(label=name),
    )


def _answers(before: Prediction, analysis: Analysis, active: bool) -> None:
    now = analysis.prediction
    strange = now.in_domain is False
    if strange:
        result.no_answer(analysis)
        if active:
            st.markdown(_undisturbed(before))
    else:
        reason = why_not_accepted(now)
        text = _compared(before, now) if active else _written(now)
        if reason is None:
            st.markdown(text)
        else:
            st.markdown(f":gray[{text}]")
            st.markdown(f":gray[{_('Not accepted')}: {plain(reason)}]")
    pairs = dict(zip(now.labels, map(float, now.probabilities), strict=True))
    st.plotly_chart(
        figures.compact_bars(pairs, now.labels, now.threshold, greyed=strange),
        key="play_bars",
        config={"displayModeBar": False},
        alt=_("Calibrated probabilities: {list}").format(
            list=", ".join(f"{describe(k).name} {percent(p)}" for k, p in pairs.items())
        ),
    )
    st.caption(
        _("Calibrated probabilities; the mark is the {threshold} that an answer needs.").format(
            threshold=percent(now.threshold)
        )
    )


def _written(prediction: Prediction) -> str:
    return f"**{plain(describe(prediction.predicted).name)}** · {percent(prediction.confidence)}"


def _undisturbed(before: Prediction) -> str:
    """Say what the model made of the scan before it was disturbed."""
    if before.in_domain is False:
        return _("Undisturbed, the picture gets no diagnosis.")
    return _("Undisturbed: {answer}.").format(answer=_written(before))


def _compared(before: Prediction, now: Prediction) -> str:
    """Set the answer about the disturbed scan beside that about the scan as it was."""
    if before.in_domain is False:
        return f"{_written(now)}. {_undisturbed(before)}"
    if before.predicted == now.predicted:
        text = _("Still **{now}**: {confidence}, undisturbed {before_confidence}.")
    else:
        text = _(
            "The answer changed: now **{now}**, {confidence}; undisturbed "
            "**{before}**, {before_confidence}."
        )
    first, second = (plain(describe(p.predicted).name) for p in (before, now))
    return text.format(
        now=second,
        confidence=percent(now.confidence),
        before=first,
        before_confidence=percent(before.confidence),
    )
