"""A child process in which DICOM and NIfTI from strangers are parsed.

One worker serves many files, so that a series costs one start. It is bounded in memory for
its life and in processor time for each file; the caller bounds the wall clock, and a worker
that dies or hangs is replaced at the next file.
"""

import atexit
import json
import os
import struct
import subprocess
import sys
import threading
from dataclasses import asdict
from typing import IO, Any, Final

import numpy as np

from core import errors
from core.errors import InputError, UnreadableError
from core.imaging.limits import MEGABYTE, Limits
from core.imaging.parsed import Parsed
from core.settings import PROJECT_ROOT

CPU_SECONDS: Final = 20
WALL_SECONDS: Final = 60.0
MEMORY_BYTES: Final = 3072 * MEGABYTE
OrderKey = tuple[str, bool, float, int]
NO_ORDER: Final[OrderKey] = ("", True, 0.0, 0)
_LENGTHS: Final = struct.Struct("<IQ")
_MAX_META: Final = 16 * MEGABYTE


def parse(kind: str, data: bytes, limits: Limits, volume: int = 0) -> Parsed:
    """Parse a DICOM or NIfTI file in the worker.

    Args:
        kind: `dicom`, `nifti` or `nifti-gz`, as `core.imaging.signature.detect` says.
        data: The whole file.
        limits: Bounds of the content.
        volume: Which volume of a 4-D NIfTI file, from 0.

    Raises:
        InputError: As `parse_dicom` and `parse_nifti`; `UnreadableError` if the worker had to
            be stopped.
    """
    request = {"kind": kind, "limits": asdict(limits), "volume": volume}
    meta, body = _ask(request, data)
    shape = tuple(meta.pop("shape"))
    voxels = np.frombuffer(body, np.float32).reshape(shape)
    return Parsed.from_meta(voxels, meta)


def order_key(data: bytes) -> OrderKey:
    """Return the sort key of a DICOM file in its series (`core.imaging.dicom_header.Place`)."""
    try:
        meta, _ = _ask({"kind": "place"}, data)
    except InputError:
        return NO_ORDER
    series, unknown, position, instance = meta["key"]
    return series, unknown, position, instance


class _Worker:
    """One child process and the pipes to it."""

    def __init__(self) -> None:
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        self.process = subprocess.Popen(  # nosec B603
            [sys.executable, "-m", "core.imaging.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # Codecs write about the content; nothing of it belongs in a log.
            stderr=subprocess.DEVNULL,
            cwd=PROJECT_ROOT,
            env=environment,
        )

    def ask(self, request: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
        stdin, stdout = self.process.stdin, self.process.stdout
        if stdin is None or stdout is None:
            raise EOFError
        timer = threading.Timer(WALL_SECONDS, self.process.kill)
        timer.start()
        try:
            send(stdin, request, data)
            return receive(stdout)
        finally:
            timer.cancel()

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:
                    continue


_lock = threading.Lock()
_worker: _Worker | None = None


def _ask(request: dict[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
    global _worker
    with _lock:
        if _worker is None or _worker.process.poll() is not None:
            _worker = _Worker()
        try:
            answer, body = _worker.ask(request, data)
        except (OSError, EOFError, ValueError, struct.error) as error:
            _worker.stop()
            _worker = None
            raise UnreadableError(
                "A file is read within bounds of time and memory. "
                "Received: one that needs more, or breaks its decoder."
            ) from error
    if "error" in answer:
        kind = getattr(errors, str(answer["error"]), UnreadableError)
        raise kind(answer["message"])
    return answer, body


def shut_down() -> None:
    """Stop the worker; the next file starts another."""
    global _worker
    with _lock:
        if _worker is not None:
            _worker.stop()
            _worker = None


atexit.register(shut_down)


def send(pipe: IO[bytes], meta: dict[str, Any], body: bytes | memoryview) -> None:
    """Write one message: two lengths, JSON, bytes."""
    head = json.dumps(meta).encode()
    pipe.write(_LENGTHS.pack(len(head), len(body)))
    pipe.write(head)
    pipe.write(body)
    pipe.flush()


def receive(pipe: IO[bytes]) -> tuple[dict[str, Any], bytes]:
    """Read one message.

    Raises:
        EOFError: If the other side is gone.
    """
    head, body = _LENGTHS.unpack(_exactly(pipe, _LENGTHS.size))
    if head > _MAX_META:
        raise EOFError
    meta: dict[str, Any] = json.loads(_exactly(pipe, head))
    return meta, _exactly(pipe, body)


def _exactly(pipe: IO[bytes], count: int) -> bytes:
    data = pipe.read(count)
    if len(data) < count:
        raise EOFError
    return data
