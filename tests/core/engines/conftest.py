import os
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from core.data.phantom import draw_phantom
from core.imaging.overlay import to_grey_rgb, to_png


@pytest.fixture(scope="session")
def archive(tmp_path_factory):
    """A folder of 40 small phantoms and one file that is no image."""
    folder = tmp_path_factory.mktemp("archive")
    for seed in range(40):
        pixels = draw_phantom(seed, 48, ("glioma", "pituitary", None)[seed % 3]).slice.pixels
        (folder / f"{seed:03d}.png").write_bytes(to_png(to_grey_rgb(pixels)))
    (folder / "017-broken.png").write_bytes(b"no picture")
    return folder


@pytest.fixture
def small_shards(monkeypatch):
    """Shards of six files, so that a small archive has several."""
    monkeypatch.setattr("core.engines.shards.SHARD_FILES", 6)


@contextmanager
def local_cluster(**options):
    distributed = pytest.importorskip("distributed", reason="needs requirements-cluster.txt")
    environment = {"TF_CPP_MIN_LOG_LEVEL": "3", **options.pop("env", {})}
    with distributed.LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        host="127.0.0.1",
        dashboard_address=None,
        silence_logs=50,
        env=environment,
        **options,
    ) as cluster:
        yield cluster


def pids(cluster):
    return [worker.pid for worker in cluster.workers.values()]


@contextmanager
def killing(cluster, shards: Path, after: int):
    """Kill one worker with SIGKILL once so many shards are finished; yield what was killed."""
    killed: list[int] = []
    over = threading.Event()

    def watch():
        while not over.is_set():
            if len(list(shards.glob("*.parquet"))) >= after:
                victim = pids(cluster)[0]
                os.kill(victim, 9)
                killed.append(victim)
                return
            time.sleep(0.01)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield killed
    finally:
        over.set()
        thread.join()
