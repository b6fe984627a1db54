"""Requests that the service must refuse in its own words."""

# ruff: noqa: E501 (a table reads best with a case a line)

from tests.hostile.case import Case
from tests.hostile.pictures import encoded, grey

MODEL = r"The model is one of: cnn.*Received: "
FORM = r"A request's body is a whole multipart form\. Received:"
FIELD = r"The field '{}' is not valid: .*Received: {}"


def sent(name="slice.png", headers=None, address="/predict", **fields):
    """A post of a fine slice with these fields."""

    def build(client):
        files = {"file": (name, encoded(grey()))}
        return client.post(address, files=files, data=fields, headers=headers)

    return build


def raw(content: bytes, kind: str = "multipart/form-data; boundary=b", **headers):
    def build(client):
        headers["Content-Type"] = kind
        return client.post("/predict", content=content, headers=headers)

    return build


def part(disposition: str, body: bytes) -> bytes:
    return f"--b\r\nContent-Disposition: form-data; {disposition}\r\n\r\n".encode() + body + b"\r\n"


def many(count: int, address: str):
    def build(client):
        files = [("files", (f"{k}.png", b"x")) for k in range(count)]
        return client.post(address, files=files)

    return build


def _request(name, build, says, status, row=None):
    return Case(name, "request", build, says, None, status, row=row)


CASES = (
    _request("model that climbs", sent(model="../x"), MODEL + r"'\.\./x'", 422, 52),
    _request("model of 4,000 characters", sent(model="x" * 4000), MODEL, 422, 52),
    _request("model with control characters", sent(model="a\x01\u202eb"), MODEL, 422, 52),
    _request("model in the address", sent(address="/predict?model=../x"), "in the form, not in", 422, 52),
    _request("model that isn't published", sent(model="vgg16"), "no card.json for 'vgg16'", 503),
    _request("unknown field", sent(modle="cnn"), "a field 'modle'", 422, 51),
    _request("explain of perhaps", sent(explain="perhaps"), FIELD.format("explain", "'perhaps'"), 422, 51),
    _request("slice of two", sent(slice="two"), FIELD.format("slice", "'two'"), 422, 51),
    _request("slice of -1", sent(slice="-1"), r"lies from 0 to 0 .*Received: -1", 422),
    _request("slice of 10^40", sent(slice="1" + "0" * 40), "Received: ", 422),
    _request("no file", lambda c: c.post("/predict", data={"model": "cnn"}), "the field 'file'", 422, 51),
    _request("file as text", lambda c: c.post("/predict", data={"file": "x"}), "'file' is not valid", 422,
             51),
    _request("two files", lambda c: c.post("/predict", files=[("file", ("a", b"x"))] * 2), FORM, 400, 51),
    _request("form without a boundary", raw(b"x", "multipart/form-data"), FORM, 400, 51),
    _request("form cut short", raw(part('name="file"; filename="a.png"', b"x")[:40]), "the field 'file'", 422, 51),
    _request("form with nine fields", raw(part('name="a"', b"1") * 9 + b"--b--\r\n"), FORM, 400, 51),
    _request("field of 5,000 characters", sent(model="x" * 5000), FORM, 400, 51),
    _request("form without a name", raw(part('filename="x"', b"1") + b"--b--\r\n"), FORM, 400, 51),
    _request("JSON body", lambda c: c.post("/predict", json={"file": "x"}), "the field 'file'", 422, 51),
    _request("JSON with a key twice", raw(b'{"file": 1, "file": 2}', "application/json"), "'file'", 422, 51),
    _request("length over the limit", raw(b"x", **{"Content-Length": str(10**12)}), "at most 20 MB", 413, 12),
    _request("65 files in a batch", many(65, "/predict/batch"), "at most 64 files", 413),
    _request("batch of nothing", lambda c: c.post("/predict/batch"), "at least one field 'files'", 422),
    _request("unknown address", lambda c: c.get("/../etc/passwd"), "one of those in /openapi.json", 404),
    _request("wrong method", lambda c: c.delete("/predict"), "methods in Allow", 405),
)  # fmt: skip
