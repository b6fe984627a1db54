"""Changes real and drawn files at random and lets the readers have them.

    python -m tests.hostile.fuzz --inputs 10000

Input number k depends on the seed and on k alone: `--only K` does that one again, in this
process. Slices of the work run in processes of their own, so that a crash of a codec or an
endless loop is seen and counted. Prints figures and writes them to `benchmarks/results/fuzz.json`.
"""

import argparse
import json
import os
import queue
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from core import __version__
from core.data.manifest import read_manifest
from core.errors import GliaLensError
from core.files import write_json
from core.imaging.inputs import iter_bytes
from core.imaging.preprocess import preprocess
from core.imaging.quality import assess
from core.imaging.sandbox import shut_down
from core.models.card import read_card
from core.settings import PROJECT_ROOT
from tests.hostile.mutate import mutate
from tests.hostile.seeds import Seed, all_seeds
from tests.hostile.volumes import dicom

RESULTS = PROJECT_ROOT / "benchmarks" / "results" / "fuzz.json"
HANG_SECONDS = 5.0
SLICE = 2000
_ENDED = "Received: one that needs more, or breaks its decoder."
# What a worker may take for one file before it is stopped, and some air.
_PATIENCE = 90.0


def make(files: list[Seed], seed: int, number: int) -> tuple[Seed, bytes]:
    """Return what input `number` was made of, and its bytes."""
    rng = np.random.default_rng((seed, number))
    upload = rng.random() < 0.9
    wanted = [file for file in files if (file.kind == "upload") == upload]
    chosen, other = (wanted[int(rng.integers(len(wanted)))] for _ in range(2))
    return chosen, mutate(chosen.data, other.data, rng)


def judge(kind: str, data: bytes, folder: Path) -> str:
    """Let the reader of a kind have an input.

    Returns:
        `accepted`, `refused`, or `ended` where the worker that parses had to be replaced.

    Raises:
        Exception: Whatever escapes: that is what the fuzzer looks for.
    """
    if kind != "upload":
        file = folder / {"manifest": "manifest.csv", "card": "card.json"}[kind]
        file.write_bytes(data)
        try:
            read_manifest(file).check_files() if kind == "manifest" else read_card(folder)
        except GliaLensError as error:
            return told(error)
        return "accepted"
    outcome = "refused"
    for item in iter_bytes(data, "input"):
        if item.error is not None:
            if told(item.error) == "ended":
                outcome = "ended"
            continue
        slice_ = item.slice
        assert slice_ is not None
        pixels = slice_.pixels
        assert pixels.dtype == np.float32
        assert pixels.ndim == 2
        assert min(pixels.shape) >= 16
        assert 0.0 <= float(pixels.min()) <= float(pixels.max()) <= 1.0
        image, _ = preprocess(slice_, 64)
        assert np.isfinite(image).all()
        assess(slice_)
        outcome = "accepted" if outcome == "refused" else outcome
        if slice_.index > 3:
            break
    return outcome


def told(error: GliaLensError) -> str:
    """Check that a refusal is a sentence for a person."""
    text = str(error)
    assert "Received: " in text or "Missing: " in text, text
    assert len(text) < 1500, text[:200]
    return "ended" if text.endswith(_ENDED) else "refused"


def warm_up(data: bytes) -> None:
    """Start the worker that parses, which takes seconds on a busy machine."""
    assert all(item.error is None for item in iter_bytes(data, "ready"))


def serve(first: int, last: int, seed: int) -> None:
    """Do a slice of the work; one line of JSON an input."""
    seeds, ready = all_seeds(), dicom()
    warm_up(ready)
    with tempfile.TemporaryDirectory() as name:
        for number in range(first, last):
            chosen, data = make(seeds, seed, number)
            print(json.dumps({"number": number}), flush=True)
            started = time.perf_counter()
            try:
                outcome = judge(chosen.kind, data, Path(name))
            except Exception as error:  # noqa: BLE001 (everything that escapes is the find)
                outcome = f"crash: {type(error).__name__}: {str(error)[:200]}"
            seconds = time.perf_counter() - started
            if outcome == "ended":
                # The next input shall not wait for the new worker's start.
                warm_up(ready)
            line = {"number": number, "outcome": outcome, "seconds": seconds}
            print(json.dumps(line | {"source": chosen.source}), flush=True)
    shut_down()
    peaks = [
        resource.getrusage(who).ru_maxrss / 1024
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    ]
    print(json.dumps({"peak": peaks[0], "worker": peaks[1]}), flush=True)


