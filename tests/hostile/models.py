"""Weights and cards that are damaged, lie, or belong to something else; settings that don't fit."""

# ruff: noqa: E501 (a table reads best with a case a line)

import json
import struct
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load, save

from tests.hostile.case import Case, fixed

BROKEN = r"card\.json must be JSON with each key once\. Received: broken JSON"
NO_FILE = r"weights\.safetensors must be a safetensors file\. Received: a damaged file"


def card(**changes: Any):
    """Change a card; a value of None takes its key away."""

    def build(folder: Path) -> None:
        file = folder / "cnn" / "card.json"
        values = json.loads(file.read_text()) | changes
        kept = {key: value for key, value in values.items() if value is not None}
        file.write_text(json.dumps(kept))

    return build


def text(change):
    """Change a card's text."""

    def build(folder: Path) -> None:
        file = folder / "cnn" / "card.json"
        file.write_bytes(change(file.read_bytes()))

    return build


def weights(change):
    """Change the weights' bytes, and let the card vouch for them."""

    def build(folder: Path) -> None:
        file = folder / "cnn" / "weights.safetensors"
        data = change(file.read_bytes())
        file.write_bytes(data)
        card(sha256=sha256(data).hexdigest())(folder)

    return build


def tensors(change):
    """Change one of the tensors; the file is otherwise fine."""

    def on(data: bytes) -> bytes:
        found = load(data)
        first = sorted(found)[0]
        return save(change(dict(found), first))

    return weights(on)


def header(value: Any, body: bytes = b""):
    """A file of nothing but this header."""
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return weights(lambda _: struct.pack("<Q", len(raw)) + raw + body)


def entry(dtype: str, shape: list[int], *offsets: int) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": list(offsets)}


def flipped(folder: Path) -> None:
    file = folder / "cnn" / "weights.safetensors"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)


def truncated(folder: Path) -> None:
    file = folder / "cnn" / "weights.safetensors"
    file.write_bytes(file.read_bytes()[:-1000])


def gone(folder: Path) -> None:
    (folder / "cnn" / "weights.safetensors").unlink()


def keras_archive(folder: Path) -> None:
    """A Keras archive with a Lambda layer in the weights' place."""
    file = folder / "cnn" / "weights.safetensors"
    data = b"PK\x03\x04config.json" + b'{"class_name": "Lambda"}'
    file.write_bytes(data)
    card(sha256=sha256(data).hexdigest())(folder)


def pickled(folder: Path) -> None:
    data = b"\x80\x04\x95cposix\nsystem\n"
    (folder / "cnn" / "weights.safetensors").write_bytes(data)
    card(sha256=sha256(data).hexdigest())(folder)


def without(found, first):
    del found[first]
    return found


def _model(name, build, says, row=None):
    return Case(name, "weights", build, says, 1, 503, row=row)


def _setting(name, key, value, says):
    return Case(name, "settings", fixed({key: value}), says, 1, None)


