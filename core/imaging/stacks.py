"""What several uploads hold together: volumes, series and pictures, each in its order."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from core.errors import InputError, NotAssessableError, TooLargeError
from core.imaging.inputs import iter_bytes, read_bytes
from core.imaging.limits import Limits, default_limits
from core.imaging.names import safe_name
from core.imaging.parsed import check_volume
from core.imaging.planes import Plane, usable_planes
from core.imaging.sandbox import OrderKey, order_key
from core.imaging.signature import detect
from core.imaging.volume import depth, parse_volume, reslice, to_volume
from core.types import Slice, Volume

_NIFTI: Final = frozenset({"nifti", "nifti-gz"})
_DIGITS: Final = re.compile(r"(\d+)")


@dataclass(frozen=True, eq=False)
class Stack:
    """Slices that belong together, to be looked at one after the other.

    Attributes:
        name: A safe name for display.
        slices: In order; empty for a volume, which is cut when it is asked for.
        volume: A volume in the patient's axes; None for frames, series and pictures.
        planes: The planes along which its slices are large enough; empty without a volume.
        volumes: How many volumes its file says that it holds.
        number: Which of them this is, from 1.
        data: The file, if it holds several: `another_volume` reads it again.
    """

    name: str
    slices: tuple[Slice, ...] = ()
    volume: Volume | None = None
    planes: tuple[Plane, ...] = ()
    volumes: int = 1
    number: int = 1
    data: bytes | None = field(default=None, repr=False)

    def count(self, plane: Plane = "axial") -> int:
        """Return how many slices there are; the plane matters for a volume alone."""
        return len(self.slices) if self.volume is None else depth(self.volume, plane)

    def cut(self, index: int, plane: Plane = "axial") -> Slice:
        """Return one slice.

        Args:
            index: Position, from 0.
            plane: Along which plane a volume is cut.

        Raises:
            NotAssessableError: If the index lies outside.
        """
        if self.volume is not None:
            return reslice(self.volume, plane, index)
        if not 0 <= index < len(self.slices):
            raise NotAssessableError(
                f"A slice lies from 0 to {len(self.slices) - 1}. Received: {index}."
            )
        return self.slices[index]


@dataclass(frozen=True, eq=False)
class Fault:
    """One file that can't be read.

    Attributes:
        name: Its safe name.
        error: What is wrong.
    """

    name: str
    error: InputError


@dataclass(frozen=True, eq=False)
class Reading:
    """What was found in several files.

    Attributes:
        stacks: What can be looked at: series and volumes first, then loose pictures.
        faults: What can't.
    """

    stacks: tuple[Stack, ...] = ()
    faults: tuple[Fault, ...] = ()


def read_stacks(files: Iterable[tuple[str, bytes]], limits: Limits | None = None) -> Reading:
    """Read uploads that may belong together.

    A NIfTI file is a volume of its own, a multi-frame DICOM file and a zip are stacks of
    their own. The other DICOM files are put together by series and ordered by position,
    still pictures by the numbers in their names. A file that can't be read is a fault, and
    the others still come.

    Args:
        files: Name and bytes of each; names are made safe.
        limits: Bounds; the settings' limits by default. `max_bytes` bounds each file, zips
            included, and `max_voxels` all together.
    """
    limits = limits or default_limits()
    ordered = sorted(files, key=lambda file: natural(file[0]))
    alone = len(ordered) == 1
    room = limits.max_voxels
    stacks: list[Stack] = []
    faults: list[Fault] = []
    pictures: list[Slice] = []
    series: dict[str, list[tuple[OrderKey, Slice]]] = {}
    for name, data in ordered:
        shown = safe_name(name)
        kind = detect(data)
        try:
            limits.check_bytes(len(data))
            if room <= 0:
                raise TooLargeError(
                    f"Uploads hold at most {limits.max_voxels:,} pixels together. Received: more."
                )
            if kind in _NIFTI:
                stack = _read_volume(data, name, replace(limits, max_voxels=room))
                room -= stack.volume.voxels.size if stack.volume is not None else 0
                stacks.append(stack)
                continue
            slices, wrong = _slices(kind, name, data, replace(limits, max_voxels=room))
        except InputError as error:
            faults.append(Fault(shown, error))
            continue
        faults += wrong
        room -= sum(slice_.pixels.size for slice_ in slices)
        if kind == "dicom" and len(slices) == 1 and not alone:
            key = order_key(data)
            series.setdefault(key[0], []).append((key, slices[0]))
        elif kind in ("dicom", "zip"):
            stacks += [Stack(shown, slices)] if slices else []
        else:
            pictures += slices
    for members in series.values():
        # The sort is stable: files without a place keep the order of their names.
        together = tuple(slice_ for _, slice_ in sorted(members, key=lambda pair: pair[0]))
        stacks.append(Stack(together[0].name, together))
    if pictures:
        stacks.append(Stack(pictures[0].name, tuple(pictures)))
    return Reading(tuple(stacks), tuple(faults))


def natural(name: str) -> tuple[tuple[int, int, str], ...]:
    """Return a sort key by which `slice 2` comes before `slice 10`."""
    parts = (part for part in _DIGITS.split(name.lower()) if part)
    # By length, then by digits: Python refuses to read a number of thousands of digits.
    numbers = ((part, part.lstrip("0")) for part in parts)
    return tuple((0, len(n), n) if p.isdecimal() else (1, 0, p) for p, n in numbers)


def another_volume(stack: Stack, number: int, limits: Limits | None = None) -> Stack:
    """Read another volume of a stack's file.

    Args:
        stack: A stack of `read_stacks` whose file holds several volumes.
        number: Which volume, from 1.
        limits: Bounds; the settings' limits by default.

    Raises:
        InputError: If the file has no such volume, or it can't be read.
    """
    if number == stack.number or stack.data is None:
        check_volume(number - 1, stack.volumes)
        return stack
    return _read_volume(stack.data, stack.name, limits or default_limits(), number)


def _read_volume(data: bytes, name: str, limits: Limits, number: int = 1) -> Stack:
    parsed = parse_volume(data, limits, number - 1)
    volume = to_volume(parsed, name)
    planes, _ = usable_planes(volume.voxels.shape, volume.spacing, limits)
    kept = data if parsed.volumes > 1 else None
    return Stack(volume.name, (), volume, planes, parsed.volumes, number, kept)


def _slices(
    kind: str, name: str, data: bytes, limits: Limits
) -> tuple[tuple[Slice, ...], list[Fault]]:
    if kind != "zip":
        return tuple(read_bytes(data, name, limits)), []
    slices, faults, room = [], [], limits.max_voxels
    for item in iter_bytes(data, name, limits):
        if item.error is not None:
            faults.append(Fault(item.file, item.error))
        elif item.slice is not None:
            room -= item.slice.pixels.size
            if room < 0:
                raise TooLargeError(
                    f"A zip holds at most {limits.max_voxels:,} pixels. Received: more."
                )
            slices.append(item.slice)
    return tuple(slices), faults
