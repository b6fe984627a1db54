import io
import logging
import struct
import zipfile
import zlib

import numpy as np
import pytest
from PIL import Image

from api.main import create_app
from api.problems import KINDS, kind_of
from api.settings import ServiceSettings
from core import errors
from core.errors import GliaLensError, MissingPackageError, SettingsError
from core.inference import Predictor
from core.settings import get_settings


def post(client, data=b"", name="slice.png", headers=None, **fields):
    return client.post("/predict", files={"file": (name, data)}, data=fields, headers=headers)


def assert_problem(response, status, slug, detail=None):
    body = response.json()
    assert response.status_code == status, body
    assert response.headers["content-type"] == "application/problem+json"
    assert set(body) == {"type", "title", "status", "detail", "instance"}
    assert body["type"] == f"urn:glialens:problem:{slug}"
    assert body["status"] == status
    assert body["instance"] == f"urn:glialens:request:{response.headers['x-request-id']}"
    if detail is not None:
        assert body["detail"] == detail
    return body


def png(pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def header_only_png(width, height):
    size = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", size), (b"IDAT", zlib.compress(bytes(64))), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )


def zipped():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.png", b"x")
    return buffer.getvalue()


NOISE = np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)


@pytest.mark.parametrize(
    ("data", "status", "slug", "words"),
    [
        (b"", 422, "unreadable", "Received: an empty file (0 bytes)."),
        (b"just words", 415, "unsupported-type", "Received: a text file."),
        (png(NOISE)[:200], 422, "unreadable", "truncated or damaged"),
        (b"\x7fELF" + bytes(100), 415, "unsupported-type", "a Linux program"),
        (b"<svg></svg>", 415, "unsupported-type", "an SVG drawing"),
        (b"%PDF-1.7", 415, "unsupported-type", "a PDF document"),
        (zipped(), 415, "unsupported-type", "a zip archive"),
        (header_only_png(20_000, 20_000), 413, "too-large", "20000 x 20000"),
        (header_only_png(12_000, 12_000), 413, "too-large", "12000 x 12000"),
        (png(np.zeros((9000, 9000), np.uint8)), 413, "too-large", "9000 x 9000"),
        (b"GIF89a" + bytes(20), 415, "unsupported-type", "a GIF"),
        (png(NOISE[:1, :1]), 422, "not-assessable", "1 x 1"),
        (png(np.full((64, 64), 7, np.uint8)), 422, "not-assessable", "every pixel is the same"),
        (bytes(128) + b"DICM" + bytes(64), 422, "unreadable", "Received:"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_bad_bytes_get_their_code_and_the_sentence_of_the_core(client, data, status, slug, words):
    body = assert_problem(post(client, data), status, slug)
    assert words in body["detail"]


@pytest.mark.parametrize("name", ["../x", "resnet", "CNN", "x" * 500])
def test_an_unknown_model_is_named(client, name):
    body = assert_problem(post(client, png(NOISE), model=name), 422, "unknown-model")
    assert "cnn" in body["detail"]
    assert repr(name[:60])[:-1] in body["detail"]
    assert len(body["detail"]) < 200


def test_a_model_in_the_address_is_refused_rather_than_ignored(client):
    response = client.post("/predict?model=../x", files={"file": ("a.png", png(NOISE))})
    detail = "Fields travel in the form, not in the address. Received: 'model' there."
    assert_problem(response, 422, "invalid-field", detail)


def test_an_unknown_field_is_refused_rather_than_ignored(client):
    detail = "The fields are file, model, explain, slice, volume. Received: a field 'modle'."
    assert_problem(post(client, png(NOISE), modle="cnn"), 422, "invalid-field", detail)


def test_a_missing_file_is_named(client):
    response = client.post("/predict", data={"model": "cnn"})
    detail = "A request has the field 'file'. Received: none."
    assert_problem(response, 422, "invalid-field", detail)
    assert_problem(client.post("/predict"), 422, "invalid-field", detail)


@pytest.mark.parametrize(("field", "value"), [("explain", "perhaps"), ("slice", "two")])
def test_a_field_of_another_kind_is_named(client, field, value):
    body = assert_problem(post(client, png(NOISE), **{field: value}), 422, "invalid-field")
    assert body["detail"].startswith(f"The field '{field}' is not valid:")
    assert body["detail"].endswith(f"Received: {value!r}.")


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=a", b"no boundary in here"),
        ("multipart/form-data; boundary=a", b"--a\r\nContent-Disposition: form-data\r\n\r\nx"),
    ],
)
def test_a_body_that_is_no_form_is_malformed(client, content_type, body):
    response = client.post("/predict", content=body, headers={"Content-Type": content_type})
    body = assert_problem(response, 400, "malformed-request")
    assert body["detail"].startswith("A request's body is a whole multipart form. Received:")


def test_two_files_where_one_is_asked_for(client):
    files = [("file", ("a.png", png(NOISE))), ("file", ("b.png", png(NOISE)))]
    assert_problem(client.post("/predict", files=files), 400, "malformed-request")


def test_an_unknown_address_and_a_wrong_method(client):
    assert_problem(client.get("/nothing"), 404, "not-found")
    response = client.get("/predict")
    assert_problem(response, 405, "method-not-allowed")
    assert response.headers["allow"] == "POST"


def test_hostile_file_names_are_read_like_any_other(client):
    for name in ("../../x.png", "<script>.png", "\u202egnp.exe", "a" * 300 + ".png"):
        assert post(client, png(NOISE), name).status_code == 200


def test_a_model_that_is_not_published_is_not_ready(client):
    response = post(client, png(NOISE), model="vgg16")
    body = assert_problem(response, 503, "model-not-ready")
    assert body["detail"].endswith("Received: no card.json for 'vgg16'.")
    assert response.headers["retry-after"] == "5"


def test_damaged_weights_are_not_ready_with_the_reason(weights, tmp_path, make_client):
    import json
    import shutil

    from core.settings import get_settings

    folder = tmp_path / "damaged"
    shutil.copytree(weights, folder)
    data = bytearray((folder / "cnn" / "weights.safetensors").read_bytes())
    data[-1] ^= 1
    (folder / "cnn" / "weights.safetensors").write_bytes(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GLIALENS_WEIGHTS_DIR", str(folder))
        get_settings.cache_clear()
        client = make_client()
        listed = client.get("/models").json()["models"][0]
        assert listed["ready"] is False
        assert "SHA-256" in listed["reason"]
        assert_problem(client.get("/readyz"), 503, "model-not-ready")
        assert_problem(post(client, png(NOISE), model="cnn"), 503, "model-not-ready")
        card = json.loads((folder / "cnn" / "card.json").read_text())
        data[-1] ^= 1
        (folder / "cnn" / "weights.safetensors").write_bytes(data)
        assert card["sha256"]
        assert post(client, png(NOISE), model="cnn").status_code == 200
        assert client.get("/readyz").status_code == 200
    get_settings.cache_clear()


def test_before_the_models_are_loaded_the_service_is_alive_but_not_ready(make_client):
    client = make_client()
    client.app.state.service.loaded = False
    assert client.get("/healthz").status_code == 200
    response = client.get("/readyz")
    assert_problem(response, 503, "loading")
    assert response.headers["retry-after"] == "5"
    assert_problem(post(client, png(NOISE)), 503, "loading")
    assert client.get("/").json()["models"][0] == {"name": "cnn", "ready": False}


def test_a_mistake_of_our_own_is_a_problem_document_without_details(make_client, monkeypatch):
    client = make_client(raises=False)

    def fail(*arguments):
        raise RuntimeError("secret detail")

    monkeypatch.setattr("api.routes.predict.read_upload", fail)
    detail = "The service made a mistake; it is logged."
    response = post(client, png(NOISE))
    assert response.status_code == 500
    assert response.json()["detail"] == detail
    assert "secret" not in response.text
    for header in ("x-request-id", "x-content-type-options", "cache-control"):
        assert header in response.headers
    assert response.json()["instance"].endswith(response.headers["x-request-id"])


def test_a_mistake_is_counted_and_logged_as_one(make_client, monkeypatch, caplog):
    client = make_client(raises=False, cors_origins=("https://ward.example",))
    monkeypatch.setattr("api.routes.predict.read_upload", lambda *_: 1 / 0)
    with caplog.at_level(logging.INFO, "glialens.service"):
        response = client.post(
            "/predict",
            files={"file": ("a.png", png(NOISE))},
            headers={"Origin": "https://ward.example"},
        )
    assert response.headers["access-control-allow-origin"] == "https://ward.example"
    (line,) = [record for record in caplog.records if record.message == "request"]
    assert (line.status, line.outcome) == (500, "internal")
    text = client.get("/metrics").text
    assert 'glialens_requests_total{route="/predict",status="500"} 1.0' in text
    assert 'glialens_rejections_total{reason="internal"} 1.0' in text


def test_a_setting_that_breaks_its_rule_stops_the_service_before_it_starts(monkeypatch):
    monkeypatch.setenv("GLIALENS_MAX_UPLOAD_MB", "0")
    get_settings.cache_clear()
    try:
        with pytest.raises(SettingsError, match="GLIALENS_MAX_UPLOAD_MB"):
            create_app(ServiceSettings())
    finally:
        monkeypatch.undo()
        get_settings.cache_clear()


def test_a_model_whose_pass_cannot_start_is_not_ready_and_says_why(make_client, monkeypatch):
    sentence = "The runtime needs a package. Received: none."

    def fail(self):
        raise MissingPackageError(sentence)

    monkeypatch.setattr(Predictor, "warm_up", fail)
    client = make_client()
    assert_problem(client.get("/readyz"), 503, "model-not-ready")
    listed = {m["name"]: m for m in client.get("/models").json()["models"]}
    assert listed["cnn"]["ready"] is False
    assert listed["cnn"]["reason"] == sentence
    assert_problem(post(client, png(NOISE), model="cnn"), 503, "model-not-ready")
    monkeypatch.undo()
    assert post(client, png(NOISE), model="cnn").status_code == 200


@pytest.mark.parametrize(
    "error",
    [value for value in vars(errors).values() if isinstance(value, type)],
    ids=lambda cls: cls.__name__,
)
def test_every_error_of_the_core_has_a_kind(error):
    assert issubclass(error, GliaLensError)
    assert kind_of(error("x")) in KINDS.values()
