import io
import zipfile

import nibabel as nib
import numpy as np
import pydicom
import pytest
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid

from core.errors import NotAssessableError, TooLargeError, UnreadableError, UnsupportedTypeError
from core.imaging import sandbox, window
from core.imaging.inputs import iter_bytes, iter_inputs, read_bytes
from core.imaging.limits import Limits
from core.imaging.parsed import Parsed
from core.imaging.volume import depth, parse_volume, read_volume, reslice, stack, to_slices
from core.types import Slice, Volume


def nifti() -> bytes:
    values = np.random.default_rng(0).normal(size=(18, 20, 17)).astype(np.float32)
    return nib.Nifti1Image(values, np.diag([1.0, 1.0, 3.0, 1.0])).to_bytes()


def dicom(z: float, number: int, level: int) -> bytes:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = MRImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = FileDataset("x", {}, file_meta=meta, preamble=bytes(128))
    data.Modality = "MR"
    data.SeriesInstanceUID = "1.2.3"
    data.InstanceNumber = number
    data.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    data.ImagePositionPatient = [0, 0, z]
    data.Rows = data.Columns = 16
    data.SamplesPerPixel = 1
    data.PhotometricInterpretation = "MONOCHROME2"
    data.BitsAllocated = data.BitsStored = 8
    data.HighBit = 7
    data.PixelRepresentation = 0
    data.WindowCenter, data.WindowWidth = 128, 256
    pixels = np.full((16, 16), level, np.uint8)
    pixels[0, 0] = 0
    data.PixelData = pixels.tobytes()
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, data)
    return buffer.getvalue()


SERIES = {"a.dcm": (20.0, 1, 200), "b": (-5.0, 2, 50), "c.dcm": (7.5, 3, 100)}


def test_an_upload_becomes_the_slices_of_its_volume():
    slices = read_bytes(nifti(), "<x>.nii")
    assert [slice_.index for slice_ in slices] == list(range(17))
    assert slices[0].shape == (20, 18)
    assert "<" not in slices[0].name


def test_the_worker_gives_what_the_parser_gives():
    inside = parse_volume(nifti(), isolate=False)
    outside = parse_volume(nifti())
    np.testing.assert_array_equal(outside.voxels, inside.voxels)
    assert outside.meta() == inside.meta()


def test_the_workers_errors_keep_their_class_and_sentence():
    with pytest.raises(TooLargeError, match="at most 100 voxels"):
        parse_volume(nifti(), Limits(max_voxels=100))
    with pytest.raises(UnreadableError, match="all the voxels that its header declares"):
        parse_volume(nifti()[:400])
    with pytest.raises(UnsupportedTypeError, match="a text file"):
        parse_volume(b"words")


def test_a_worker_that_dies_is_replaced():
    parse_volume(nifti())
    worker = sandbox._worker
    assert worker is not None
    worker.process.kill()
    worker.process.wait()
    assert len(parse_volume(nifti()).voxels) == 17


def test_a_worker_that_hangs_is_stopped(monkeypatch):
    sandbox.shut_down()
    monkeypatch.setattr(sandbox, "WALL_SECONDS", 0.0)
    with pytest.raises(UnreadableError, match="within bounds of time and memory"):
        parse_volume(nifti())
    monkeypatch.undo()
    assert len(parse_volume(nifti()).voxels) == 17


def test_deep_nesting_leaves_the_worker_alive():
    item = b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
    nested = (b"\x08\x00\x40\x11SQ\x00\x00\xff\xff\xff\xff" + item) * 3000
    uid = b"\x02\x00\x10\x00UI\x14\x001.2.840.10008.1.2.1\x00"
    with pytest.raises(UnreadableError, match=r"truncated or damaged|bounds"):
        read_bytes(bytes(128) + b"DICM" + uid + nested)
    assert len(parse_volume(nifti()).voxels) == 17


