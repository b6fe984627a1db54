"""The same seed gives the same split and the same training."""

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from core.data.phantom import write_phantom_dataset
from core.data.split import make_split
from core.settings import PROJECT_ROOT
from core.training.trainer import Trainer

# The order of sums may differ between threads; here no difference was measured at all.
TOLERANCE = 1e-4
_SPLIT = (
    "import sys; from pathlib import Path; from core.data.split import make_split\n"
    "make_split([Path(sys.argv[1])], seed=7).write(Path(sys.argv[2]))\n"
)


def split_in_a_process(dataset, out, hash_seed):
    """Split in a fresh interpreter whose sets and dictionaries hash in their own way."""
    command = [sys.executable, "-c", _SPLIT, str(dataset), str(out)]
    environment = os.environ | {"PYTHONHASHSEED": hash_seed}
    subprocess.run(command, cwd=PROJECT_ROOT, env=environment, check=True, timeout=120)


def test_the_same_seed_gives_the_same_bytes_in_any_process(tmp_path):
    dataset = write_phantom_dataset(tmp_path / "set", 6, seed=3, size=64)
    for number, hash_seed in enumerate(("0", "4242")):
        folder = tmp_path / str(number)
        folder.mkdir()
        split_in_a_process(dataset, folder / "manifest.csv", hash_seed)
    for name in ("manifest.csv", "manifest.meta.json"):
        first, second = ((tmp_path / str(k) / name).read_bytes() for k in range(2))
        assert first == second


def test_the_same_phantoms_are_drawn_and_another_seed_splits_otherwise(tmp_path):
    one = write_phantom_dataset(tmp_path / "one" / "set", 6, seed=3, size=64)
    two = write_phantom_dataset(tmp_path / "two" / "set", 6, seed=3, size=64)
    files = sorted(file.relative_to(one) for file in one.rglob("*.png"))
    assert len(files) == 48
    for file in files:
        assert (one / file).read_bytes() == (two / file).read_bytes()
    rows = [make_split([root], seed=seed).rows for root, seed in ((one, 7), (two, 7), (one, 8))]
    assert rows[0] == rows[1]
    assert rows[0] != rows[2]


@pytest.mark.slow
def test_training_twice_gives_the_same_history(tiny_config, tmp_path):
    config = replace(tiny_config, seed=5, epochs=2)
    histories = []
    for name in ("one", "two"):
        rows = Trainer(config, tmp_path / name).fit()
        keys = sorted(set(rows[0]) - {"seconds"})
        histories.append(np.array([[row[key] for key in keys] for row in rows]))
    np.testing.assert_allclose(histories[0], histories[1], rtol=0, atol=TOLERANCE)
    assert np.isfinite(histories[0]).all()
