import csv
import json
import subprocess
import sys
import threading
from pathlib import Path

import httpx2
import pytest

from core.api_client import Client
from core.check_api import Journal, Labelled, Outcome, check, find_images
from core.check_summary import as_text, summarise
from core.cli import main
from core.data.phantom import write_phantom_dataset
from core.errors import DatasetError, OutputError, ServiceError
from core.imaging.inputs import read_path
from core.inference import get_predictor
from core.labels import canonical


@pytest.fixture
def dataset(tmp_path):
    """A flat folder of drawn slices, three a class."""
    root = tmp_path / "data"
    write_phantom_dataset(root, per_class=3, size=64, layout="flat", seed=5)
    return root


def words(url, data, tmp_path, *more):
    return ["check-api", "--url", url, "--data", str(data), "--out", str(tmp_path / "out"), *more]


def replies(*answers):
    """A client whose service gives these answers in turn, the last one for ever."""
    asked = []

    def handle(request):
        asked.append(request)
        answer = answers[min(len(asked), len(answers)) - 1]
        if isinstance(answer, Exception):
            raise answer
        status, body, headers = answer
        return httpx2.Response(status, json=body, headers=headers)

    client = Client("http://service", patience=5.0, transport=httpx2.MockTransport(handle))
    return client, asked


GOOD = (200, {"predicted_class": "glioma", "confidence": 0.9, "accepted": True}, {})


def test_the_service_scores_what_python_scores_to_the_image(make_server, dataset, tmp_path, capsys):
    url, _ = make_server()
    assert main(words(url, dataset, tmp_path, "--threshold", "0.3")) == 0
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    rows = list(csv.DictReader((tmp_path / "out" / "results.csv").open()))
    predictor = get_predictor("cnn")
    right = confident = both = 0
    for row in rows:
        (slice_,) = read_path(dataset / row["path"])
        (prediction,) = predictor.predict([slice_])
        assert row["predicted"] == prediction.predicted
        assert float(row["confidence"]) == pytest.approx(prediction.confidence, abs=1e-5)
        correct = prediction.predicted == canonical(Path(row["path"]).parent.name)
        assert row["correct"] == json.dumps(correct)
        right += correct
        confident += prediction.confidence >= 0.3
        both += correct and prediction.confidence >= 0.3
    assert summary["images"] == summary["answered"] == len(rows) == 12
    assert summary["accuracy"] == right / 12
    assert summary["confident"] == confident / 12
    assert summary["confident_correct"] == both / 12
    assert f"accuracy                     {right / 12:.1%}" in capsys.readouterr().out


def test_an_interrupted_check_goes_on_and_counts_nothing_twice(
    make_server, dataset, tmp_path, capsys
):
    url, app = make_server(cache_entries=0)
    journal = tmp_path / "out" / "journal.jsonl"
    assert main(words(url, dataset, tmp_path)) == 0
    first = (tmp_path / "out" / "results.csv").read_text()
    lines = journal.read_text().splitlines(keepends=True)
    # A kill in the middle of a write leaves half a line.
    journal.write_text("".join(lines[:6]) + lines[6][:20])
    before = app.state.service.metrics.text().decode()
    assert main(words(url, dataset, tmp_path)) == 0
    assert "5 of 12 images were answered before" in capsys.readouterr().err
    asked = 'glialens_requests_total{route="/predict",status="200"}'
    counts = [
        float(next(line for line in text.splitlines() if line.startswith(asked)).split()[-1])
        for text in (before, app.state.service.metrics.text().decode())
    ]
    assert counts == [12.0, 19.0]
    paths = [json.loads(line)["path"] for line in journal.read_text().splitlines()[1:]]
    assert len(paths) == len(set(paths)) == 12
    columns = [
        [r[:4] for r in csv.reader(t.splitlines())]
        for t in (first, (tmp_path / "out" / "results.csv").read_text())
    ]
    assert [[r[0], r[2]] for r in columns[0]] == [[r[0], r[2]] for r in columns[1]]


@pytest.mark.slow
def test_a_service_killed_in_the_middle_is_finished_by_a_resume(weights, dataset, tmp_path):
    """The real thing: another process, SIGKILL, the same command once more."""
    port = free_port()
    command = [sys.executable, "-m", "core", "serve", "--port", str(port)]
    url = f"http://127.0.0.1:{port}"
    server = start(command, url)
    images = find_images(dataset)
    journal = Journal(tmp_path, {"data": "x"})
    kill_at = threading.Event()

    def progress(done, total, what):
        if done >= 4 and not kill_at.is_set():
            kill_at.set()
            server.kill()
            server.wait()

    client = Client(url)
    try:
        with pytest.raises(ServiceError, match="python -m core serve"):
            check(client, dataset, images, journal, 2, progress)
        journal.close()
        assert 4 <= len(journal.known) < len(images)
        server = start(command, url)
        journal = Journal(tmp_path, {"data": "x"})
        kept = len(journal.known)
        outcomes = check(client, dataset, images, journal, 2)
        journal.close()
    finally:
        server.kill()
        server.wait()
    assert kept >= 4
    assert [o.path for o in outcomes] == [i.path for i in images]
    lines = (tmp_path / "journal.jsonl").read_text().splitlines()
    assert len(lines) == 1 + len(images)
    assert summarise(outcomes, 0.7)["answered"] == len(images)


def free_port():
    import socket

    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        return line.getsockname()[1]


def start(command, url):
    import time

    server = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 200
    while time.monotonic() < deadline:
        try:
            if httpx2.get(f"{url}/readyz", timeout=5).status_code == 200:
                return server
        except httpx2.TransportError:
            assert server.poll() is None, "the service ended"
        time.sleep(0.2)
    server.kill()
    raise AssertionError("the service never got ready")


