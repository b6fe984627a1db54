import gzip
import struct

import nibabel as nib
import numpy as np
import pytest

from core.errors import NotAssessableError, TooLargeError, UnreadableError, UnsupportedTypeError
from core.imaging.limits import Limits
from core.imaging.nifti import parse_nifti
from core.imaging.signature import require


def make(values: np.ndarray, affine: np.ndarray | None = None, kind=nib.Nifti1Image) -> bytes:
    return kind(values, np.eye(4) if affine is None else affine).to_bytes()


def ramp(shape: tuple[int, ...] = (18, 20, 17)) -> np.ndarray:
    return np.arange(np.prod(shape), dtype=np.float32).reshape(shape)


def corner() -> np.ndarray:
    """RAS voxels, bright towards right, anterior and superior."""
    values = np.zeros((18, 20, 17), np.int16)
    values[12:, 14:, 12:] = 1000
    return values


def patched(data: bytes, offset: int, form: str, *values: float) -> bytes:
    changed = bytearray(data)
    struct.pack_into(form, changed, offset, *values)
    return bytes(changed)


def parse(data: bytes, volume: int = 0, **limits):
    assert require(data) in ("nifti", "nifti-gz")
    return parse_nifti(data, Limits(**limits), volume)


@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_volume_is_read_in_the_patients_axes(kind, pack):
    parsed = parse(pack(make(corner(), np.diag([2.0, 3.0, 4.0, 1.0]), kind)))
    assert parsed.voxels.shape == (17, 20, 18)
    assert parsed.voxels.dtype == np.float32
    assert parsed.spacing == (4.0, 3.0, 2.0)
    # Superior is last, anterior is the top row, and the patient's right is on the left.
    assert parsed.voxels[12:, :6, :6].min() == 1.0
    assert parsed.voxels[:12].max() == parsed.voxels[:, 6:].max() == 0.0
    assert parsed.spatial


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_flipped_file_comes_out_the_same(axis):
    affine = np.eye(4)
    affine[axis, axis] = -1.0
    flipped = parse(make(np.flip(corner(), axis).copy(), affine))
    np.testing.assert_array_equal(flipped.voxels, parse(make(corner())).voxels)


def test_permuted_axes_come_out_the_same():
    affine = np.eye(4)[[1, 2, 0, 3]]
    permuted = parse(make(corner().transpose(1, 2, 0).copy(), affine.T))
    np.testing.assert_array_equal(permuted.voxels, parse(make(corner())).voxels)


def test_an_unknown_orientation_is_noted():
    data = patched(make(corner()), 252, "<hh", 0, 0)
    assert any("orientation" in note for note in parse(data).notes)


def test_slope_and_intercept_do_not_matter_but_must_be_finite():
    data = make(corner())
    scaled = patched(data, 112, "<ff", 2.0, -30.0)
    np.testing.assert_allclose(parse(scaled).voxels, parse(data).voxels)
    with pytest.raises(UnreadableError, match="infinite slope"):
        parse(patched(data, 112, "<ff", 1.0, np.inf))


def test_a_volume_of_four_dimensions_is_chosen():
    values = np.stack((corner(), np.flip(corner(), 2)), axis=-1)
    parsed = parse(make(values), volume=1)
    assert parsed.volumes == 2
    assert parsed.voxels[:5, :6, :6].min() == 1.0
    assert parsed.notes[0] == "The file holds 2 volumes; number 2 was read."
    for volume, told in ((2, 3), (-1, 0)):
        with pytest.raises(UnreadableError, match=rf"from 1 to 2\. Received: {told}\."):
            parse(make(values), volume=volume)


def test_only_what_must_be_inflated_is_bounded_by_inflation():
    data = make(np.stack((corner(), corner()), axis=-1))
    assert parse(data, volume=1, max_inflated_bytes=4096).volumes == 2
    with pytest.raises(TooLargeError, match="may inflate to at most"):
        parse(gzip.compress(data), volume=1, max_inflated_bytes=4096)


def test_two_dimensions_are_one_slice():
    assert parse(make(ramp((18, 20)))).voxels.shape == (1, 20, 18)


def test_nan_is_masked_with_a_note():
    values = ramp()
    values[3, 3, 3] = np.nan
    values[4, 4, 4] = np.inf
    parsed = parse(make(values))
    assert np.isfinite(parsed.voxels).all()
    assert any("NaN or infinity" in note for note in parsed.notes)
    with pytest.raises(UnreadableError, match="only NaN or infinity"):
        parse(make(np.full((18, 20, 17), np.nan, np.float32)))


def test_one_value_is_not_assessable():
    with pytest.raises(NotAssessableError, match="every voxel is the same"):
        parse(make(np.full((18, 20, 17), 5, np.int16)))


def test_a_header_that_promises_too_much_is_refused():
    data = patched(make(ramp()), 42, "<hhh", 32767, 32767, 32767)
    with pytest.raises(UnreadableError, match="32767 x 32767 x 32767"):
        parse(data)
    with pytest.raises(UnreadableError, match="32767 x 32767 x 32767"):
        parse(gzip.compress(data))


@pytest.mark.parametrize("dims", [(-1, 20, 17), (0, 20, 17)])
def test_dimensions_below_one_are_refused(dims):
    with pytest.raises(UnreadableError, match="of at least 1"):
        parse(patched(make(ramp()), 42, "<hhh", *dims))


def test_unknown_types_are_refused():
    with pytest.raises(UnreadableError, match="known data type"):
        parse(patched(make(ramp()), 70, "<h", 4242))
    with pytest.raises(UnsupportedTypeError, match="complex64"):
        parse(make(np.ones((18, 20, 17), np.complex64)))
    with pytest.raises(UnsupportedTypeError, match="up to 4 dimensions"):
        parse(make(ramp((16, 16, 2, 1, 3))))


@pytest.mark.parametrize("offset", [np.nan, -1.0, 0.0, 1e12])
def test_a_wrong_offset_is_refused(offset):
    with pytest.raises(UnreadableError, match="behind its header"):
        parse(patched(make(ramp()), 108, "<f", offset))


def test_inflation_is_bounded():
    bomb = gzip.compress(make(np.zeros((256, 256, 256), np.int16)), 1)
    with pytest.raises(TooLargeError, match="inflate to at most 8 MB"):
        parse(bomb, max_inflated_bytes=8 << 20)
    with pytest.raises(TooLargeError, match="at most 1,000 voxels"):
        parse(make(ramp()), max_voxels=1000)


def test_what_follows_the_voxels_is_not_inflated():
    data = gzip.compress(make(ramp()) + bytes(20 << 20))
    assert parse(data, max_inflated_bytes=1 << 20).voxels.shape == (17, 20, 18)


@pytest.mark.parametrize("cut", [0.3, 0.9])
def test_a_truncated_file_is_refused(cut):
    plain = make(np.random.default_rng(0).normal(size=(18, 20, 17)).astype(np.float32))
    for data in (plain, gzip.compress(plain)):
        with pytest.raises(UnreadableError):
            parse(data[: int(len(data) * cut)])


def test_half_of_a_pair_is_refused():
    data = bytearray(make(ramp()))
    data[344:348] = b"ni1\x00"
    with pytest.raises(UnsupportedTypeError, match=r"half of a NIfTI \.hdr/\.img pair"):
        require(bytes(data))
