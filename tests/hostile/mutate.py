"""Small lies in whole files: what a fuzzer changes."""

import struct

import numpy as np

Rng = np.random.Generator
_NUMBERS = (0, 1, 2, 7, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF)
_WORDS = (b"NaN", b"-1", b"1e999", b"\x00", b"..", b"\xff\xfe", b"9" * 40, b'"', b"{", b",", b"\n")
_FLOATS = (float("nan"), float("inf"), -float("inf"), 0.0, -1.0, 1e38, 1e-45)
_HEAD = 1024


def place(data: bytearray, rng: Rng) -> int:
    """Choose a place, mostly near the beginning, where headers lie."""
    reach = min(len(data), _HEAD) if rng.random() < 0.7 else len(data)
    return int(rng.integers(reach)) if reach else 0


def flip(data: bytearray, rng: Rng) -> None:
    at = place(data, rng)
    data[at : at + 1] = bytes(b ^ (1 << int(rng.integers(8))) for b in data[at : at + 1])


def noise(data: bytearray, rng: Rng) -> None:
    at = place(data, rng)
    data[at : at + int(rng.integers(1, 9))] = rng.bytes(int(rng.integers(1, 9)))


def number(data: bytearray, rng: Rng) -> None:
    at, width = place(data, rng), int(rng.choice((1, 2, 4, 8)))
    value = int(rng.choice(_NUMBERS)) & ((1 << 8 * width) - 1)
    order = "little" if rng.random() < 0.6 else "big"
    data[at : at + width] = value.to_bytes(width, order)


def real_number(data: bytearray, rng: Rng) -> None:
    at, form = place(data, rng) & ~3, "<f" if rng.random() < 0.7 else ">d"
    packed = struct.pack(form, float(rng.choice(_FLOATS)))
    data[at : at + len(packed)] = packed


def word(data: bytearray, rng: Rng) -> None:
    at = place(data, rng)
    chosen = _WORDS[int(rng.integers(len(_WORDS)))]
    data[at : at + (len(chosen) if rng.random() < 0.5 else 0)] = chosen


def drop(data: bytearray, rng: Rng) -> None:
    at = place(data, rng)
    del data[at : at + int(rng.integers(1, 200))]


def repeat(data: bytearray, rng: Rng) -> None:
    at = place(data, rng)
    part = bytes(data[at : at + int(rng.integers(1, 400))])
    data[at:at] = part * int(rng.integers(1, 20))


def cut(data: bytearray, rng: Rng) -> None:
    del data[int(rng.integers(1, max(len(data), 2))) :]


def blank(data: bytearray, rng: Rng) -> None:
    at = place(data, rng)
    length = min(int(rng.integers(1, 2000)), len(data) - at)
    data[at : at + length] = bytes(length) if rng.random() < 0.5 else b"\xff" * length


def swap(data: bytearray, rng: Rng) -> None:
    """Exchange two stretches of one length."""
    first, second = sorted(int(rng.integers(max(len(data), 1))) for _ in range(2))
    length = min(int(rng.integers(1, 64)), second - first, len(data) - second)
    one, two = bytes(data[first : first + length]), bytes(data[second : second + length])
    data[first : first + length], data[second : second + length] = two, one


_CHANGES = (
    flip,
    flip,
    noise,
    number,
    number,
    number,
    real_number,
    word,
    drop,
    repeat,
    cut,
    blank,
    swap,
)


def mutate(data: bytes, other: bytes, rng: Rng) -> bytes:
    """Return a file with one to eight changes; sometimes the head of one on the body of another.

    Args:
        data: The file.
        other: Another one.
        rng: Where chance comes from.
    """
    if rng.random() < 0.05:
        at = int(rng.integers(1, 600))
        data = data[:at] + other[at:]
    changed = bytearray(data)
    for _ in range(int(rng.integers(1, 9))):
        if changed:
            _CHANGES[int(rng.integers(len(_CHANGES)))](changed, rng)
    return bytes(changed)
