"""Writers of files on a disk that is full, and how to make one full.

    python -m tests.faults.room FOLDER     # every writer, in a folder on a small file system

A limit of the process on the size of files acts in any folder. A small file system of its own
(`mounted`) is the real thing, where the system allows to mount one.
"""

import csv
import errno
import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from core.cases import CaseLog
from core.data.catalogue import SetAside
from core.data.manifest import ManifestRow, read_manifest, write_manifest
from core.data.phantom import draw_phantom
from core.data.pool import load_pool
from core.errors import CaseLogError, GliaLensError, OutputError
from core.files import write_json
from core.imaging.overlay import to_grey_rgb, to_png
from core.settings import PROJECT_ROOT
from core.types import Prediction, Slice

Writer = Callable[[Path], None]
_MEGABYTE = 2**20


def write_big_json(folder: Path) -> None:
    """Write half a megabyte."""
    write_json(folder / "big.json", ["x" * 1000] * 500)


def write_big_manifest(folder: Path) -> None:
    """Write a manifest of some thousand rows, with as many left out."""
    rows = [ManifestRow(f"glioma/{k}.png", "glioma", f"g{k}", "train", "s") for k in range(8000)]
    out = [SetAside(f"left/{k}.png", "exact copy of another") for k in range(8000)]
    write_manifest(folder / "manifest.csv", rows, folder, excluded=out)


def fill_pool(folder: Path) -> None:
    """Decode slices into a memory map of a megabyte."""
    source = folder.parent / "slices"
    if not source.exists():
        source.mkdir()
        (source / "a.png").write_bytes(to_png(to_grey_rgb(draw_phantom(0, size=48).slice.pixels)))
        with (source / "manifest.csv").open("w", newline="") as stream:
            row = ["a.png", "notumor", "g", "train", "s"]
            csv.writer(stream).writerows([["path", "label", "group", "split", "source"], row])
    load_pool(read_manifest(source / "manifest.csv"), 1024, folder)


def save_cases(folder: Path) -> None:
    """Save cases with warnings of 20 kB, until the disk is full or there are fifty."""
    p = np.array([0.9, 0.1], np.float32)
    warnings = tuple(str(n) * 1000 for n in range(20))
    with CaseLog(f"sqlite:///{folder / 'cases.db'}") as log:
        for _ in range(50):
            log.add(Prediction("cnn", ("a", "b"), p, p, 0.7, warnings=warnings), Slice(p[None]))


LIGHT: dict[str, Writer] = {
    "JSON": write_big_json,
    "manifest": write_big_manifest,
    "decoded slices": fill_pool,
    "case log": save_cases,
}


def keras_writers() -> dict[str, Writer]:
    """Return the writers of weights: published ones, the best of a run, the state of a run."""
    import keras

    from core.models import registry
    from core.models.weights import save_weights
    from core.training.state import save_state
    from core.training.trainer import Trainer

    model = registry.build("cnn", 32, ("a", "b"))
    optimizer = keras.optimizers.SGD()
    optimizer.build(model.trainable_variables)

    def best(folder: Path) -> None:
        row = {"epoch": 1, "val_accuracy": 0.5, "val_loss": 1.0}
        Trainer._keep_best(SimpleNamespace(history=[row], best={}, run=folder, model=model))

    def publish(folder: Path) -> None:
        save_weights(model, folder / "weights.safetensors")

    return {
        "published weights": lambda folder: (save_weights(model, folder / "w.safetensors"), None)[
            1
        ],
        "best weights": best,
        "state of a run": lambda folder: save_state(folder, model, optimizer, {"history": []}),
    }


@contextmanager
def small_files(limit: int) -> Iterator[None]:
    """Let this process write no file beyond a size: the system says that it is too large."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def full_disk(folder: Path, left: int = 40_000) -> Iterator[None]:
    """Fill the file system of a folder, which ought to be a small one, to a few bytes."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as stream:
        try:
            while True:
                stream.write(bytes(4096))
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
        stream.truncate(max(0, stream.tell() - left))
    try:
        yield
    finally:
        ballast.unlink()


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file of a folder but SQLite's and the ballast, by its path."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "ballast" and not path.name.startswith("cases.db")
    }


def cases_kept(folder: Path) -> int:
    """Return how many cases can be read; 0 without a case log."""
    if not (folder / "cases.db").exists():
        return 0
    with CaseLog(f"sqlite:///{folder / 'cases.db'}") as log:
        return sum(1 for _ in log.every())


def check(writer: Writer, folder: Path, full: Callable[[], object]) -> str:
    """Let a writer meet a full disk, and assert that what was there is there, and nothing else.

    Args:
        writer: What writes.
        folder: Where to, with old files in it.
        full: A context in which the disk is full.

    Returns:
        The sentence that it gave.
    """
    before, cases = contents(folder), cases_kept(folder)
    with full():
        try:
            writer(folder)
        except (OutputError, CaseLogError) as error:
            said = str(error)
        else:
            raise AssertionError("the disk was not full")
    assert contents(folder) == before, "an old file changed, or a new one was left behind"
    kept = cases_kept(folder)
    assert kept >= cases, "cases are gone"
    writer(folder)
    return said


def mount_and_run(folder: Path, megabytes: int = 12) -> dict[str, str]:
    """Run every writer on a full file system in memory, mounted for one process alone.

    Returns:
        The sentence of each writer; empty where the system doesn't let us mount.
    """
    unshare = shutil.which("unshare")
    if unshare is None or os.geteuid() != 0:
        return {}
    script = 'mount -t tmpfs -o "size=$1m" tmpfs "$2" && exec "$3" -m tests.faults.room "$2"'
    words = [str(megabytes), str(folder), sys.executable]
    done = subprocess.run(
        [unshare, "-m", "sh", "-c", script, "sh", *words],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode and "mount" in done.stderr[-300:]:
        return {}
    assert done.returncode == 0, f"{done.returncode}: {done.stderr}"
    found: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    return found


def main(folder: Path) -> None:
    """Run every writer on the file system of a folder and print their sentences."""
    found = {}
    for name, writer in {**LIGHT, **keras_writers()}.items():
        place = folder / name.replace(" ", "-") / "out"
        place.mkdir(parents=True)
        (place / "big.json").write_text("[]\n")
        if writer is fill_pool:
            # Draws its slices while there is room.
            writer(place)
            shutil.rmtree(place)
            place.mkdir()
        if writer is save_cases:
            CaseLog(f"sqlite:///{place / 'cases.db'}").close()
        try:
            found[name] = check(writer, place, lambda: full_disk(folder))
        except GliaLensError as error:
            raise AssertionError(f"{name}: {error}") from error
        shutil.rmtree(place.parent)
    print(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
