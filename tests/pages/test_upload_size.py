"""The field for files bounds them in the browser; the server does so again."""

import io
import zipfile

import nibabel as nib
import numpy as np
import pytest

from core.settings import get_settings

MEGABYTE = 1024 * 1024


def files():
    values = np.random.default_rng(0).integers(0, 255, (96, 96, 128), np.uint8)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("1.png", values.tobytes())
    return {
        "slice.dcm": (bytes(128) + b"DICM").ljust(MEGABYTE + 1, b"x"),
        "head.nii": nib.Nifti1Image(values, np.eye(4)).to_bytes(),
        "scan.zip": packed.getvalue(),
    }


@pytest.mark.parametrize("name", files())
@pytest.mark.parametrize("page", ["1_Diagnose", "2_Compare_models", "7_Playground"])
def test_a_file_past_the_limit_is_one_sentence(open_page, predictor, monkeypatch, page, name):
    monkeypatch.setenv("GLIALENS_MAX_UPLOAD_MB", "1")
    get_settings.cache_clear()
    at = open_page(f"pages/{page}.py")
    at.file_uploader[0].set_value([(name, files()[name], "")]).run()
    assert not at.exception
    (error,) = at.error
    assert error.value.startswith("A file may have at most 1 MB. Received: 1")
    assert predictor.asked == 0