CASES = (
    _model("weights cut short", truncated, "must have the SHA-256 that their card names", 46),
    _model("weights with a flipped bit", flipped, "must have the SHA-256 that their card names", 46),
    _model("weights gone", gone, r"weights\.safetensors\. Received: (a folder without|No such file)", 46),
    _model("keras archive", keras_archive, NO_FILE, 45),
    _model("pickle", pickled, NO_FILE, 45),
    _model("weights of 0 bytes", weights(lambda _: b""), NO_FILE, 46),
    _model("header longer than the file", weights(lambda d: struct.pack("<Q", 2**60) + d[8:]), NO_FILE),
    _model("header of broken JSON", header(b"{" * 64), NO_FILE),
    _model("header nested 100,000 deep", header(b"[" * 100_000), NO_FILE),
    _model("tensor larger than the file", header({"a": entry("F16", [2**40, 2**40], 0, 4)}, bytes(4)),
           NO_FILE),
    _model("tensors that overlap", header({"a": entry("F16", [2], 0, 4), "b": entry("F16", [2], 0, 4)},
           bytes(4)), NO_FILE),
    _model("tensor of negative shape", header({"a": entry("F16", [-2], 0, 4)}, bytes(4)), NO_FILE),
    _model("tensor of a type without numbers", header({"a": entry("F8_E4M3", [4], 0, 4)}, bytes(4)),
           "numbers that NumPy knows. Received: the type F8_E4M3"),
    _model("tensors of another network", header({"a": entry("F16", [2], 0, 4)}, bytes(4)),
           "those of this architecture. Received: a mismatch at"),
    _model("one tensor missing", tensors(without), "those of this architecture", 46),
    _model("one tensor too many", tensors(lambda t, k: t | {"zz": t[k]}), "a mismatch at 'zz'"),
    _model("tensor of another shape", tensors(lambda t, k: t | {k: np.zeros((3, 3), np.float16)}),
           r"has shape .*Received: \(3, 3\)"),
    _model("tensor of whole numbers", tensors(lambda t, k: t | {k: t[k].astype(np.int64)}),
           "finite floating-point numbers"),
    _model("tensor of NaN", tensors(lambda t, k: t | {k: t[k] * np.float16("nan")}),
           "finite floating-point numbers"),
    _model("card of 0 bytes", text(lambda _: b""), BROKEN),
    _model("card cut short", text(lambda d: d[: len(d) // 2]), BROKEN),
    _model("card with a key twice", text(lambda d: d.rstrip()[:-1] + b', "labels": ["a", "b"]}'), BROKEN),
    _model("card with a number of 5,000 digits", text(lambda _: b'{"a": ' + b"1" * 5000 + b"}"), BROKEN),
    _model("card nested 100,000 deep", text(lambda _: b"[" * 100_000), BROKEN),
    _model("card with half a character", text(lambda d: d.replace(b'"MIT"', b'"\\ud800"')), BROKEN),
    _model("card with NaN", card(temperature=float("nan")), BROKEN),
    _model("card in UTF-16", text(lambda d: d.decode().encode("utf-16")), "readable UTF-8"),
    _model("card of a list", text(lambda _: b"[]"), "A card is a JSON object. Received: list"),
    _model("card without labels", card(labels=None), "every required key. Missing: labels"),
    _model("card of one label", card(labels=["glioma"]), "two or more different names"),
    _model("card with a label twice", card(labels=["a", "a"]), "two or more different names"),
    _model("card with three labels for four", card(labels=["glioma", "notumor", "pituitary"]),
           r"as many classes as its weights have", 47),
    _model("card of size 0", card(input_size=0), "16 to 1024 pixels. Received: 0"),
    _model("card of size 10^9", card(input_size=10**9), "16 to 1024 pixels"),
    _model("card of temperature 0", card(temperature=0), "temperature is 0.01 to 100. Received: 0"),
    _model("card of temperature true", card(temperature=True), "temperature is 0.01 to 100"),
    _model("card of threshold 7", card(threshold=7), "threshold is 0 to 1. Received: 7"),
    _model("card with another digest", card(sha256="../x"), "64 hexadecimal digits"),
    _model("card of an unknown architecture", card(architecture="resnet"), "architecture is one of"),
    _model("card of another head", card(head="pickle"), "head is one of lesion, fine, average"),
    _model("card of another fold", card(fold="half"), "fold is such as 1/2, or empty"),
    _model("card of a fold beyond the last", card(fold="3/2"), "or empty. Received: '3/2'"),
    _model("card of a fold that is a number", card(fold=2), "or empty. Received: '2'"),
    _model("card of a fold that is a list", card(fold=[]), r"or empty. Received: '\[\]'"),
    _model("card with metrics of text", card(metrics="great"), "metrics is an object. Received: str"),
    _model("card trained on a list", card(trained_on=["x"]), "trained_on is an object"),
    _model("card with a quantile of text", card(conformal={"0.95": "x"}), "conformal quantile is 0 to 1"),
    _model("no card", lambda f: (f / "cnn" / "card.json").unlink(),
           "no card.json for 'cnn'"),
    _setting("threshold of 7", "THRESHOLD", "7", "GLIALENS_THRESHOLD is not valid.*Received: '7'"),
    _setting("threshold of nan", "THRESHOLD", "nan", "GLIALENS_THRESHOLD is not valid"),
    _setting("upload size of 0", "MAX_UPLOAD_MB", "0", "GLIALENS_MAX_UPLOAD_MB is not valid"),
    _setting("upload size of words", "MAX_UPLOAD_MB", "lots", "GLIALENS_MAX_UPLOAD_MB.*'lots'"),
    _setting("pixels of -1", "MAX_PIXELS", "-1", "GLIALENS_MAX_PIXELS is not valid"),
    _setting("case log of maybe", "CASE_LOG", "maybe", "GLIALENS_CASE_LOG is not valid"),
)  # fmt: skip
