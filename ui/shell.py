"""The frame of every screen: page settings, navigation, models, the disclaimer."""

from pathlib import Path

import streamlit as st
from streamlit.errors import StreamlitDuplicateElementKey

from core import DISCLAIMER, __version__
from ui import cache
from ui.errors import plain

_ASSETS = Path(__file__).parent / "assets"

PAGES: tuple[tuple[str, str, str], ...] = (
    ("streamlit_app.py", "Home", ":material/home:"),
    ("pages/1_Diagnose.py", "Diagnose", ":material/neurology:"),
    ("pages/2_Compare_models.py", "Compare models", ":material/compare:"),
    ("pages/3_Batch.py", "Batch", ":material/grid_on:"),
    ("pages/4_Training.py", "Training", ":material/show_chart:"),
    ("pages/5_Performance.py", "Performance", ":material/monitoring:"),
    ("pages/6_Dataset.py", "Dataset", ":material/dataset:"),
    ("pages/8_Case_log.py", "Case log", ":material/clinical_notes:"),
)
"""Script, title and icon of each page, in the order of the navigation."""


def begin(title: str, icon: str, lead: str | None = None) -> None:
    """Open a screen: call it first on every page; a second call in the same run does nothing.

    Args:
        title: Heading of the screen.
        icon: A `:material/…:` icon.
        lead: One sentence under the heading on what the screen is for.
    """
    st.set_page_config(page_title=f"{title} · GliaLens", page_icon=icon, layout="wide")
    try:
        sidebar = st.sidebar.container(key="shell")
    except StreamlitDuplicateElementKey:
        return
    st.logo(_ASSETS / "logo.svg", size="large")
    with sidebar:
        _navigation()
        _models()
        st.caption(f"GliaLens {__version__} · MIT licence")
    st.title(title)
    if lead:
        st.markdown(lead)
    st.caption(f":material/info: **{DISCLAIMER}**")


def _navigation() -> None:
    with st.container(gap="xxsmall"):
        for script, title, icon in PAGES:
            st.page_link(script, label=title, icon=icon, width="stretch")


def _models() -> None:
    st.markdown("**Models**")
    with st.container(gap="xxsmall"):
        for status in cache.statuses():
            if status.ready:
                st.badge(f"{plain(status.title)} · ready", icon=":material/check:", color="green")
            else:
                st.badge(
                    f"{plain(status.title)} · not ready",
                    icon=":material/hourglass_empty:",
                    color="gray",
                    help=plain(status.reason or "No weights are published."),
                )
