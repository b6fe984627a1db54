"""What holds for any input, as Hypothesis tries to refute."""

import json
import string

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from core.data.manifest import ManifestRow, read_manifest, write_manifest
from core.errors import DatasetError, InputError, ModelNotReadyError
from core.files import parse_json
from core.imaging.decode import decode_image
from core.imaging.inputs import read_bytes
from core.imaging.names import MAX_LENGTH, safe_name
from core.imaging.preprocess import head_box, prepare, standardise
from core.imaging.quality import assess
from core.imaging.signature import DESCRIPTIONS, detect
from core.models.card import parse_card
from core.types import Slice
from tests.hostile.mutate import mutate
from tests.hostile.pictures import encoded, grey
from tests.hostile.seeds import phantoms, tables

FEW = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
WHOLE = list(phantoms())
STILLS = [data for data in WHOLE if detect(data) in {"png", "jpeg", "bmp", "tiff", "webp"}]
CARD = json.loads(next(seed.data for seed in tables() if seed.kind == "card"))
GREYS = arrays.arrays(
    np.float32,
    st.tuples(st.integers(16, 90), st.integers(16, 90)),
    elements=st.floats(0, 1, width=32),
)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@FEW
@given(st.binary(max_size=3000))
def test_any_bytes_are_told_apart_and_read_or_refused(data):
    assert detect(data) in DESCRIPTIONS
    with pytest.raises(InputError, match=r"\. Received: "):
        read_bytes(data)


@FEW
@given(st.sampled_from(STILLS), st.integers(0, 2**32))
def test_a_changed_image_is_a_slice_or_a_sentence(data, seed):
    changed = mutate(data, b"", np.random.default_rng(seed))
    try:
        slice_ = decode_image(changed)
    except InputError as error:
        sentence = str(error)
    else:
        sentence = "Received: "
        assert slice_.pixels.dtype == np.float32
        assert 0.0 <= slice_.pixels.min() <= slice_.pixels.max() <= 1.0
        assert min(slice_.shape) >= 16
    assert "Received: " in sentence


@FEW
@given(arrays.arrays(np.uint8, st.tuples(st.integers(16, 60), st.integers(16, 60))))
def test_eight_bits_come_back_exactly(pixels):
    if pixels.min() == pixels.max():
        return
    for form in ("PNG", "BMP", "TIFF"):
        np.testing.assert_array_equal(
            decode_image(encoded(pixels, form)).pixels, pixels.astype(np.float32) / 255.0
        )


@FEW
@given(GREYS, st.sampled_from([16, 31, 64, 160]))
def test_any_slice_is_prepared(pixels, size):
    top, left, bottom, right = head_box(pixels)
    assert 0 <= top < bottom <= pixels.shape[0]
    assert 0 <= left < right <= pixels.shape[1]
    image, geometry = prepare(pixels, size)
    assert image.shape == (size, size)
    assert image.dtype == np.uint8
    assert geometry.map_to_slice(image.astype(np.float32)).shape == pixels.shape
    standard = standardise(image)
    assert np.isfinite(standard).all()
    assert abs(float(standard.mean())) < 1e-3
    facts = assess(Slice(pixels)).facts
    assert all(np.isfinite(value) for value in facts.values())


@FEW
@given(st.text(max_size=300))
def test_any_name_becomes_harmless_and_stays_so(raw):
    name = safe_name(raw)
    assert 1 <= len(name) <= MAX_LENGTH
    assert name.isprintable()
    assert not set(name) & set("<>&\"'`/\\|;$")
    assert name == safe_name(raw)


@FEW
@given(
    st.lists(
        st.tuples(
            st.text(string.ascii_letters + "äß -,\"'\n", min_size=1, max_size=12),
            st.sampled_from(["train", "val", "test"]),
        ),
        min_size=1,
        max_size=12,
        unique_by=lambda row: row[0],
    )
)
def test_any_manifest_comes_back_as_written(tmp_path, rows):
    wanted = [ManifestRow(f"x{name}", "glioma", f"g{name}", split, "s") for name, split in rows]
    path = tmp_path / "manifest.csv"
    written = write_manifest(path, wanted, tmp_path)
    found = read_manifest(path)
    assert set(found.rows) == set(wanted)
    assert found.sha256 == written.sha256
    data = path.read_bytes()
    write_manifest(path, wanted[::-1], tmp_path)
    assert path.read_bytes() == data


@FEW
@given(st.binary(max_size=400), st.booleans())
def test_any_table_is_a_manifest_or_a_sentence(tmp_path, data, headed):
    path = tmp_path / "manifest.csv"
    path.write_bytes((b"path,label,group,split,source\n" if headed else b"") + data)
    with pytest.raises(DatasetError, match="Received: "):
        read_manifest(path).check_files()


@FEW
@given(st.sampled_from(sorted(CARD)), ANY_JSON)
def test_any_value_in_a_card_is_fine_or_refused(key, value):
    try:
        card = parse_card(CARD | {key: value})
    except ModelNotReadyError as error:
        sentence = str(error)
    else:
        sentence = "Received: "
        assert 0.0 <= card.threshold <= 1.0
        assert card.conformal_quantile is None or 0.0 <= card.conformal_quantile <= 1.0
        assert len(set(card.labels)) == len(card.labels) >= 2
    assert "Received: " in sentence


@FEW
@given(ANY_JSON)
def test_json_is_read_as_python_does_where_it_is_unambiguous(value):
    assert parse_json(json.dumps(value)) == value
    assert parse_json(json.dumps(value, ensure_ascii=False)) == value


@FEW
@given(
    st.text(max_size=40),
    st.text(max_size=40),
    st.text(max_size=200),
    st.sampled_from([encoded(grey(32)), b"", b"words"]),
)
def test_any_form_gets_an_answer_of_its_schema(service, model, explain, name, data):
    answer = service.post(
        "/predict",
        files={"file": (name or "x", data)},
        data={"model": model, "explain": explain},
    )
    assert answer.status_code in {200, 400, 415, 422}
    body = answer.json()
    if answer.status_code == 200:
        assert sum(body["probabilities"].values()) == pytest.approx(1.0, abs=1e-4)
    else:
        assert "Received: " in body["detail"]
        assert body["status"] == answer.status_code
