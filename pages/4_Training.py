"""Training: the curves of every run and of every published model."""

import streamlit as st

from core import figures
from ui import runs, shell

shell.begin(
    "Training",
    ":material/show_chart:",
    "How the models learned: every run and every published model on the same axes.",
)

found = runs.histories()
if not found:
    st.info(
        "Nothing was trained yet. Start a run with "
        "`python -m core train --model cnn --manifest weights/manifest.csv --out runs/first`; "
        "its curves show here from the first epoch on.",
        icon=":material/show_chart:",
    )
    st.stop()

if st.session_state.get("runs_chosen"):
    # Runs may be gone since the choice was made.
    st.session_state["runs_chosen"] = [n for n in st.session_state["runs_chosen"] if n in found]
names = st.multiselect(
    "Runs",
    list(found),
    default=None if "runs_chosen" in st.session_state else list(found)[:4],
    key="runs_chosen",
    persist_state="session",
)
if not names:
    st.info("Choose one or more runs.", icon=":material/show_chart:")
    st.stop()
chosen = {name: found[name] for name in names}
runs.warn_of_trouble(chosen)

left, right = st.columns([2, 1], vertical_alignment="bottom")
metric = left.segmented_control(
    "Curve", list(runs.METRICS), default="Loss", required=True, key="curve"
)
smoothing = right.slider(
    "Smoothing", 0.0, 0.9, 0.0, 0.1, key="smoothing", help="0 shows the epochs as they were."
)
st.plotly_chart(
    figures.learning_curves({n: h for n, (h, _, _) in chosen.items()}, metric, smoothing),
    key="curves",
    config={"displaylogo": False},
    alt=f"{metric} of {', '.join(names)} over the epochs",
)
st.caption(
    "Solid: validation split. Dotted: training split, measured on augmented slices. "
    "The mark is the epoch of the lowest validation loss."
)
st.dataframe(
    runs.overview(chosen),
    hide_index=True,
    column_config={
        "Validation loss": st.column_config.NumberColumn(format="%.3f"),
        "Validation accuracy": st.column_config.NumberColumn(format="percent"),
    },
)
st.caption("Figures of the validation split, which chose the epoch; the test split is untouched.")
with st.expander("Settings", icon=":material/tune:"):
    st.dataframe(runs.settings_table(chosen), hide_index=True)
