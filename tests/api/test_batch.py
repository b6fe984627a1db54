import io
import zipfile

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from api.routes import predict as routes
from core.inference import get_predictor


def post(client, files, field="files", **fields):
    return client.post("/predict/batch", files=[(field, f) for f in files], data=fields)


@pytest.fixture
def pngs(phantom_files):
    return [(f"{n}.png", file.read_bytes()) for n, file in enumerate(phantom_files)]


@pytest.mark.parametrize("field", ["files", "file"])
def test_a_batch_answers_each_file_in_order(client, pngs, field):
    body = post(client, pngs, field).json()
    assert [r["file"] for r in body["results"]] == ["0.png", "1.png", "2.png"]
    assert (body["model"], body["answered"], body["failed"]) == ("cnn", 3, 0)
    for (name, data), result in zip(pngs, body["results"], strict=True):
        single = client.post("/predict", files={"file": (name, data)}).json()
        assert result["probabilities"] == pytest.approx(single["probabilities"], abs=1e-5)
        assert result["predicted_class"] == single["predicted_class"]
        assert "heatmap_png_base64" not in result
    assert {"request_id", "elapsed_ms", "disclaimer"} <= set(body)


def test_a_broken_file_does_not_spoil_the_others(client, pngs):
    body = post(client, [pngs[0], ("../../etc/x.png", b"words"), pngs[1]]).json()
    assert (body["answered"], body["failed"]) == (2, 1)
    failure = body["results"][1]
    assert failure["file"].startswith("image-")
    assert failure["error"]["status"] == 415
    assert failure["error"]["type"] == "urn:glialens:problem:unsupported-type"
    assert failure["error"]["detail"].endswith("Received: a text file.")


def test_a_zip_is_opened_and_its_members_named(client, pngs):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in pngs:
            archive.writestr(f"scans/{name}", data)
        archive.writestr("broken.png", b"words")
    body = post(client, [("scans.zip", buffer.getvalue())]).json()
    names = [result["file"] for result in body["results"]]
    assert names == ["scans.zip/broken.png", *(f"scans.zip/{n}.png" for n in range(3))]
    assert (body["answered"], body["failed"]) == (3, 1)


@pytest.mark.parametrize("explain", ["false", "true"])
def test_each_slice_says_how_many_its_file_holds(client, pngs, explain):
    values = np.random.default_rng(0).normal(size=(20, 20, 3)).astype(np.float32)
    volume = nib.Nifti1Image(values, np.eye(4)).to_bytes()
    results = post(client, [("v.nii", volume), pngs[0]], explain=explain).json()["results"]
    assert [(r["slice"], r["slices"]) for r in results] == [(0, 3), (1, 3), (2, 3), (0, 1)]


def test_explain_draws_every_slice(client, pngs):
    results = post(client, pngs, explain="true").json()["results"]
    assert all(result["heatmap_png_base64"] for result in results)


def test_what_is_beyond_the_limit_is_said_to_be_left_out(make_client, pngs):
    body = post(make_client(max_batch_slices=2), pngs).json()
    assert (body["answered"], body["failed"]) == (2, 1)
    error = body["results"][2]["error"]
    assert error["status"] == 413
    assert error["detail"].startswith("A batch answers at most 2 slices. Received: more;")
    exact = post(make_client(max_batch_slices=3), pngs).json()
    assert (exact["answered"], exact["failed"]) == (3, 0)


def test_pieces_join_without_a_gap(client, pngs, monkeypatch):
    monkeypatch.setattr("api.answers._PIECE_SLICES", 2)
    body = post(client, [*pngs, *pngs]).json()
    assert [r["file"] for r in body["results"]] == [f"{n % 3}.png" for n in range(6)]
    assert body["results"][0]["probabilities"] == pytest.approx(
        body["results"][3]["probabilities"], abs=1e-5
    )


def test_too_many_files_and_none(make_client, pngs):
    client = make_client(max_batch_files=2)
    many, none = post(client, pngs), client.post("/predict/batch", data={"model": "cnn"})
    assert many.status_code == 413
    assert many.json()["detail"] == "A batch has at most 2 files. Received: 3."
    assert none.status_code == 422
    assert none.json()["detail"] == "A request has at least one field 'files'. Received: none."


def test_a_batch_pays_for_each_of_its_images(make_client, pngs):
    client = make_client(rate_limit=3)
    assert post(client, pngs).status_code == 200
    assert post(client, pngs[:1]).status_code == 429


def test_a_batch_takes_several_places(make_client, pngs):
    client = make_client(queue_length=8)
    client.app.state.service.work.taken = 1
    response = post(client, pngs)
    assert response.status_code == 503
    assert client.post("/predict", files={"file": pngs[0]}).status_code == 200
    assert routes._BATCH_WEIGHT == 8


def test_a_batch_is_the_same_for_python(client, pngs):
    from core.imaging.inputs import read_bytes

    slices = [read_bytes(data, name)[0] for name, data in pngs]
    expected = [p.to_record()["probabilities"] for p in get_predictor("cnn").predict(slices)]
    found = [r["probabilities"] for r in post(client, pngs).json()["results"]]
    assert found == expected


def test_a_file_over_the_limit_fails_alone(make_client, pngs, weights, monkeypatch):
    from core.settings import get_settings

    monkeypatch.setenv("GLIALENS_MAX_UPLOAD_MB", "1")
    get_settings.cache_clear()
    noise = np.random.default_rng(0).integers(0, 256, (1200, 1200), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, "PNG")
    body = post(make_client(), [("large.png", buffer.getvalue()), pngs[0]]).json()
    assert body["results"][0]["error"]["status"] == 413
    assert body["answered"] == 1
