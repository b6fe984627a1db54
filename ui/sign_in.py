"""Signing in through OpenID Connect, where Streamlit's secrets have an `[auth]` section.

Without one the dashboard is open to whoever reaches it. Streamlit itself speaks with the
provider and keeps the signed cookie; who may sign in is settled at the provider.
"""

from pathlib import Path
from typing import Final

import streamlit as st
from streamlit.config import get_option

from core.errors import SettingsError
from core.wording import mark
from ui.errors import plain, shown
from ui.language import _

_SECTION: Final = "auth"
_UNREADABLE: Final = mark(
    "Streamlit's secrets are a readable TOML file, or there are none. Received: a broken file; "
    "it may ask for signing in, so nothing is shown."
)


def required() -> bool:
    """Tell whether this dashboard asks people to sign in.

    Raises:
        SettingsError: If there are secrets that can't be read. Streamlit itself would go on as
            if there were none, with the door open.
    """
    if st.secrets.load_if_toml_exists():
        return _SECTION in st.secrets
    if any(Path(place).exists() for place in get_option("secrets.files")):
        raise SettingsError(_UNREADABLE)
    return False


def passed() -> bool:
    """Tell whether this session may see the screens; shows an error where that is unknown."""
    with shown():
        return not required() or st.user.get("is_logged_in") is True
    return False


def ask() -> None:
    """Ask to sign in; the page ends here."""
    st.info(_("This dashboard is for people who have signed in."), icon=":material/lock:")
    st.button(
        _("Sign in"), key="sign_in", type="primary", icon=":material/login:", on_click=st.login
    )
    st.stop()


def account() -> None:
    """Draw who is signed in, and the way out; nothing where nobody has to."""
    if not required():
        return
    name = st.user.get("name") or st.user.get("email")
    if isinstance(name, str):
        st.caption(_("Signed in as {name}.").format(name=plain(name)))
    st.button(_("Sign out"), key="sign_out", icon=":material/logout:", on_click=st.logout)
