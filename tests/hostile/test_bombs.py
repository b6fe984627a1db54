"""Bombs in a process of their own: it stays alive, in time and within its memory."""

import json
import subprocess
import sys

import pytest

from core.settings import PROJECT_ROOT

pytest.importorskip("resource", reason="needs the peak memory that POSIX systems tell")

BOMBS = [
    "png bomb of 9,000 x 9,000",
    "20,000 x 20,000 declared",
    "png text bomb",
    "tiff tile bomb",
    "jpeg scan bomb",
    "webp of 16,384 x 16,384",
    "bmp of 40,000 x 40,000",
    "deflated bomb",
    "zeros after the mark",
    "3,000 nested sequences",
    "a million frames",
    "65,535 x 65,535",
    "32,767 cubed",
    "gzip bomb",
    "zip bomb",
    "zip in zip in zip",
    "lies about its size",
    "60,000 members by the end record",
]
EXTRA_MEGABYTES = 100
SECONDS = 5.0


@pytest.fixture(scope="module")
def figures(tmp_path_factory):
    """What each bomb cost in one process that reads them one after the other."""
    from tests.hostile.corpus import CASES

    folder = tmp_path_factory.mktemp("bombs")
    for case in CASES:
        if case.name in BOMBS:
            (folder / case.name.replace(" ", "_")).write_bytes(case.build())
    done = subprocess.run(
        [sys.executable, "-m", "tests.hostile.defuse", str(folder)],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_costs_one_sentence(figures, name):
    found = figures[name.replace(" ", "_")]
    assert "Received: " in found["error"]
    assert found["seconds"] < SECONDS
    assert found["extra_megabytes"] < EXTRA_MEGABYTES, "in the process that was asked"
    assert found["worker_megabytes"] < EXTRA_MEGABYTES + 200, "in the worker that parses"
