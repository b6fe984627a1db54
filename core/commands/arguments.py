"""Kinds of arguments that several commands share."""

import argparse
from typing import Final

_LARGEST_SEED: Final = 2**32 - 1


def seed(text: str) -> int:
    """Return a seed that NumPy, Keras and TensorFlow all take.

    Raises:
        argparse.ArgumentTypeError: If it isn't a whole number from 0 to 4,294,967,295.
    """
    try:
        value = int(text)
    except ValueError:
        value = -1
    if not 0 <= value <= _LARGEST_SEED:
        raise argparse.ArgumentTypeError(
            f"a seed is a whole number from 0 to {_LARGEST_SEED}, not {text!r}"
        )
    return value


def fraction(text: str) -> float:
    """Return a number from 0 to 1.

    Raises:
        argparse.ArgumentTypeError: If it is none.
    """
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0.0 <= value <= 1.0:
        raise argparse.ArgumentTypeError(f"a number from 0 to 1 is needed, not {text!r}")
    return value


def at_least_one(text: str) -> int:
    """Return a whole number from 1.

    Raises:
        argparse.ArgumentTypeError: If it is none.
    """
    if not (text.isascii() and text.isdecimal() and int(text) >= 1):
        raise argparse.ArgumentTypeError(f"a whole number from 1 is needed, not {text!r}")
    return int(text)
