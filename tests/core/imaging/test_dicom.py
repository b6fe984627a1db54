import io
import struct
import zlib

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import (
    CTImageStorage,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    MRImageStorage,
    RLELossless,
    generate_uid,
)

from core.errors import NotAssessableError, TooLargeError, UnreadableError, UnsupportedTypeError
from core.imaging import dicom
from core.imaging.dicom import parse_dicom
from core.imaging.dicom_header import parse_place, transfer_syntax
from core.imaging.limits import Limits
from core.imaging.signature import require

RAMP = (np.arange(20 * 24) * 2).reshape(20, 24).astype(np.uint16)


def make(pixels: np.ndarray = RAMP, syntax: str = ExplicitVRLittleEndian, **tags) -> bytes:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = (
        MRImageStorage if tags.get("Modality", "MR") == "MR" else (CTImageStorage)
    )
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = syntax
    data = FileDataset("x", {}, file_meta=meta, preamble=bytes(128))
    data.Modality = "MR"
    data.PatientName = "Secret^Person"
    data.Rows, data.Columns = pixels.shape[-2:]
    data.SamplesPerPixel = 1
    data.PhotometricInterpretation = "MONOCHROME2"
    data.BitsAllocated = data.BitsStored = pixels.dtype.itemsize * 8
    data.HighBit = data.BitsStored - 1
    data.PixelRepresentation = int(pixels.dtype.kind == "i")
    if pixels.ndim == 3:
        data.NumberOfFrames = len(pixels)
    if syntax == ExplicitVRLittleEndian:
        data.PixelData = pixels.tobytes()
    for keyword, value in tags.items():
        setattr(data, keyword, value)
    buffer = io.BytesIO()
    pydicom.dcmwrite(buffer, data)
    return buffer.getvalue()


def parse(data: bytes, **limits):
    assert require(data) == "dicom"
    return parse_dicom(data, Limits(**limits))


def test_values_without_a_window_run_from_minimum_to_maximum():
    parsed = parse(make())
    np.testing.assert_allclose(parsed.voxels[0], RAMP / RAMP.max(), atol=1e-6)
    assert parsed.voxels.dtype == np.float32
    assert parsed.notes == ()


def test_the_linear_window_is_that_of_the_standard():
    parsed = parse(make(WindowCenter="400", WindowWidth="201"))
    expected = np.clip((RAMP - 399.5) / 200.0 + 0.5, 0, 1)
    np.testing.assert_allclose(parsed.voxels[0], expected, atol=1e-6)


def test_the_first_of_several_windows_counts():
    many = parse(make(WindowCenter=["400", "10"], WindowWidth=["201", "5"]))
    one = parse(make(WindowCenter="400", WindowWidth="201"))
    np.testing.assert_array_equal(many.voxels, one.voxels)


def test_rescale_comes_before_the_window():
    parsed = parse(
        make(RescaleSlope="2", RescaleIntercept="-100", WindowCenter="700", WindowWidth="401")
    )
    expected = np.clip((RAMP * 2.0 - 100.0 - 699.5) / 400.0 + 0.5, 0, 1)
    np.testing.assert_allclose(parsed.voxels[0], expected, atol=1e-6)


