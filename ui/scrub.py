"""Choosing one slice out of one or several volumes, a series or several pictures."""

from dataclasses import dataclass
from typing import Final

import streamlit as st

from core.imaging.planes import Plane
from core.imaging.stacks import Fault, Reading, Stack
from core.types import Slice
from ui import cache_scans
from ui.errors import plain, shown
from ui.language import _, ngettext, told

_MOST_FAULTS: Final = 5
_MOST_VOLUMES: Final = 2000


@dataclass(frozen=True, eq=False)
class Look:
    """Where a person looks in a stack of slices.

    Attributes:
        stack: The slices that belong together.
        plane: Along which plane a volume is cut.
        position: The slice on the screen, from 0.
        key: Short digest of the content, with the volume and the plane.
        picker: As `key`, for all volumes of one file: they share their planes and slices.
    """

    stack: Stack
    plane: Plane
    position: int
    key: str
    picker: str

    @property
    def count(self) -> int:
        """How many slices there are along the plane."""
        return self.stack.count(self.plane)

    def cut(self, position: int) -> Slice:
        """Return one of the slices."""
        return self.stack.cut(position, self.plane)

    @property
    def slice(self) -> Slice:
        """The slice on the screen."""
        return self.cut(self.position)

    @property
    def origin(self) -> str:
        """What is on the screen, for a person; not yet escaped."""
        name = self.slice.name
        if self.stack.volumes > 1:
            name = _("{name}, volume {number}").format(name=name, number=self.stack.number)
        if self.count == 1:
            return name
        if len(self.stack.planes) > 1:
            text = _("{name}, {plane} slice {number} of {count}")
        else:
            text = _("{name}, slice {number} of {count}")
        return text.format(
            name=name, plane=plane_name(self.plane), number=self.position + 1, count=self.count
        )


def plane_name(plane: Plane) -> str:
    """Return a plane's name for a person."""
    return {"axial": _("axial"), "coronal": _("coronal"), "sagittal": _("sagittal")}[plane]


def choose(reading: Reading, digest: str) -> Look | None:
    """Draw what is wrong, then the pickers of scan, plane and slice.

    Args:
        reading: What was found in the files.
        digest: Digest of the files.

    Returns:
        The slice that was chosen; None where there is none.
    """
    show_faults(reading)
    stacks = reading.stacks
    if not stacks:
        return None
    number = 0
    if len(stacks) > 1:
        number = st.selectbox(
            _("Scan of the upload"),
            range(len(stacks)),
            format_func=lambda i: _title(stacks[i]),
            key=f"stack_{digest[:12]}",
            persist_state="session",
        )
    key = f"{digest[:12]}_{number}"
    stack = stacks[number]
    if stack.volumes > 1:
        with shown():
            stack = cache_scans.volume_of(stack, _volume(stack, key), f"{digest}_{number}")
    return scrub(stack, key)


def _volume(stack: Stack, key: str) -> int:
    """Draw the picker of a file's volume; return its number, from 1."""
    return st.selectbox(
        _("Volume"),
        # A header may promise billions.
        range(1, min(stack.volumes, _MOST_VOLUMES) + 1),
        key=f"volume_{key}",
        persist_state="session",
    )


def scrub(stack: Stack, key: str) -> Look:
    """Draw the pickers of plane and slice.

    Args:
        stack: The slices.
        key: What tells the stack's file from others.
    """
    plane: Plane = stack.planes[0] if stack.planes else "axial"
    if len(stack.planes) > 1:
        plane = (
            st.segmented_control(
                _("Plane"),
                stack.planes,
                default=None if f"plane_{key}" in st.session_state else plane,
                format_func=lambda p: plane_name(p).capitalize(),
                required=True,
                key=f"plane_{key}",
                persist_state="session",
                width="stretch",
            )
            or plane
        )
    picker = f"{key}_{plane}"
    key = f"{picker}_{stack.number}" if stack.volumes > 1 else picker
    count = stack.count(plane)
    if count == 1:
        return Look(stack, plane, 0, key, picker)
    slider, wanted = f"slice_{picker}", st.session_state.pop(_jump(picker), None)
    if wanted is not None:
        st.session_state[slider] = wanted + 1
    st.session_state.setdefault(slider, (count + 1) // 2)
    number = st.slider(_("Slice"), 1, count, key=slider, persist_state="session")
    return Look(stack, plane, number - 1, key, picker)


def jump(look: Look, position: int) -> None:
    """Move to another slice at the next run of the page.

    Args:
        look: Where the person looks.
        position: Where to, from 0; ignored if there is no such slice.
    """
    if 0 <= position < look.count:
        st.session_state[_jump(look.picker)] = position


def show_faults(reading: Reading) -> None:
    """Show what is wrong with files that can't be read."""
    alone = not reading.stacks and len(reading.faults) == 1
    for fault in reading.faults[:_MOST_FAULTS]:
        st.error(_sentence(fault, alone), icon=":material/error:")
    more = len(reading.faults) - _MOST_FAULTS
    if more > 0:
        st.error(
            ngettext(
                "{count} more file can't be read.", "{count} more files can't be read.", more
            ).format(count=more),
            icon=":material/error:",
        )


def _sentence(fault: Fault, alone: bool) -> str:
    sentence = plain(told(str(fault.error)))
    return sentence if alone else f"**{plain(fault.name)}**: {sentence}"


def _title(stack: Stack) -> str:
    count = stack.count(stack.planes[0] if stack.planes else "axial")
    return ngettext("{name}, {count} slice", "{name}, {count} slices", count).format(
        name=stack.name, count=count
    )


def _jump(picker: str) -> str:
    return f"jump_{picker}"
