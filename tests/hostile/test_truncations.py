"""Files cut at every kilobyte: refused in a sentence, or the same picture."""

import gzip

import numpy as np
import pytest

from core.data.boxes import read_boxes
from core.data.manifest import read_manifest
from core.errors import DatasetError, InputError
from core.imaging.inputs import iter_bytes, read_bytes
from tests.hostile.archives import packed
from tests.hostile.pictures import encoded
from tests.hostile.volumes import dicom, nifti, volume

NOISE = np.random.default_rng(0).integers(0, 256, (96, 96), dtype=np.uint8)
WIDE = np.random.default_rng(0).normal(size=(16, 20, 18)).astype(np.float32)
FILES = {
    "png": lambda: encoded(NOISE),
    "jpeg": lambda: encoded(NOISE, "JPEG", quality=95),
    "progressive jpeg": lambda: encoded(NOISE, "JPEG", quality=95, progressive=True),
    "bmp": lambda: encoded(NOISE, "BMP"),
    "tiff": lambda: encoded(NOISE, "TIFF"),
    "packed tiff": lambda: encoded(NOISE, "TIFF", compression="tiff_lzw"),
    "webp": lambda: encoded(NOISE, "WEBP", lossless=True),
    "dicom": lambda: dicom(NOISE.astype(np.uint16)),
    "nifti": lambda: nifti(WIDE),
    "nifti-gz": lambda: gzip.compress(nifti(WIDE)),
}
KILOBYTE = 1024


@pytest.mark.parametrize("kind", FILES)
def test_a_file_cut_at_any_kilobyte_is_refused(kind, service):
    data = FILES[kind]()
    assert read_bytes(data)
    cuts = range(KILOBYTE, len(data) - 1, KILOBYTE)
    assert len(cuts) >= 5
    for length in cuts:
        with pytest.raises(InputError, match=r"\. Received: "):
            read_bytes(data[:length])
    for length in cuts[::6]:
        answer = service.post("/predict", files={"file": ("a.png", data[:length])})
        assert answer.status_code in (415, 422)
        assert "Received: " in answer.json()["detail"]


@pytest.mark.parametrize("kind", ["png", "jpeg", "dicom", "nifti", "nifti-gz"])
def test_a_header_cut_at_any_byte_is_refused(kind):
    data = FILES[kind]()
    for length in range(0, 400, 7):
        with pytest.raises(InputError, match=r"\. Received: "):
            read_bytes(data[:length])


def test_a_zip_cut_at_any_kilobyte_is_refused():
    data = packed(*((f"{k}.png", encoded(np.roll(NOISE, k))) for k in range(3)))
    for length in range(KILOBYTE, len(data), KILOBYTE):
        (item,) = iter_bytes(data[:length], "scans.zip")
        with pytest.raises(InputError, match=r"A zip must be whole\. Received: "):
            raise item.error


def test_tables_cut_at_any_byte_are_refused_or_shorter(tmp_path):
    path = tmp_path / "manifest.csv"
    data = b"path,label,group,split,source\n" + b"".join(
        b"%d.png,glioma,g%d,train,s\n" % (k, k) for k in range(20)
    )
    sentences = []
    for length in range(len(data)):
        path.write_bytes(data[:length])
        try:
            assert len(read_manifest(path).rows) <= 20
        except DatasetError as error:
            sentences.append(str(error))
    assert len(sentences) > 200
    assert all("Received: " in sentence for sentence in sentences)
    boxes = b"file,x_center,y_center,width,height\na.png,0.5,0.5,0.25,0.125\n"
    for length in range(len(boxes) - 26):
        path.write_bytes(boxes[:length])
        if length == 35 or length == 36:
            assert read_boxes(path) == {}
            continue
        with pytest.raises(DatasetError, match="Received: "):
            read_boxes(path)


def test_four_dimensions_cut_between_volumes_are_refused():
    data = nifti(volume((16, 16, 4, 3)))
    first = 352 + 16 * 16 * 4 * 4
    assert read_bytes(data)[0].shape == (16, 16)
    # Only what the first volume needs is read, and that is whole.
    assert read_bytes(data[:first])[0].shape == (16, 16)
    with pytest.raises(InputError, match="all the voxels"):
        read_bytes(data[: first - 1])