def watch(first: int, last: int, seed: int) -> tuple[list[dict[str, Any]], int]:
    """Run a slice in a process of its own and read along; return its lines and where to go on."""
    words = ["--slice", str(first), str(last), "--seed", str(seed)]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.hostile.fuzz", *words],
        cwd=PROJECT_ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    arrived: queue.Queue[str | None] = queue.Queue()

    def read(pipe: Any) -> None:
        for text in pipe:
            arrived.put(text)
        arrived.put(None)

    threading.Thread(target=read, args=(process.stdout,), daemon=True).start()
    threading.Thread(target=lambda pipe: pipe.read(), args=(process.stderr,), daemon=True).start()
    lines: list[dict[str, Any]] = []
    open_number, how = first, "crash: the process ended"
    while True:
        try:
            text = arrived.get(timeout=_PATIENCE)
        except queue.Empty:
            how = "hang"
            process.kill()
            break
        if text is None:
            break
        line = json.loads(text)
        if "peak" in line:
            process.wait()
            return [*lines, line], last
        if "outcome" in line:
            lines.append(line)
        open_number = line["number"]
    process.wait()
    dead = {"number": open_number, "outcome": how, "seconds": 0.0, "source": "unknown"}
    return [*lines, dead], open_number + 1


def run(inputs: int, seed: int) -> dict[str, Any]:
    """Do all the work and return the figures."""
    started = time.perf_counter()
    lines: list[dict[str, Any]] = []
    at = 0
    while at < inputs:
        found, at = watch(at, min(at + SLICE, inputs), seed)
        lines += found
        print(f"{at} of {inputs}", file=sys.stderr, flush=True)
    done = [line for line in lines if "outcome" in line]
    peaks = [line for line in lines if "peak" in line]
    counts = Counter(line["outcome"].split(":")[0] for line in done)
    slow = [line for line in done if line["seconds"] > HANG_SECONDS or line["outcome"] == "hang"]
    return {
        "inputs": len(done),
        "refused": counts["refused"] + counts["ended"],
        "accepted": counts["accepted"],
        "crashes": counts["crash"],
        "hangs": len(slow),
        "hang_seconds": HANG_SECONDS,
        "workers_replaced": counts["ended"],
        "slowest_seconds": round(max(line["seconds"] for line in done), 2),
        "peak_megabytes": round(max((p["peak"] for p in peaks), default=0.0)),
        "worker_peak_megabytes": round(max((p["worker"] for p in peaks), default=0.0)),
        "seeds": dict(Counter(seed.source for seed in all_seeds())),
        "inputs_by_source": dict(Counter(line["source"] for line in done)),
        "seconds": round(time.perf_counter() - started),
        "seed": seed,
        "finds": [
            {"number": line["number"], "outcome": line["outcome"], "seconds": line["seconds"]}
            for line in done
            if line["outcome"].startswith("crash") or line in slow
        ],
        "ended": [line["number"] for line in done if line["outcome"] == "ended"],
        "date": datetime.now(UTC).date().isoformat(),
        "version": __version__,
    }


def main() -> int:
    """Read the arguments; exit code 1 where something was found."""
    parser = argparse.ArgumentParser(description="Let the readers have changed files.")
    parser.add_argument("--inputs", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--only", type=int, metavar="K", help="do one input, and let it escape")
    parser.add_argument("--keep", type=Path, metavar="FILE", help="with --only: write its bytes")
    parser.add_argument("--slice", type=int, nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.slice:
        serve(*arguments.slice, arguments.seed)
        return 0
    if arguments.only is not None:
        chosen, data = make(all_seeds(), arguments.seed, arguments.only)
        if arguments.keep:
            arguments.keep.write_bytes(data)
        with tempfile.TemporaryDirectory() as name:
            print(chosen.source, chosen.kind, len(data), judge(chosen.kind, data, Path(name)))
        return 0
    figures = run(arguments.inputs, arguments.seed)
    write_json(arguments.out, figures)
    print(json.dumps(figures, indent=1))
    return 1 if figures["crashes"] or figures["hangs"] else 0


if __name__ == "__main__":
    os.environ.setdefault("PYTHONWARNINGS", "ignore")
    sys.exit(main())
