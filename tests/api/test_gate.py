import json
import socket
import threading
from hashlib import sha256
from http.client import HTTPResponse

import httpx2
import pytest

from api.errors import RateLimitedError
from api.keys import Keys
from api.limits import RateLimiter
from core.settings import get_settings
from tests.waiting import wait_until


def post(client, data, url="", headers=None, **fields):
    files = {"file": ("slice.png", data)}
    patient = {"timeout": 60.0} if client is httpx2 else {}
    return client.post(f"{url}/predict", files=files, data=fields, headers=headers, **patient)


def raw_request(length, headers=""):
    head = (
        "POST /predict HTTP/1.1\r\nHost: x\r\n"
        f"Content-Type: multipart/form-data; boundary=b\r\n{headers}{length}\r\n"
    )
    return head.encode()


def form(data):
    part = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
    return part + data + b"\r\n--b--\r\n"


def connect(url):
    host, port = url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=30)


def answer_of(line):
    response = HTTPResponse(line)
    response.begin()
    return response.status, response.headers["content-type"], json.loads(response.read())


@pytest.fixture
def small_uploads(weights, monkeypatch):
    monkeypatch.setenv("GLIALENS_MAX_UPLOAD_MB", "1")
    get_settings.cache_clear()


@pytest.mark.parametrize(
    "entry", ["correct horse", "sha256:" + sha256(b"correct horse").hexdigest()]
)
def test_a_key_is_demanded_once_there_is_one(make_client, png, entry):
    client = make_client(api_keys=("another one", entry))
    missing, wrong = post(client, png), post(client, png, headers={"X-API-Key": "wrong"})
    assert missing.status_code == wrong.status_code == 401
    assert missing.headers["www-authenticate"] == "APIKey"
    rule = "A request carries a valid key in X-API-Key. Received:"
    assert missing.json()["detail"] == f"{rule} none."
    assert wrong.json()["detail"] == f"{rule} another one."
    assert post(client, png, headers={"X-API-Key": "correct horse"}).status_code == 200
    assert client.get("/metrics").status_code == 401
    assert client.get("/nothing").status_code == 401
    for path in ("/", "/healthz", "/readyz", "/models", "/openapi.json"):
        assert client.get(path).status_code == 200


def test_the_digest_itself_is_no_key():
    digest = sha256(b"secret").hexdigest()
    keys = Keys([f"sha256:{digest}"])
    assert keys.identify(b"secret") == "key-0"
    assert keys.identify(f"sha256:{digest}".encode()) is None
    assert keys.identify(b"") is None
    assert keys.identify(None) is None


def test_a_wrong_key_is_refused_before_the_upload_is_sent(make_server):
    url, _ = make_server(api_keys=("right",))
    with connect(url) as line:
        line.sendall(raw_request("Content-Length: 1000000\r\n"))
        assert answer_of(line)[0] == 401