def test_a_series_in_a_folder_is_ordered_by_position(tmp_path):
    for name, values in SERIES.items():
        (tmp_path / name).write_bytes(dicom(*values))
    items = list(iter_inputs([tmp_path]))
    assert [item.file.rsplit("/", 1)[1] for item in items] == ["b", "c.dcm", "a.dcm"]
    assert [round(item.slice.pixels.max() * 255) for item in items] == [50, 100, 200]


def test_a_series_in_a_zip_is_ordered_by_position():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, values in SERIES.items():
            archive.writestr(f"study/{name}", dicom(*values))
        archive.writestr("study/z.png", b"words")
    items = list(iter_bytes(buffer.getvalue(), "s.zip"))
    assert [item.file for item in items] == [
        "s.zip/z.png",
        "s.zip/b",
        "s.zip/c.dcm",
        "s.zip/a.dcm",
    ]
    assert items[0].error is not None


def box() -> Volume:
    voxels = np.zeros((4, 20, 24), np.float32)
    voxels[-1] = 1.0
    voxels[:, :5] = 0.5
    return Volume(voxels, spacing=(5.0, 1.0, 1.0))


def test_planes_have_square_pixels_and_stand_upright():
    volume = box()
    assert depth(volume) == 4
    assert reslice(volume).shape == (20, 24)
    coronal = reslice(volume, "coronal", 10)
    assert coronal.shape == (20, 24)
    assert coronal.pixels[0].min() == 1.0
    assert coronal.pixels[-1].max() == 0.0
    sagittal = reslice(volume, "sagittal")
    assert sagittal.shape == (20, 20)
    assert sagittal.pixels[-1, 0] == 0.5
    with pytest.raises(NotAssessableError, match=r"from 0 to 3\. Received: 4"):
        reslice(volume, "axial", 4)


def test_read_volume_wants_space():
    assert read_volume(nifti()).spacing == (3.0, 1.0, 1.0)
    with pytest.raises(UnreadableError, match="several slices"):
        read_volume(dicom(0.0, 1, 90))


def test_slices_of_one_size_stack():
    one = Slice(np.zeros((16, 16), np.float32), notes=("a",))
    two = Slice(np.ones((16, 16), np.float32), notes=("a", "b"))
    volume = stack([one, two])
    assert volume.voxels.shape == (2, 16, 16)
    assert volume.notes == ("a", "b")
    with pytest.raises(NotAssessableError, match="2 sizes"):
        stack([one, Slice(np.zeros((16, 17), np.float32))])


def test_a_window_is_for_display_alone():
    pixels = np.linspace(0, 1, 256, dtype=np.float32).reshape(16, 16)
    slice_ = Slice(pixels)
    before = slice_.sha256
    np.testing.assert_array_equal(window.apply(pixels), np.rint(pixels * 255).astype(np.uint8))
    narrow = window.apply(pixels, window.Window(level=0.5, width=0.5))
    assert narrow[pixels <= 0.25].max() == 0
    assert narrow[pixels >= 0.75].min() == 255
    assert window.apply(pixels, window.Window(0.5, 0.0)).dtype == np.uint8
    assert slice_.sha256 == before


def test_presets_begin_with_the_reset_and_fit_the_slice():
    pixels = np.zeros((32, 32), np.float32)
    pixels[8:24, 8:24] = np.linspace(0.2, 0.6, 256).reshape(16, 16)
    found = window.presets(Slice(pixels))
    assert next(iter(found.values())) == window.FULL
    assert found["Head"].level == pytest.approx(found["Head"].width / 2)
    assert 0.55 < found["Head"].width < 0.6
    assert window.presets(Slice(np.zeros((8, 8), np.float32))) == {"Full range": window.FULL}


def test_the_windows_of_the_standard():
    values = np.array([0.0, 50.0, 100.0, 150.0, 200.0], np.float32)
    np.testing.assert_allclose(
        window.linear(values, 100.0, 100.0, "LINEAR_EXACT"), [0, 0, 0.5, 1, 1]
    )
    np.testing.assert_allclose(
        window.linear(values, 100.0, 100.0, "SIGMOID"),
        1 / (1 + np.exp(-4 * (values - 100) / 100)),
        rtol=1e-5,
    )
    assert window.linear(values, 100.0, 1.0).tolist() == [0, 0, 1, 1, 1]


