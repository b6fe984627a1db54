"""Reads every file of a folder and prints what each cost, as JSON.

Run by `test_bombs.py` in a process of its own: a peak of memory is known per process.
"""

import json
import resource
import sys
import time
from pathlib import Path

from core.imaging.inputs import iter_bytes, read_bytes
from core.imaging.sandbox import shut_down
from tests.hostile.pictures import encoded, grey
from tests.hostile.volumes import dicom


def peak(who: int) -> float:
    """Return the peak of memory so far in megabytes."""
    value = resource.getrusage(who).ru_maxrss
    return value / 1024 if sys.platform != "darwin" else value / 2**20


def main(folder: Path) -> None:
    """Read the files one by one; the last word is that a fine file is still read."""
    files = sorted(folder.iterdir())
    read_bytes(dicom())
    found = {}
    for file in files:
        data = file.read_bytes()
        before, started = peak(resource.RUSAGE_SELF), time.perf_counter()
        errors = [item.error for item in iter_bytes(data, file.name) if item.error]
        found[file.name] = {
            "error": str(errors[-1]) if errors else "",
            "seconds": time.perf_counter() - started,
            "extra_megabytes": peak(resource.RUSAGE_SELF) - before,
        }
        # A child's peak is told once it has ended; the peaks of several are one maximum.
        shut_down()
        found[file.name]["worker_megabytes"] = peak(resource.RUSAGE_CHILDREN)
    assert read_bytes(encoded(grey()))
    assert read_bytes(dicom())
    print(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
