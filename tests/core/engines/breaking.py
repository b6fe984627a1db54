"""Loaded into a worker before its work: a file named deadly kills the process that reads it."""

import os
import signal

from core.engines import shards
from core.imaging import inputs


def _deadly(path, shown, limits):
    if path.name.startswith("deadly"):
        os.kill(os.getpid(), signal.SIGKILL)
    return inputs.open_input(path, shown, limits)


shards.open_input = _deadly
