import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

from core import DISCLAIMER
from core.cli import main
from core.ensemble import mean_prediction
from core.imaging.inputs import read_bytes
from core.inference import get_predictor

FIELDS = {
    "model",
    "predicted_class",
    "confidence",
    "probabilities",
    "prediction_set",
    "accepted",
    "threshold",
    "in_domain",
    "warnings",
    "request_id",
    "elapsed_ms",
    "disclaimer",
}


def post(client, data, name="slice.png", **fields):
    return client.post("/predict", files={"file": (name, data)}, data=fields)


def test_a_slice_gets_every_field_of_the_contract(client, png):
    response = post(client, png)
    body = response.json()
    assert response.status_code == 200
    assert set(body) >= FIELDS
    assert "heatmap_png_base64" not in body
    assert body["model"] == "cnn"
    assert body["disclaimer"] == DISCLAIMER
    assert body["confidence"] == max(body["probabilities"].values())
    assert body["probabilities"][body["predicted_class"]] == body["confidence"]
    assert sum(body["probabilities"].values()) == pytest.approx(1.0, abs=1e-5)
    assert response.headers["x-request-id"] == body["request_id"]
    assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("explain", [False, True])
def test_python_command_line_and_http_say_the_same_number(
    client, phantom_files, explain, capsys, tmp_path
):
    words = ["predict", "--model", "cnn", "--format", "jsonl", str(phantom_files[1])]
    if explain:
        words[1:1] = ["--explain", str(tmp_path / "maps")]
    assert main(words) == 0
    record = json.loads(capsys.readouterr().out)

    data = phantom_files[1].read_bytes()
    body = post(client, data, explain=str(explain).lower()).json()

    slice_ = read_bytes(data, "slice.png")[0]
    predictor = get_predictor("cnn")
    prediction = predictor.analyse(slice_).prediction if explain else predictor.predict([slice_])[0]
    assert (
        body["probabilities"] == record["probabilities"] == prediction.to_record()["probabilities"]
    )
    assert body["predicted_class"] == record["predicted"] == prediction.predicted
    assert body["confidence"] == record["confidence"] == round(prediction.confidence, 6)
    for field in ("prediction_set", "accepted", "in_domain", "warnings"):
        assert body[field] == record[field] == prediction.to_record()[field]


def test_explain_returns_the_slice_under_its_map(client, png):
    body = post(client, png, explain="true").json()
    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(body["heatmap_png_base64"]))))
    assert picture.shape == (96, 96, 3)
    assert picture.dtype == np.uint8


def test_a_large_slice_is_shrunk_in_the_picture(client):
    grey = Image.fromarray((np.add.outer(np.arange(700), np.arange(1500)) % 251).astype(np.uint8))
    buffer = io.BytesIO()
    grey.save(buffer, "PNG")
    body = post(client, buffer.getvalue(), explain="true").json()
    picture = Image.open(io.BytesIO(base64.b64decode(body["heatmap_png_base64"])))
    assert picture.size == (1024, 478)
    assert post(client, buffer.getvalue()).json()["probabilities"] == body["probabilities"]


def test_the_same_bytes_get_the_identical_answer_from_the_cache(client, png):
    first, second = (post(client, png).json() for _ in range(2))
    metrics = client.get("/metrics").text
    assert "glialens_cached_answers_total 1.0" in metrics
    for body in (first, second):
        del body["request_id"], body["elapsed_ms"]
    assert first == second


def test_a_png_named_jpg_is_read_with_a_note(client, png):
    warnings = post(client, png, "slice.jpg").json()["warnings"]
    assert "The name ends in .jpg, but the content is a PNG image." in warnings


def test_an_ensemble_is_the_plain_mean(second_model, make_client, png):
    client = make_client()
    one, other, both = (post(client, png, model=m).json() for m in ("cnn", "tiny", "ensemble"))
    assert one["probabilities"] != other["probabilities"]
    for label, p in both["probabilities"].items():
        mean = (one["probabilities"][label] + other["probabilities"][label]) / 2
        assert p == pytest.approx(mean, abs=2e-6)
    assert both["model"] == "ensemble"
    assert client.get("/models").json()["ensemble"] == ["cnn", "tiny"]
    explained = post(client, png, model="ensemble", explain="true").json()
    assert explained["probabilities"] == pytest.approx(both["probabilities"], abs=2e-6)
    assert explained["heatmap_png_base64"]


def test_the_mean_follows_labels_rather_than_positions(weights, png):
    slice_ = read_bytes(png, "slice.png")[0]
    first = get_predictor("cnn").predict([slice_])[0]
    turned = type(first)(
        "turned", first.labels[::-1], first.logits[::-1], first.probabilities[::-1], 0.7
    )
    assert np.allclose(mean_prediction([first, turned]).probabilities, first.probabilities)


def test_a_volume_is_answered_by_its_middle_or_the_chosen_slice(client, tmp_path):
    import nibabel

    from core.data.phantom import phantom_volume

    slices = phantom_volume(3, depth=5, size=64)
    voxels = np.stack([s.pixels for s in slices]).transpose(2, 1, 0)
    path = tmp_path / "v.nii"
    nibabel.save(nibabel.Nifti1Image(voxels, np.eye(4)), path)
    data = path.read_bytes()
    middle = post(client, data, "v.nii").json()
    chosen = post(client, data, "v.nii", slice="1").json()
    assert (middle["slice"], middle["slices"], chosen["slice"]) == (2, 5, 1)
    assert "The file holds 5 slices; the middle one, 2, was assessed." in middle["warnings"]
    refused = post(client, data, "v.nii", slice="5")
    assert refused.status_code == 422
    assert refused.json()["detail"] == (
        "The field 'slice' lies from 0 to 4 for this file. Received: 5."
    )


def test_a_volume_of_four_dimensions_is_chosen(client, png):
    import nibabel

    from core.data.phantom import phantom_volume

    both = [np.stack([s.pixels for s in phantom_volume(k, depth=5, size=64)]) for k in (3, 4)]
    values = np.stack([voxels.transpose(2, 1, 0) for voxels in both], axis=-1)
    data = nibabel.Nifti1Image(values, np.eye(4)).to_bytes()
    plain, first, second = (
        post(client, data, "v.nii", **field).json()
        for field in ({}, {"volume": "1"}, {"volume": "2"})
    )
    assert plain["probabilities"] == first["probabilities"] != second["probabilities"]
    for answer, number in ((plain, 1), (first, 1), (second, 2)):
        assert f"The file holds 2 volumes; number {number} was read." in answer["warnings"]
    for content, name, wanted, most in (
        (data, "v.nii", 3, 2), (data, "v.nii", 0, 2), (data, "v.nii", -4, 2), (png, "a.png", 2, 1),
    ):  # fmt: skip
        refused = post(client, content, name, volume=str(wanted))
        assert refused.status_code == 422
        assert refused.json()["detail"] == (
            f"The volume's number lies from 1 to {most}. Received: {wanted}."
        )
    assert post(client, data, "v.nii", volume="two").status_code == 422


def test_a_photograph_gets_no_diagnosis(client):
    rng = np.random.default_rng(0)
    buffer = io.BytesIO()
    Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(buffer, "PNG")
    body = post(client, buffer.getvalue()).json()
    assert body["in_domain"] is False
    assert body["accepted"] is False
    assert body["warnings"]
