import cv2
import numpy as np
import pytest
from PIL import Image

from core.data.fingerprint import fingerprint, read_grey, take_fingerprints
from core.data.modality import looks_like_ct
from core.data.phantom import draw_phantom
from core.data.twins import TWIN, correlations, find_twins, unit_vectors
from core.errors import NotAssessableError, TooLargeError, UnreadableError
from core.imaging.limits import Limits


def grey(seed, size=96):
    return np.rint(draw_phantom(seed, size).slice.pixels * 255).astype(np.uint8)


def put(folder, **images):
    for name, pixels in images.items():
        Image.fromarray(pixels).save(folder / f"{name}.png")
    return [f"{name}.png" for name in images]


def test_correlation_is_numpys(tmp_path):
    prints = take_fingerprints(tmp_path, put(tmp_path, a=grey(1), b=grey(2), c=grey(3)))
    first, second = np.array([0, 0, 1]), np.array([1, 2, 2])
    flat = prints.thumbs.reshape(3, 2, -1).astype(np.float64)
    expected = [
        max(np.corrcoef(flat[i, k], flat[j, k])[0, 1] for k in range(2))
        for i, j in zip(first, second, strict=True)
    ]
    np.testing.assert_allclose(correlations(prints.thumbs, first, second), expected, atol=1e-5)


def test_a_flat_thumbnail_is_like_nothing():
    vectors = unit_vectors(np.full((2, 48, 48), 7, np.uint8))
    assert not vectors.any()


def test_copies_and_near_twins_are_found_and_strangers_are_not(tmp_path):
    base = grey(1)
    darker = np.rint(base * 0.8).astype(np.uint8)
    framed = cv2.copyMakeBorder(base, 30, 10, 0, 5, cv2.BORDER_CONSTANT, value=0)
    paths = put(tmp_path, a=base, copy=base, darker=darker, framed=framed, other=grey(2))
    Image.fromarray(base).save(tmp_path / "again.jpg", quality=80)
    twins = find_twins(take_fingerprints(tmp_path, [*paths, "again.jpg"]))
    pairs = list(zip(twins.first.tolist(), twins.second.tolist(), twins.exact, strict=True))
    assert [pair for pair in pairs if pair[0] == 0] == [
        (0, 1, True),
        (0, 2, False),
        (0, 3, False),
        (0, 5, False),
    ]
    assert not any(4 in pair[:2] for pair in pairs)
    assert twins.correlation[0] == 1.0
    assert (twins.correlation[1:] > TWIN).all()


def test_candidates_across_blocks_are_those_of_the_full_matrix(tmp_path, monkeypatch):
    monkeypatch.setattr("core.data.twins._BLOCK", 3)
    images = {f"i{k}": grey(k // 2, 64) for k in range(8)}
    for k in range(1, 8, 2):
        images[f"i{k}"] = np.rint(images[f"i{k}"] * 0.9).astype(np.uint8)
    twins = find_twins(take_fingerprints(tmp_path, put(tmp_path, **images)))
    assert list(zip(twins.first, twins.second, strict=True)) == [(0, 1), (2, 3), (4, 5), (6, 7)]


def test_identical_pixels_of_another_shape_are_no_copy():
    pixels = np.arange(64, dtype=np.uint8)
    assert fingerprint(pixels.reshape(8, 8)).digest != fingerprint(pixels.reshape(4, 16)).digest


def test_the_same_pixels_in_another_file_type_are_a_copy(tmp_path):
    Image.fromarray(grey(1)).save(tmp_path / "a.png")
    Image.fromarray(grey(1)).convert("RGB").save(tmp_path / "b.bmp")
    prints = take_fingerprints(tmp_path, ["a.png", "b.bmp"])
    assert prints.digests[0] == prints.digests[1]
    assert prints.modes == ("L", "RGB")
    assert prints.sizes == ((96, 96), (96, 96))


def test_unreadable_files_are_set_aside_and_the_rest_goes_on(tmp_path):
    paths = put(tmp_path, a=grey(1), b=grey(2))
    data = (tmp_path / "b.png").read_bytes()
    (tmp_path / "b.png").write_bytes(data[: len(data) // 2])
    seen = []
    prints = take_fingerprints(tmp_path, [*paths, "none.png"], lambda *args: seen.append(args))
    assert prints.paths == ("a.png",)
    assert [item.path for item in prints.unreadable] == ["b.png", "none.png"]
    assert seen == [(3, 3, "reading images")]


def test_reading_errors_say_the_rule(tmp_path, monkeypatch):
    put(tmp_path, a=grey(1))
    with pytest.raises(UnreadableError, match="broken or cut off"):
        read_grey(tmp_path / "none.png")
    monkeypatch.setattr("core.data.fingerprint.default_limits", lambda: Limits(max_pixels=900))
    with pytest.raises(TooLargeError, match=r"at most 900 pixels. Received: 96 x 96"):
        read_grey(tmp_path / "a.png")


def test_a_picture_that_is_far_too_long_is_set_aside_before_it_is_made_square(tmp_path):
    Image.new("L", (400_000, 20), 90).save(tmp_path / "long.png")
    with pytest.raises(NotAssessableError, match=r"6 times its shorter side. .*400000 x 20"):
        read_grey(tmp_path / "long.png")
    found = take_fingerprints(tmp_path, ["long.png"])
    assert [item.path for item in found.unreadable] == ["long.png"]


def test_no_images_give_no_twins(tmp_path):
    twins = find_twins(take_fingerprints(tmp_path, []))
    assert twins.first.size == twins.exact.size == 0


def test_a_white_ring_around_an_even_brain_looks_like_ct():
    ct = np.zeros((128, 128), np.uint8)
    cv2.ellipse(ct, (64, 64), (45, 55), 0, 0, 360, 255, -1)
    cv2.ellipse(ct, (64, 64), (38, 48), 0, 0, 360, 100, -1)
    assert looks_like_ct(ct)
    varied = ct.copy()
    cv2.ellipse(varied, (64, 64), (20, 48), 0, 0, 360, 230, -1)
    assert not looks_like_ct(varied)
    assert not looks_like_ct(np.minimum(ct, 200))
    assert not looks_like_ct(np.zeros((64, 64), np.uint8))
    assert not any(looks_like_ct(grey(seed)) for seed in range(5))
