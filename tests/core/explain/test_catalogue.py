import subprocess
import sys
from pathlib import Path

import pytest

from core.explain.catalogue import DEFAULT, METHODS, get_method

ROOT = Path(__file__).resolve().parents[3]


def test_five_methods_are_described_for_a_person_the_default_first():
    assert next(iter(METHODS)) == DEFAULT == "grad-cam"
    assert set(METHODS) == {"grad-cam", "grad-cam++", "layer-cam", "score-cam", "smoothgrad"}
    for key, method in METHODS.items():
        assert method.key == key
        assert method.sentence.endswith(".")
        assert method.source
    assert not METHODS["smoothgrad"].layered


def test_an_unknown_method_is_told_the_known_ones():
    with pytest.raises(ValueError, match=r"one of: grad-cam, .*smoothgrad\. Received: 'lime'"):
        get_method("lime")


def test_listing_the_methods_loads_no_framework():
    code = (
        "import sys, core.explain.catalogue; "
        "print({'tensorflow', 'keras', 'tf_keras_vis'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"