def test_the_rate_is_limited_per_client(make_client, png):
    client = make_client(rate_limit=2, api_keys=("a", "b"))
    answers = [post(client, png, headers={"X-API-Key": "a"}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert 1 <= int(answers[2].headers["retry-after"]) <= 30
    assert answers[2].json()["detail"] == "A client may send 2 images per minute. Received: more."
    assert post(client, png, headers={"X-API-Key": "b"}).status_code == 200
    assert client.get("/healthz").status_code == 200


def test_a_bucket_refills_steadily_and_takes_debt():
    now = [0.0]
    limiter = RateLimiter(60, lambda: now[0])
    limiter.take("x", 60)
    with pytest.raises(RateLimitedError, match="60 images per minute") as caught:
        limiter.take("x")
    assert caught.value.retry_after == 1
    now[0] = 1.0
    limiter.take("x")
    limiter.take("x", 30, debt=True)
    with pytest.raises(RateLimitedError) as caught:
        limiter.take("x")
    assert caught.value.retry_after == 31
    limiter.take("y", 60)


def test_no_rate_means_no_limit():
    limiter = RateLimiter(0)
    for _ in range(1000):
        limiter.take("x")


def test_an_announced_upload_that_is_too_large_is_refused_at_once(small_uploads, make_server):
    url, _ = make_server()
    with connect(url) as line:
        line.sendall(raw_request(f"Content-Length: {3 * 2**20}\r\n"))
        status, kind, body = answer_of(line)
    assert (status, kind) == (413, "application/problem+json")
    assert body["type"] == "urn:glialens:problem:too-large"
    assert body["detail"] == "A file may have at most 1 MB. Received: 3 MB."


def test_a_chunked_upload_is_refused_while_it_streams(small_uploads, make_server):
    url, _ = make_server()
    with connect(url) as line:
        line.sendall(raw_request("Transfer-Encoding: chunked\r\n"))
        body = form(bytes(2**20 + 2**17))[:-10]
        line.sendall(f"{len(body):x}\r\n".encode() + body + b"\r\n")
        status, kind, body = answer_of(line)
    assert (status, kind) == (413, "application/problem+json")
    assert body["type"] == "urn:glialens:problem:too-large"
    assert body["detail"] == "A file may have at most 1 MB. Received: more."


def test_a_file_just_over_the_limit_gets_the_sentence_of_the_core(small_uploads, make_client):
    answer = post(make_client(), b"\x89PNG\r\n\x1a\n" + bytes(2**20))
    assert answer.status_code == 413
    assert answer.json()["detail"].startswith("A file may have at most 1 MB. Received:")


def test_an_upload_that_dawdles_is_refused(make_server):
    url, _ = make_server(upload_seconds=0.2)
    with connect(url) as line:
        line.sendall(raw_request("Content-Length: 1000\r\n") + form(b"x")[:20])
        status, _, body = answer_of(line)
    assert status == 400
    assert body["detail"].endswith("longer than 0.2 seconds to arrive.")


class Blocker:
    """Stands in for the work of a thread and lasts until it is released."""

    def __init__(self, real):
        self.real = real
        self.go = threading.Event()
        self.calls = 0

    def __call__(self, *arguments):
        self.calls += 1
        assert self.go.wait(60)
        return self.real(*arguments)


@pytest.fixture
def blocked(monkeypatch):
    from api.routes import predict

    blocker = Blocker(predict.read_upload)
    monkeypatch.setattr(predict, "read_upload", blocker)
    yield blocker
    blocker.go.set()


def test_a_full_queue_answers_503_and_recovers(make_server, png, blocked):
    url, app = make_server(queue_length=1, workers=2)
    work = app.state.service.work
    answers = []
    first = threading.Thread(target=lambda: answers.append(post(httpx2, png, url)))
    first.start()
    wait_until(lambda: blocked.calls == 1)
    refused = post(httpx2, png, url)
    assert refused.status_code == 503
    assert refused.headers["retry-after"] == "1"
    detail = "At most 1 requests wait or are worked on. Received: one more."
    assert refused.json()["detail"] == detail
    assert httpx2.get(f"{url}/healthz", timeout=60.0).status_code == 200
    blocked.go.set()
    first.join()
    assert answers[0].status_code == 200
    wait_until(lambda: work.taken == 0)
    assert post(httpx2, png, url).status_code == 200


def test_whoever_hangs_up_gives_the_place_back(make_server, png, blocked):
    url, app = make_server(workers=1)
    work = app.state.service.work
    body = form(png)
    lines = []
    for number in (1, 2):
        line = connect(url)
        line.sendall(raw_request(f"Content-Length: {len(body)}\r\n") + body)
        lines.append(line)
        wait_until(lambda n=number: work.taken == n)
    wait_until(lambda: blocked.calls == 1)
    lines[1].close()
    wait_until(lambda: work.taken == 1)
    lines[0].close()
    wait_until(lambda: app.state.service.metrics.text().count(b'reason="client-gone"') > 0)
    assert work.taken == 1, "a thread that still works keeps its place"
    blocked.go.set()
    wait_until(lambda: work.taken == 0)
    assert blocked.calls == 1, "the one that waited never began"


def test_an_answer_that_takes_too_long_is_an_overload(make_server, png, blocked):
    url, _ = make_server(answer_seconds=0.2)
    answer = post(httpx2, png, url)
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"
    assert answer.json()["type"].endswith("overloaded")


def test_too_many_open_requests_are_turned_away(make_server, png, blocked):
    url, _ = make_server(max_connections=1)
    waiting = threading.Thread(target=post, args=(httpx2, png, url))
    waiting.start()
    wait_until(lambda: blocked.calls == 1)
    refused = httpx2.get(f"{url}/models", timeout=60.0)
    assert refused.status_code == 503
    assert refused.json()["detail"].startswith("At most 1 requests are open.")
    assert httpx2.get(f"{url}/healthz", timeout=60.0).status_code == 200
    blocked.go.set()
    waiting.join()


@pytest.mark.parametrize("batch_size", [1, 16])
def test_concurrent_requests_get_their_own_answers(make_server, phantom_files, batch_size):
    url, app = make_server(cache_entries=0, batch_size=batch_size)
    alone = [post(httpx2, f.read_bytes(), url).json()["probabilities"] for f in phantom_files]
    found = {}

    def ask(number):
        data = phantom_files[number % 3].read_bytes()
        found[number] = post(httpx2, data, url).json()["probabilities"]

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, probabilities in found.items():
        assert probabilities == pytest.approx(alone[number % 3], abs=1e-5)
    assert len(found) == 24
    assert app.state.service.work.taken == 0
    assert not app.state.service.batcher._waiting


def test_cors_is_closed_by_default_and_opens_for_named_origins(make_client, png):
    origin = {"Origin": "https://pages.example"}
    assert "access-control-allow-origin" not in make_client().get("/", headers=origin).headers
    client = make_client(cors_origins=("https://pages.example",), api_keys=("k",))
    refused = post(client, png, headers=origin)
    assert refused.status_code == 401
    assert refused.headers["access-control-allow-origin"] == "https://pages.example"
    other = client.get("/", headers={"Origin": "https://other.example"})
    assert "access-control-allow-origin" not in other.headers
