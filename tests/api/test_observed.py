import json
import logging

from api.logs import JsonFormatter


def test_a_request_id_is_kept_if_it_is_harmless(client):
    assert client.get("/", headers={"X-Request-ID": "abc-1"}).headers["x-request-id"] == "abc-1"
    for odd in ("a" * 65, "a b", "<x>"):
        assert client.get("/", headers={"X-Request-ID": odd}).headers["x-request-id"] != odd


def test_logs_tell_the_outcome_and_nothing_of_the_content(make_client, png, caplog):
    client = make_client(api_keys=("very-secret-key",), raises=False)
    headers = {"X-API-Key": "very-secret-key"}
    with caplog.at_level(logging.INFO, "glialens.service"):
        files = {"file": ("Doe^Jane.png", png)}
        assert client.post("/predict", files=files, headers=headers).status_code == 200
        files = {"file": ("Doe^Jane.png", b"planted words")}
        assert client.post("/predict", files=files, headers=headers).status_code == 415
        client.post("/predict?q=planted", files=files, headers={"X-API-Key": "planted"})
    lines = [JsonFormatter().format(r) for r in caplog.records if r.message == "request"]
    records = [json.loads(line) for line in lines]
    assert [r["outcome"] for r in records] == ["ok", "unsupported-type", "unauthorized"]
    assert [r["status"] for r in records] == [200, 415, 401]
    assert records[0]["route"] == "/predict"
    assert records[0]["model"] == "cnn"
    assert set(records[0]) >= {"request_id", "ms", "time", "level"}
    for secret in ("Doe", "planted", "secret"):
        assert secret not in "".join(lines)


def test_a_logged_error_keeps_its_place_and_drops_its_message():
    try:
        raise ValueError("Doe^Jane")
    except ValueError as error:
        info = (type(error), error, error.__traceback__)
    record = logging.LogRecord("x", logging.ERROR, "", 0, "failed", (), info)
    line = JsonFormatter().format(record)
    assert json.loads(line)["error"] == "ValueError"
    assert "test_a_logged_error" in line
    assert "Doe" not in line


def test_metrics_count_answers_refusals_and_batches(make_client, png):
    client = make_client(batch_size=4)
    for data in (png, b"words"):
        client.post("/predict", files={"file": ("slice.png", data)})
    text = client.get("/metrics").text
    assert 'glialens_requests_total{route="/predict",status="200"} 1.0' in text
    assert 'glialens_rejections_total{reason="unsupported-type"} 1.0' in text
    assert 'glialens_predictions_total{accepted="' in text
    assert "glialens_model_batch_count 1.0" in text
    assert "glialens_queue 0.0" in text
    assert 'glialens_request_seconds_count{route="/predict"} 2.0' in text