def test_a_voi_lookup_table_is_applied():
    item = Dataset()
    item.LUTDescriptor = [1000, 0, 8]
    item.add_new("LUTData", "OW", np.array([255 - i // 4 for i in range(1000)], "<u2").tobytes())
    parsed = parse(make(VOILUTSequence=Sequence([item])))
    np.testing.assert_allclose(parsed.voxels[0], (255 - RAMP // 4) / 255, atol=1e-6)


def test_monochrome1_is_inverted():
    parsed = parse(make(PhotometricInterpretation="MONOCHROME1"))
    np.testing.assert_allclose(parsed.voxels[0], 1.0 - RAMP / RAMP.max(), atol=1e-6)


def test_signed_values_are_read():
    parsed = parse(make(RAMP.astype(np.int16) - 500))
    np.testing.assert_allclose(parsed.voxels[0], RAMP / RAMP.max(), atol=1e-6)


def test_padding_does_not_squeeze_the_picture():
    pixels = RAMP.astype(np.int16) + 1000
    pixels[0] = -32000
    parsed = parse(make(pixels, PixelPaddingValue=-32000))
    assert parsed.voxels[0, 0].max() == 0.0
    np.testing.assert_allclose(parsed.voxels[0, 1:], (RAMP[1:] - 48) / (RAMP.max() - 48), atol=1e-6)


@pytest.mark.parametrize("width", ["0", "-5"])
def test_a_useless_window_falls_back_with_a_note(width):
    parsed = parse(make(WindowCenter="400", WindowWidth=width))
    np.testing.assert_allclose(parsed.voxels[0], RAMP / RAMP.max(), atol=1e-6)
    assert "minimum to maximum" in parsed.notes[0]


def test_a_window_that_swallows_the_picture_falls_back():
    parsed = parse(make(WindowCenter="60000", WindowWidth="10"))
    assert parsed.voxels.max() == 1.0
    assert "minimum to maximum" in parsed.notes[0]


@pytest.mark.parametrize("value", ["NaN", "inf"])
def test_a_rescale_that_is_not_finite_is_refused(value):
    data = make(RescaleSlope="1.5", RescaleIntercept="0").replace(b"1.5 ", value.ljust(4).encode())
    with pytest.raises(UnreadableError, match="slope and intercept are finite"):
        parse(data)


def test_frames_share_one_scale():
    parsed = parse(
        make(np.stack((RAMP, RAMP // 2)), SpacingBetweenSlices="3", PixelSpacing=["0.5", "0.6"])
    )
    assert parsed.voxels.shape == (2, 20, 24)
    np.testing.assert_allclose(parsed.voxels[1], (RAMP // 2) / RAMP.max(), atol=1e-6)
    assert parsed.spacing == (3.0, 0.5, 0.6)
    assert parsed.spatial


def test_colour_becomes_luma():
    rgb = np.random.default_rng(0).integers(0, 256, (20, 24, 3), dtype=np.uint8)
    data = make(
        RAMP.astype(np.uint8),
        SamplesPerPixel=3,
        PhotometricInterpretation="RGB",
        PlanarConfiguration=0,
        PixelData=rgb.tobytes(),
    )
    parsed = parse(data)
    assert np.abs(parsed.voxels[0] - rgb @ [0.299, 0.587, 0.114] / 255).max() < 0.003
    assert parsed.colourful > 0.3


@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless])
def test_compressed_pixels_are_read(syntax):
    if syntax == RLELossless:
        data = pydicom.dcmread(io.BytesIO(make()))
        data.compress(syntax)
        buffer = io.BytesIO()
        data.save_as(buffer)
        encoded = buffer.getvalue()
    else:
        from PIL import Image

        picture = io.BytesIO()
        Image.fromarray(RAMP.astype(np.uint8)).save(picture, "JPEG2000", no_jp2=True)
        encoded = make(RAMP.astype(np.uint8), syntax, PixelData=encapsulate([picture.getvalue()]))
    expected = RAMP if syntax == RLELossless else RAMP.astype(np.uint8)
    np.testing.assert_allclose(parse(encoded).voxels[0], expected / expected.max(), atol=1e-6)


def test_a_missing_decoder_is_named(monkeypatch):
    class Nothing:
        is_available = False
        missing_dependencies = ("pylibjpeg - requires pylibjpeg-openjpeg",)

    monkeypatch.setattr(dicom, "get_decoder", lambda uid: Nothing())
    with pytest.raises(UnsupportedTypeError, match=r"needs a plugin: .*openjpeg"):
        parse(make())


def test_a_video_is_refused():
    data = make(syntax="1.2.840.10008.1.2.4.102", PixelData=encapsulate([b"video"]))
    with pytest.raises(UnsupportedTypeError, match="still images"):
        parse(data)


def test_deflated_is_refused_from_the_file_meta():
    data = make()
    at = data.index(b"1.2.840.10008.1.2.1\x00")
    bomb = zlib.compress(bytes(50_000_000), 9)[2:-4]
    meta = struct.pack("<HH2sH", 2, 0x10, b"UI", 22) + b"1.2.840.10008.1.2.1.99"
    deflated = bytes(128) + b"DICM" + meta + bomb
    assert transfer_syntax(data[: at + 40]) == "1.2.840.10008.1.2.1"
    with pytest.raises(UnsupportedTypeError, match="deflated transfer syntax"):
        parse(deflated)
    assert parse_place(deflated).series == ""


def test_a_report_has_no_image():
    data = pydicom.dcmread(io.BytesIO(make()))
    del data.PixelData
    buffer = io.BytesIO()
    data.save_as(buffer)
    with pytest.raises(UnreadableError, match="without pixel data"):
        parse(buffer.getvalue())


@pytest.mark.parametrize(
    "tags",
    [{"Rows": 65535, "Columns": 65535}, {"NumberOfFrames": "1000000"}, {"Rows": 21}, {"Rows": 0}],
)
def test_more_pixels_than_bytes_are_refused(tags):
    with pytest.raises(UnreadableError, match="all the pixels that it declares"):
        parse(make(**tags))


def test_too_many_pixels_are_refused():
    with pytest.raises(TooLargeError, match="at most 400 pixels"):
        parse(make(), max_pixels=400)
    with pytest.raises(TooLargeError, match="at most 900 voxels"):
        parse(make(np.stack((RAMP, RAMP))), max_voxels=900)


def test_one_value_is_not_assessable():
    with pytest.raises(NotAssessableError, match="every pixel is the same"):
        parse(make(np.full((20, 24), 7, np.uint16)))


def test_zeros_after_the_mark_are_refused_at_once():
    with pytest.raises(UnreadableError, match="transfer syntax"):
        parse(bytes(128) + b"DICM" + bytes(8_000_000))


@pytest.mark.parametrize("length", [140, 300, 500, 700])
def test_a_truncated_file_is_refused(length):
    with pytest.raises(UnreadableError):
        parse(make()[:length])


def test_other_modalities_and_burned_in_names_are_noted():
    notes = parse(make(Modality="CT", BurnedInAnnotation="YES")).notes
    assert "modality CT" in notes[0]
    assert "burned-in text" in notes[1]


def test_no_tag_of_the_patient_is_kept():
    parsed = parse(make(BurnedInAnnotation="YES", Modality="CT"))
    assert "Secret" not in repr(parsed.meta())


def test_a_place_follows_the_normal_of_the_slice():
    places = [
        parse_place(
            make(
                SeriesInstanceUID="1.2.3",
                ImageOrientationPatient=["1", "0", "0", "0", "1", "0"],
                ImagePositionPatient=["0", "0", str(z)],
                InstanceNumber=str(number),
            )
        )
        for number, z in ((1, 30), (2, -12.5), (3, 5))
    ]
    assert [place.position for place in places] == [30.0, -12.5, 5.0]
    assert [p.instance for p in sorted(places, key=lambda p: p.key())] == [2, 3, 1]
    assert places[0].series
    assert "1.2.3" not in places[0].series
