import gzip
import io
import zipfile
from pathlib import Path

import cv2
import nibabel as nib
import numpy as np
import pytest
from pydicom.data import get_testdata_file

from core.errors import NotAssessableError, TooLargeError, UnreadableError
from core.imaging.inputs import read_bytes
from core.imaging.limits import Limits
from core.imaging.stacks import another_volume, natural, read_stacks
from tests.core.imaging.test_volume import SERIES, dicom


def png(level):
    pixels = np.full((24, 24), level, np.uint8)
    pixels[0, 0] = 0
    return cv2.imencode(".png", pixels)[1].tobytes()


def nifti(shape, spacing=(1.0, 1.0, 1.0)):
    values = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    return nib.Nifti1Image(values, np.diag([*spacing, 1.0])).to_bytes()


def levels(stack):
    return [round(float(slice_.pixels.max()) * 255) for slice_ in stack.slices]


def test_numbers_in_names_count_as_numbers():
    names = ["slice 10.png", "slice 2.png", "Slice 1.png", "a.png", "7.png", ""]
    ordered = ["", "7.png", "a.png", "Slice 1.png", "slice 2.png", "slice 10.png"]
    assert sorted(names, key=natural) == ordered
    # More digits than Python turns into a number.
    assert natural("1" * 5000) > natural("9" * 4999) > natural("0" * 6000 + "8")


def test_pictures_are_one_stack_in_the_order_of_their_numbers():
    reading = read_stacks([("s10.png", png(30)), ("s2.png", png(20)), ("s1.png", png(10))])
    assert [levels(stack) for stack in reading.stacks] == [[10, 20, 30]]
    assert reading.faults == ()
    assert reading.stacks[0].planes == ()


def test_files_of_a_series_are_ordered_by_position_whatever_their_names():
    reading = read_stacks((name, dicom(*place)) for name, place in SERIES.items())
    assert [levels(stack) for stack in reading.stacks] == [[50, 100, 200]]


def test_a_zip_of_a_series_is_one_stack():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, place in SERIES.items():
            archive.writestr(name, dicom(*place))
        archive.writestr("broken.png", png(9)[:50])
    reading = read_stacks([("scan.zip", buffer.getvalue())])
    assert [levels(stack) for stack in reading.stacks] == [[50, 100, 200]]
    assert [fault.name for fault in reading.faults] == ["scan.zip/broken.png"]


def test_a_volume_is_cut_along_three_planes():
    (stack,) = read_stacks([("head.nii", nifti((18, 20, 30)))]).stacks
    assert stack.planes == ("axial", "coronal", "sagittal")
    assert [stack.count(plane) for plane in stack.planes] == [30, 20, 18]
    shapes = [stack.cut(3, plane).shape for plane in stack.planes]
    assert shapes == [(20, 18), (30, 18), (30, 20)]
    assert stack.cut(3, "coronal").index == 3


def test_planes_that_are_too_thin_are_not_offered():
    (stack,) = read_stacks([("slab.nii", nifti((40, 40, 4)))]).stacks
    assert stack.planes == ("axial",)
    thick = nifti((40, 40, 4), (1.0, 1.0, 5.0))
    assert len(read_stacks([("slab.nii", thick)]).stacks[0].planes) == 3


def test_frames_of_one_file_stay_together():
    data = Path(get_testdata_file("SC_rgb_rle_2frame.dcm")).read_bytes()
    reading = read_stacks([("a.dcm", data), ("p.png", png(9))])
    assert [len(stack.slices) for stack in reading.stacks] == [2, 1]


def test_a_bad_file_does_not_stop_the_others():
    reading = read_stacks([("a<b>.png", b"text"), ("b.png", png(7)), ("c.nii", nifti((4, 5, 6)))])
    assert [levels(stack) for stack in reading.stacks] == [[7]]
    assert [fault.name for fault in reading.faults] == ["a_b_.png", "c.nii"]
    assert all("Received:" in str(fault.error) for fault in reading.faults)


def test_all_uploads_together_are_bounded():
    limits = Limits(max_voxels=24 * 24 * 2)
    reading = read_stacks([(f"{i}.png", png(i + 5)) for i in range(4)], limits)
    assert levels(reading.stacks[0]) == [5, 6]
    assert {type(fault.error) for fault in reading.faults} == {TooLargeError}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for i in range(4):
            archive.writestr(f"{i}.png", png(i + 5))
    (fault,) = read_stacks([("z.zip", buffer.getvalue())], limits).faults
    assert "A zip holds at most 1,152 pixels" in str(fault.error)


def test_another_volume_of_a_file_is_read_when_it_is_asked_for():
    data = nifti((18, 20, 17, 3))
    (first,) = read_stacks([("<x>.nii", data)]).stacks
    assert (first.volumes, first.number) == (3, 1)
    third = another_volume(first, 3)
    assert (third.volumes, third.number, third.name) == (3, 3, first.name)
    assert third.cut(2).notes[0] == "The file holds 3 volumes; number 3 was read."
    assert third.cut(2).sha256 == read_bytes(data, volume=2)[2].sha256 != first.cut(2).sha256
    assert another_volume(first, 1) is first
    assert another_volume(third, 1).cut(2).sha256 == first.cut(2).sha256
    with pytest.raises(UnreadableError, match=r"from 1 to 3\. Received: 4\."):
        another_volume(first, 4)


def test_what_holds_one_volume_has_no_other():
    for name, data in {"a.nii": nifti((18, 20, 17)), "b.png": png(9)}.items():
        (stack,) = read_stacks([(name, data)]).stacks
        assert (stack.volumes, stack.data) == (1, None)
        assert another_volume(stack, 1) is stack
        with pytest.raises(UnreadableError, match=r"from 1 to 1\. Received: 2\."):
            another_volume(stack, 2)


def test_every_upload_has_the_limit_of_one_file_whatever_its_kind():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("1.png", png(9))
    files = {
        "head.nii": nifti((16, 16, 16)),
        "packed.nii.gz": gzip.compress(nifti((16, 16, 16))),
        "slice.dcm": dicom(0.0, 1, 90),
        "scan.zip": buffer.getvalue(),
        "still.png": png(9),
    }
    for name, data in files.items():
        assert read_stacks([(name, data)], Limits(max_bytes=len(data))).faults == ()
        reading = read_stacks([(name, data)], Limits(max_bytes=len(data) - 1))
        assert reading.stacks == ()
        assert [fault.name for fault in reading.faults] == [name]
        assert "A file may have at most" in str(reading.faults[0].error)
    small = Limits(max_bytes=len(files["still.png"]))
    assert [levels(stack) for stack in read_stacks(files.items(), small).stacks] == [[9]]


def test_a_slice_outside_is_refused():
    (stack,) = read_stacks([("a.png", png(9))]).stacks
    with pytest.raises(NotAssessableError, match="Received: 1"):
        stack.cut(1)
