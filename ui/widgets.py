"""Small pieces that several screens share."""

from collections.abc import Iterable

import streamlit as st

from ui.errors import plain
from ui.language import _


def duration(seconds: float) -> str:
    """Return a stretch of time for a person, no finer than an estimate is."""
    if seconds < 90:
        return _("{seconds} s").format(seconds=max(1, round(seconds)))
    minutes = round(seconds / 60)
    if minutes < 120:
        return _("{minutes} min").format(minutes=minutes)
    return _("{hours} h {minutes} min").format(hours=minutes // 60, minutes=minutes % 60)


def metric_row(
    rows: Iterable[tuple[str, str, str | None]], *, width: int = 165, help_only: bool = False
) -> None:
    """Draw figures side by side; on a narrow screen two stand in a line.

    Args:
        rows: Name, figure and origin of each. An interval in brackets after the figure moves
            into the caption.
        width: Width of one figure in pixels.
        help_only: Show the origin on hovering alone, without a caption.
    """
    with st.container(horizontal=True):
        for name, figure, origin in rows:
            number, brackets = (*figure.split(" (", 1), "")[:2]
            with st.container(width=width, gap="xsmall"):
                st.metric(name, number, border=True, help=plain(origin) if origin else None)
                if not help_only:
                    spread = ""
                    if brackets:
                        spread = _("95 % interval {interval} · ").format(interval=brackets[:-1])
                    st.caption(spread + plain(origin or ""))
