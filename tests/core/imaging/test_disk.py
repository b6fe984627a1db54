import pytest

from core.errors import TooLargeError
from core.imaging import disk
from core.imaging.limits import Limits

DICOM = bytes(128) + b"DICM"
KIB = 1024


@pytest.mark.parametrize("most", [{"max_bytes": 64 * KIB}, {"max_inflated_bytes": 64 * KIB}])
def test_a_volume_on_disk_is_read_whole_up_to_the_larger_limit(tmp_path, most):
    limits = Limits(**{"max_bytes": 8 * KIB, "max_inflated_bytes": 8 * KIB} | most)
    path = tmp_path / "a"
    for size in (8 * KIB + 1, 64 * KIB):
        path.write_bytes(DICOM.ljust(size, b"x"))
        assert len(disk.load(path, limits)) == size
    path.write_bytes(DICOM.ljust(64 * KIB + 1, b"x"))
    with pytest.raises(TooLargeError, match=r"at most 0\.0625 MB\. Received: 0\.0625 MB"):
        disk.load(path, limits)


def test_a_picture_on_disk_has_the_limit_of_uploads(tmp_path):
    limits = Limits(max_bytes=8 * KIB, max_inflated_bytes=64 * KIB)
    path = tmp_path / "a.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n".ljust(8 * KIB, b"x"))
    assert len(disk.load(path, limits)) == 8 * KIB
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(TooLargeError):
        disk.load(path, limits)


def test_a_file_that_grows_while_it_is_read_is_refused_rather_than_cut(tmp_path, monkeypatch):
    path = tmp_path / "a"
    path.write_bytes(DICOM)

    def grow(head):
        path.write_bytes(DICOM.ljust(9 * KIB, b"x"))
        return "dicom"

    monkeypatch.setattr(disk, "detect", grow)
    with pytest.raises(TooLargeError):
        disk.load(path, Limits(max_bytes=8 * KIB, max_inflated_bytes=8 * KIB))
