"""Does a cluster that loses a worker give the records of one process, and what does it cost?

Draws phantoms into a scratch folder and runs the command as a person would: once in one
process; once on a cluster of two workers; once more with one of the two killed by SIGKILL when
half of the shards are finished; and a last time over those shards, all of which are finished.
Two workers on two cores prove that the answer is right and give the overhead. They don't
prove that it scales.

    python -m benchmarks.dask_scale [--slices 5000]
"""

import argparse
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil

from core.data.phantom import draw_phantom
from core.engines.shards import SHARD_FILES
from core.files import write_json
from core.labels import CLASSES

SIDE = 64
WORKERS = 2


def draw_archive(folder: Path, count: int) -> None:
    """Write a folder of different phantoms."""
    folder.mkdir()
    for number in range(count):
        drawn = draw_phantom(number, SIDE, CLASSES[number % len(CLASSES)]).slice.pixels
        data = cv2.imencode(".png", np.rint(drawn * 255.0).astype(np.uint8))[1]
        (folder / f"{number:06d}.png").write_bytes(data.tobytes())


def kill_a_worker(command: int, shards: Path, after: int) -> bool:
    """Kill one worker of a running command once so many shards are there; say if it happened."""
    while psutil.pid_exists(command) and len(list(shards.glob("*.parquet"))) < after:
        time.sleep(0.05)
    for child in psutil.Process(command).children():
        if any("spawn_main" in word for word in child.cmdline()):
            os.kill(child.pid, signal.SIGKILL)
            return True
    return False


def predict(
    archive: Path, model: str, *words: str, meanwhile: Callable[[int], bool] | None = None
) -> tuple[bytes, dict[str, Any]]:
    """Run the command; return its records and what it took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    command = [sys.executable, "-m", "core", "predict", "--model", model, "--format", "jsonl"]
    with (
        tempfile.TemporaryFile() as out,
        subprocess.Popen(  # noqa: S603 - the words stand below
            [*command, *words, str(archive)], stdout=out, stderr=subprocess.DEVNULL
        ) as process,
    ):
        happened = meanwhile(process.pid) if meanwhile else False
        code = process.wait()
        out.seek(0)
        records = out.read()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return records, {
        "exit_code": code,
        "worker_killed": happened,
        "wall_seconds": round(time.perf_counter() - began, 1),
        "processor_seconds": round(used, 1),
    }


def compare(serial: bytes, other: bytes) -> dict[str, Any]:
    """Say how the records of two runs differ."""
    one, two = serial.splitlines(), other.splitlines()
    return {
        "records": len(two),
        "equal_after_sorting": sorted(one) == sorted(two),
        "equal_as_they_come": serial == other,
        "missing": len(set(one) - set(two)),
        "twice": len(two) - len(set(two)),
    }


def main() -> None:
    """Measure, print, write `benchmarks/results/dask_scale.json`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--slices", type=int, default=5000)
    parser.add_argument("--model", default="cnn")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/dask_scale.json"))
    options = parser.parse_args()
    shards = -(-options.slices // SHARD_FILES)
    with tempfile.TemporaryDirectory() as scratch:
        archive, first, second = (Path(scratch) / name for name in ("archive", "a", "b"))
        draw_archive(archive, options.slices)
        dask = ("--engine", "dask", "--workers", str(WORKERS), "--shards")
        serial, alone = predict(archive, options.model)
        runs = {"serial": alone}
        records, runs["cluster"] = predict(archive, options.model, *dask, str(first))
        runs["cluster"] |= compare(serial, records)
        records, runs["cluster_one_killed"] = predict(
            archive,
            options.model,
            *dask,
            str(second),
            meanwhile=lambda pid: kill_a_worker(pid, second, shards // 2),
        )
        runs["cluster_one_killed"] |= compare(serial, records)
        written = {file.name: file.stat().st_mtime_ns for file in second.glob("*.parquet")}
        records, runs["all_finished"] = predict(archive, options.model, *dask, str(second))
        runs["all_finished"] |= compare(serial, records)
        again = {file.name: file.stat().st_mtime_ns for file in second.glob("*.parquet")}
        runs["all_finished"]["shards_untouched"] = written == again and len(again) == shards
        size = sum(file.stat().st_size for file in second.glob("*.parquet"))
    result = {
        "slices": options.slices,
        "side": SIDE,
        "model": options.model,
        "cores": os.cpu_count(),
        "workers": WORKERS,
        "shards": shards,
        "bytes_per_record": round(size / options.slices, 1),
        "runs": runs,
        "slices_per_second_serial": round(options.slices / alone["wall_seconds"], 1),
        "slices_per_processor_second_serial": round(options.slices / alone["processor_seconds"], 1),
        "overhead": {
            name: {
                unit: round(runs[name][f"{unit}_seconds"] / alone[f"{unit}_seconds"], 3)
                for unit in ("wall", "processor")
            }
            for name in ("cluster", "cluster_one_killed")
        },
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    for name, run in runs.items():
        print(name, run)
    print("overhead", result["overhead"])
    write_json(options.out, result)


if __name__ == "__main__":
    main()