def thick(shape: tuple[int, int, int], spacing: tuple[float, float, float]) -> bytes:
    """A NIfTI file of noise; shape and spacing towards left, front and top."""
    values = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    return nib.Nifti1Image(values, np.diag([*spacing, 1.0])).to_bytes()


def test_slices_have_the_pixels_that_a_look_at_the_volume_shows():
    data = thick((40, 12, 30), (1.0, 4.0, 1.0))
    slices = read_bytes(data, "coronal.nii")
    volume = read_volume(data)
    assert len(slices) == depth(volume) == 30
    assert slices[7].shape == (48, 40)
    np.testing.assert_array_equal(slices[7].pixels, reslice(volume, "axial", 7).pixels)


def test_thick_sagittal_slices_are_read_along_the_axis_once_pixels_are_square():
    slices = read_bytes(thick((24, 160, 160), (6.0, 1.0, 1.0)))
    assert len(slices) == 160
    assert slices[0].shape == (160, 144)
    assert not slices[0].notes


def test_a_single_sagittal_slice_is_read_as_it_is():
    (only,) = read_bytes(thick((1, 40, 50), (5.0, 1.0, 1.0)))
    assert only.shape == (50, 40)
    assert any("its sagittal slices are read" in note for note in only.notes)
    assert read_volume(thick((1, 40, 50), (5.0, 1.0, 1.0))).voxels.shape == (50, 40, 1)


def test_a_volume_that_is_too_thin_everywhere_is_refused():
    with pytest.raises(NotAssessableError, match=r"at least 16 pixels a side. Received: 10 x 10"):
        read_bytes(thick((10, 10, 10), (1.0, 1.0, 1.0)))


def test_thick_coronal_slices_are_read_as_they_were_acquired_where_axial_ones_are_too_many():
    data = thick((40, 12, 30), (1.0, 4.0, 1.0))
    # 30 axial slices of 48 x 40 pixels, 12 coronal ones of 30 x 40.
    slices = read_bytes(data, limits=Limits(max_voxels=20_000))
    assert [slices[0].shape, len(slices)] == [(30, 40), 12]
    assert any("its coronal slices are read" in note for note in slices[0].notes)


def test_a_usual_thick_volume_of_512_pixels_is_within_the_limits():
    voxels = np.broadcast_to(np.float32(0.5), (512, 40, 512))
    parsed = Parsed(voxels, (0.45, 5.0, 0.45), spatial=True)
    slices = to_slices(parsed, "coronal", Limits())
    assert [slices[0].shape, len(slices)] == [(512, 512), 40]


def test_frames_of_no_place_stay_within_the_limit():
    parsed = Parsed(np.zeros((30, 40, 40), np.float32), (1.0, 3.0, 1.0))
    assert to_slices(parsed, "frames", Limits())[0].shape == (120, 40)


def test_a_dicom_file_gets_square_pixels_too():
    wide = pydicom.dcmread(io.BytesIO(dicom(0.0, 1, 200)))
    wide.PixelSpacing = [2.0, 1.0]
    buffer = io.BytesIO()
    wide.save_as(buffer)
    (slice_,) = read_bytes(buffer.getvalue())
    assert slice_.shape == (32, 16)


@pytest.mark.parametrize("names", [("IM.003", "IM.002", "IM.001"), ("MR.1.2.3", "MR.1.2.2", "a.9")])
def test_a_series_in_a_zip_is_ordered_whatever_its_names_end_in(names):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, values in zip(names, SERIES.values(), strict=True):
            archive.writestr(name, dicom(*values))
    items = list(iter_bytes(buffer.getvalue(), "s.zip"))
    assert [round(item.slice.pixels.max() * 255) for item in items] == [50, 100, 200]
