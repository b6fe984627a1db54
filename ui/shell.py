"""The frame of every screen: page settings, navigation, models, the disclaimer."""

from pathlib import Path

import streamlit as st
from streamlit.errors import StreamlitDuplicateElementKey

from core import DISCLAIMER, __version__
from core.wording import mark
from ui import cache, sign_in
from ui.catalogues import LANGUAGES
from ui.errors import plain
from ui.language import _, choose, current, told

_ASSETS = Path(__file__).parent / "assets"

PAGES: tuple[tuple[str, str, str], ...] = (
    ("streamlit_app.py", mark("Home"), ":material/home:"),
    ("pages/1_Diagnose.py", mark("Diagnose"), ":material/neurology:"),
    ("pages/2_Compare_models.py", mark("Compare models"), ":material/compare:"),
    ("pages/3_Batch.py", mark("Batch"), ":material/grid_on:"),
    ("pages/4_Training.py", mark("Training"), ":material/show_chart:"),
    ("pages/5_Performance.py", mark("Performance"), ":material/monitoring:"),
    ("pages/6_Dataset.py", mark("Dataset"), ":material/dataset:"),
    ("pages/7_Playground.py", mark("Playground"), ":material/toys:"),
    ("pages/8_Case_log.py", mark("Case log"), ":material/clinical_notes:"),
)
"""Script, English title and icon of each page, in the order of the navigation."""


def begin(title: str, icon: str, lead: str | None = None) -> None:
    """Open a screen: call it first on every page; a second call in the same run does nothing.

    Where people have to sign in, the page ends here for those who haven't.

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
    welcome = sign_in.passed()
    with sidebar:
        if welcome:
            _navigation()
            _models()
            sign_in.account()
        _languages()
        st.caption(_("GliaLens {version} · MIT licence").format(version=__version__))
    st.title(title)
    if lead:
        st.markdown(lead)
    st.caption(f":material/info: **{told(DISCLAIMER)}**")
    if not welcome:
        sign_in.ask()


def no_model() -> None:
    """Say that no model is ready, and how to get one."""
    st.info(
        _(
            "No model is ready yet. Train one and publish it: "
            "`python -m core train --model cnn --manifest weights/manifest.csv --out runs/first`, "
            "then `python -m core publish runs/first cnn`."
        ),
        icon=":material/hourglass_empty:",
    )


def _navigation() -> None:
    with st.container(gap="xxsmall"):
        for script, title, icon in PAGES:
            st.page_link(script, label=told(title), icon=icon, width="stretch")


def _models() -> None:
    st.markdown(f"**{_('Models')}**")
    with st.container(gap="xxsmall"):
        for status in cache.statuses():
            if status.ready:
                st.badge(
                    _("{model} · ready").format(model=plain(status.title)),
                    icon=":material/check:",
                    color="green",
                )
            else:
                st.badge(
                    _("{model} · not ready").format(model=plain(status.title)),
                    icon=":material/hourglass_empty:",
                    color="gray",
                    help=plain(status.reason or _("No weights are published.")),
                )


def _languages() -> None:
    """Draw the switch; the page is drawn anew in the chosen language."""
    key = "language"
    st.session_state[key] = current()
    st.segmented_control(
        _("Language"),
        list(LANGUAGES),
        format_func=LANGUAGES.__getitem__,
        required=True,
        key=key,
        on_change=lambda: choose(st.session_state[key]),
        width="stretch",
        label_visibility="collapsed",
    )
