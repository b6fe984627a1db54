import json
import subprocess
import sys

import pytest

from core.settings import PROJECT_ROOT
from tests.faults.killing import can_kill

pytestmark = pytest.mark.skipif(not can_kill(), reason="needs fork and pidfd_open, as on Linux")


def killed(kinds, moments):
    """Kill in a process that has loaded nothing else: this one's threads don't survive a fork."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.faults.kill"]
    command += ["--moments", str(moments), "--kinds", *kinds]
    done = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def light():
    kinds = ["splitting", "report writing", "case saving", "swapping a published folder"]
    return killed(kinds, 3)


@pytest.mark.parametrize(
    "kind", ["splitting", "report writing", "case saving", "swapping a published folder"]
)
def test_every_file_is_the_old_one_or_the_new_one(light, kind):
    figures = light[kind]
    assert figures["broken"] == []
    assert figures["goes_on_afterwards"] is True
    assert figures["killed"] >= 1
    assert figures["old"] + figures["new"] == figures["tries"] >= 3


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["training", "publishing"])
def test_training_and_publishing_survive_a_kill(kind):
    figures = killed([kind], 4)[kind]
    assert figures["broken"] == []
    assert figures["goes_on_afterwards"] is True
    assert figures["killed"] >= 1
