"""Loading Keras without its start-up notes."""

import os
import sys
from importlib import import_module


def load_keras() -> None:
    """Import Keras and its backend while stderr is closed to their C++ libraries.

    TensorFlow prints notes about drivers and number formats before any log level applies, and
    they would drown the one sentence that matters. An import that fails still raises.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        import_module("keras")
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
