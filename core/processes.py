"""Telling a process from another one that was given the same number later."""

import psutil

# Clocks of the kernel and of the wall differ by fractions of a second.
_SLACK = 2.0


def born(pid: int) -> float | None:
    """Return when a process began, in seconds since 1970; None where none is alive."""
    try:
        process = psutil.Process(pid)
        # A child that ended stays in the table until its parent asks for it.
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return float(process.create_time())
    except (psutil.NoSuchProcess, psutil.AccessDenied, ValueError, OverflowError):
        return None


def is_same(pid: int, since: float) -> bool:
    """Say whether a process is alive and is the one that began at `since`.

    Args:
        pid: Its number.
        since: When it began, as `born` told then.
    """
    begun = born(pid)
    return begun is not None and abs(begun - since) <= _SLACK


def was_there(pid: int, moment: float) -> bool:
    """Say whether a process is alive and was already there at a moment.

    Args:
        pid: Its number.
        moment: Seconds since 1970.
    """
    begun = born(pid)
    return begun is not None and begun <= moment + _SLACK
