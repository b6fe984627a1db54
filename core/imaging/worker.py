"""The worker's side of `core.imaging.sandbox`: reads requests on stdin, answers on stdout."""

import os
import sys
from typing import IO, Any

import numpy as np

from core.errors import InputError, UnreadableError
from core.imaging.dicom import parse_dicom
from core.imaging.dicom_header import parse_place
from core.imaging.limits import Limits
from core.imaging.nifti import parse_nifti
from core.imaging.sandbox import CPU_SECONDS, MEMORY_BYTES, receive, send

try:
    import resource
except ImportError:  # Windows: the caller's wall clock is the only bound there.
    resource = None  # type: ignore[assignment]


def _bound_memory() -> None:
    if resource is not None:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _bound_time() -> None:
    if resource is not None:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        soft = int(usage.ru_utime + usage.ru_stime) + 1 + CPU_SECONDS
        _, hard = resource.getrlimit(resource.RLIMIT_CPU)
        resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


def answer(request: dict[str, Any], data: bytes) -> tuple[dict[str, Any], memoryview]:
    """Serve one request.

    Raises:
        InputError: If the file can't be read.
    """
    if request["kind"] == "place":
        return {"key": parse_place(data).key()}, memoryview(b"")
    limits = Limits(**request["limits"])
    if request["kind"] == "dicom":
        parsed = parse_dicom(data, limits)
    else:
        parsed = parse_nifti(data, limits, request["volume"])
    voxels = np.ascontiguousarray(parsed.voxels)
    return parsed.meta() | {"shape": voxels.shape}, voxels.data.cast("B")


def serve(requests: IO[bytes], answers: IO[bytes]) -> None:
    """Answer requests until the caller closes the pipe."""
    while True:
        try:
            request, data = receive(requests)
        except EOFError:
            return
        _bound_time()
        try:
            meta, body = answer(request, data)
        except InputError as error:
            meta, body = {"error": type(error).__name__, "message": str(error)}, memoryview(b"")
        except (MemoryError, RecursionError):
            failure = "A file is read within bounds of time and memory. Received: one beyond them."
            meta, body = {"error": UnreadableError.__name__, "message": failure}, memoryview(b"")
        send(answers, meta, body)


def main() -> None:
    """Keep stdout for answers alone: codecs that print would break the protocol."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    _bound_memory()
    serve(sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
