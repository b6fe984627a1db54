"""Training: start, watch, stop, resume and publish runs; the curves of all of them."""

import streamlit as st

from core import figures
from core.settings import get_settings
from ui import run_control, runs, shell, train_form
from ui.language import _

shell.begin(
    _("Training"),
    ":material/show_chart:",
    _("How the models learned: every run and every published model on the same axes."),
)
train_form.note_started()
run_control.show_live()
run_control.show_troubled_starts()

found = runs.histories()
with st.expander(
    _("Start a run"), icon=":material/add:", expanded=not found and not run_control.busy()
):
    if get_settings().jobs:
        train_form.show()
    else:
        st.info(_("Starting processes from here is switched off (GLIALENS_JOBS)."))
run_control.show_manage()

if not found:
    st.info(
        _(
            "Nothing was trained yet. Start a run above, or with "
            "`python -m core train --model cnn --manifest weights/manifest.csv --out runs/first`; "
            "its curves show here from the first epoch on."
        ),
        icon=":material/show_chart:",
    )
    st.stop()

st.subheader(_("Curves"))
runs.keep_choice(found)
names = st.multiselect(
    _("Runs"),
    list(found),
    format_func=runs.run_title,
    default=None if "runs_chosen" in st.session_state else runs.first_choice(found),
    key="runs_chosen",
    persist_state="session",
)
if not names:
    st.info(_("Choose one or more runs."), icon=":material/show_chart:")
    st.stop()

left, right = st.columns([2, 1], vertical_alignment="bottom")
metric = left.segmented_control(
    _("Curve"),
    list(runs.METRICS),
    format_func=runs.metric_name,
    default=runs.METRICS[0],
    required=True,
    key="curve",
)
smoothing = right.slider(
    _("Smoothing"),
    0.0,
    0.9,
    0.0,
    0.1,
    key="smoothing",
    help=_("0 shows the epochs as they were."),
)
grown = any(found[name].earlier for name in names)
whole = grown and st.toggle(
    _("Earlier runs, too"),
    value=True,
    key="earlier_runs",
    help=_("A published model went on from the weights of runs before; off, its last run alone."),
)


def draw() -> None:
    """Draw the chosen runs as they stand now."""
    fresh = runs.histories()
    chosen = {name: fresh[name] for name in names if name in fresh}
    runs.warn_of_trouble(chosen)
    st.plotly_chart(
        figures.learning_curves(
            {runs.run_title(k): r.whole if whole else r.history for k, r in chosen.items()},
            metric,
            smoothing,
        ),
        key="curves",
        config={"displaylogo": False},
        alt=_("{metric} of {names} over the epochs").format(
            metric=runs.metric_name(metric), names=", ".join(map(runs.run_title, names))
        ),
    )
    st.caption(
        _(
            "Solid: validation split. Dotted: training split, measured on augmented slices. "
            "The star is the epoch whose weights are kept: the highest validation accuracy, and "
            "the lowest loss among equals."
        )
    )
    if whole:
        st.caption(
            _(
                "A ring opens a run that went on from the weights of the one before; a gap stands "
                "for epochs that weren't kept. Runs differ in slice size and in what their slices "
                "go through, so their training losses don't compare; the validation split is the "
                "same."
            )
        )
    st.dataframe(
        runs.overview(chosen),
        hide_index=True,
        column_config={
            _("Validation loss"): st.column_config.NumberColumn(format="%.3f"),
            _("Validation accuracy"): st.column_config.NumberColumn(format="percent"),
        },
    )


live = any(found[name].state in ("running", "starting") for name in names)
st.fragment(draw, run_every=5.0 if live else None)()
st.caption(
    _("Figures of the validation split, which chose the epoch; the test split is untouched.")
)
if grown:
    with st.expander(_("Runs of the published models"), icon=":material/conversion_path:"):
        st.dataframe(runs.earlier_table({name: found[name] for name in names}), hide_index=True)
with st.expander(_("Settings"), icon=":material/tune:"):
    st.dataframe(runs.settings_table({name: found[name] for name in names}), hide_index=True)