def test_a_journal_of_another_check_is_refused(tmp_path):
    Journal(tmp_path, {"model": "cnn"}).close()
    with pytest.raises(OutputError, match="choose another --out, or --restart"):
        Journal(tmp_path, {"model": "vgg16"})
    Journal(tmp_path, {"model": "vgg16"}, restart=True).close()
    Journal(tmp_path, {"model": "vgg16"}).close()


def test_what_was_refused_is_tried_again(tmp_path):
    journal = Journal(tmp_path, {})
    journal.add(Outcome("a", "glioma", error="too large"))
    journal.add(Outcome("b", "glioma", "glioma", 0.9, True, 3.0))
    journal.close()
    again = Journal(tmp_path, {})
    assert list(again.known) == ["b"]
    again.close()


def test_a_service_that_is_down_gets_one_clear_sentence(dataset, tmp_path, capsys):
    url = f"http://127.0.0.1:{free_port()}"
    assert main(words(url, dataset, tmp_path)) == 1
    assert capsys.readouterr().err == (
        f"error: The service answers at {url}; `python -m core serve` starts it. "
        "Received: nothing that listens there.\n"
    )


def test_an_address_without_a_scheme(dataset, tmp_path, capsys):
    assert main(words("localhost:8000", dataset, tmp_path)) == 1
    assert "begins with http:// or https://. Received: 'localhost:8000'" in capsys.readouterr().err


def test_something_else_that_answers():
    client, _ = replies((200, {"hello": "world"}, {}))
    with pytest.raises(ServiceError, match="Received: another answer"):
        client.overview()


def test_the_client_waits_and_asks_again():
    busy = (503, {"detail": "full"}, {"Retry-After": "0"})
    often = (429, {"detail": "slow down"}, {"Retry-After": "0"})
    client, asked = replies(busy, often, httpx2.ConnectError("x"), GOOD)
    reply = client.predict(b"x")
    assert reply.status == 200
    assert len(asked) == 4
    assert b'filename="slice"' in asked[-1].content


def test_an_endless_overload_ends():
    busy = (503, {"detail": "At most 1 requests wait."}, {"Retry-After": "0"})
    client, _ = replies(busy)
    client._patience = 0.0
    with pytest.raises(ServiceError, match="Received: 503, At most 1 requests wait"):
        client.predict(b"x")


@pytest.mark.parametrize("status", [401, 404, 500])
def test_what_no_other_image_would_change_stops_the_check(status):
    client, _ = replies((status, {"detail": "Because."}, {}))
    with pytest.raises(ServiceError, match=f"Received: {status}, Because"):
        client.predict(b"x")


def test_a_refused_image_is_an_outcome(tmp_path):
    (tmp_path / "a.png").write_bytes(b"x")
    client, _ = replies((415, {"detail": "A rule. Received: words."}, {}))
    journal = Journal(tmp_path, {})
    images = [Labelled("a.png", "glioma"), Labelled("gone.png", "glioma")]
    outcomes = check(client, tmp_path, images, journal)
    journal.close()
    assert outcomes[0].error == "A rule. Received: words."
    assert outcomes[1].error == "The file can't be read: No such file or directory."
    summary = summarise(outcomes, 0.7)
    assert (summary["answered"], summary["refused"], summary["accuracy"]) == (0, 2, None)
    assert "0 of 2 images answered, 2 refused" in as_text(summary)


def test_the_figures_by_hand():
    outcomes = [
        Outcome("1", "glioma", "glioma", 0.9, True, 10.0),
        Outcome("2", "glioma", "glioma", 0.69, False, 20.0),
        Outcome("3", "glioma", "pituitary", 0.7, True, 30.0),
        Outcome("4", "pituitary", "pituitary", 0.7, True, 40.0),
        Outcome("5", "pituitary", error="no"),
    ]
    summary = summarise(outcomes, 0.7)
    assert summary["accuracy"] == 0.75
    assert summary["confident"] == 0.75
    assert summary["confident_correct"] == 0.5
    assert summary["accuracy_when_confident"] == pytest.approx(2 / 3)
    assert summary["accepted"] == 0.75
    assert summary["classes"]["glioma"]["accuracy"] == pytest.approx(2 / 3)
    assert summary["classes"]["pituitary"]["n"] == 1
    assert summary["latency_ms"]["p50"] == 25.0


def test_images_of_a_manifest_split(tmp_path, dataset):
    files = sorted(p.relative_to(dataset).as_posix() for p in dataset.rglob("*.png"))
    manifest = tmp_path / "manifest.csv"
    rows = [
        f"{path},{canonical(Path(path).parent.name)},g{n},{'test' if n % 2 else 'train'},x"
        for n, path in enumerate(files)
    ]
    manifest.write_text("\n".join(["path,label,group,split,source", *rows]) + "\n")
    found = find_images(dataset, manifest)
    assert [image.path for image in found] == files[1::2]
    drawn = find_images(dataset, manifest, limit=3, seed=1)
    assert len(drawn) == 3
    assert drawn == find_images(dataset, manifest, limit=3, seed=1)
    with pytest.raises(DatasetError, match="Received: none in 'val'"):
        find_images(dataset, manifest, "val")


def test_folders_of_classes_that_the_model_does_not_know(make_server, dataset, tmp_path, capsys):
    url, _ = make_server()
    for number, folder in enumerate(sorted(p for p in dataset.iterdir() if p.is_dir())):
        folder.rename(dataset / f"other{number}")
    assert main(words(url, dataset, tmp_path)) == 1
    assert "The folders carry classes that the model knows" in capsys.readouterr().err
