"""Manifests, datasets, boxes, and configurations of runs, which break their rules."""

# ruff: noqa: E501 (a table reads best with a case a line)

import json

from tests.hostile.case import Case, fixed
from tests.hostile.pictures import encoded, grey

HEAD = b"path,label,group,split,source\n"
ROW = b"a/b.png,glioma,g1,train,s\n"
FIRST = r"A manifest's first line is path,label,group,split,source\. Received: "
BELOW = r"paths are relative, with forward slashes, and stay below the root\. Received: "
FOLDER = r"A dataset folder holds one folder of images per class.*Received: {}"
BOXES = r"A box file has the columns file,x_center.*Received: {}"
BOX_HEAD = b"file,x_center,y_center,width,height\n"


def _manifest(name, data, says, meta=None):
    return Case(name, "manifest", fixed((data, meta)), says, 1, None, "manifest.csv")


def nothing(folder):
    return folder


def no_classes(folder):
    (folder / "slice.png").write_bytes(encoded(grey()))
    return folder


def empty_classes(folder):
    for name in ("glioma", "notumor"):
        (folder / name).mkdir()
    return folder


def broken_images(folder):
    """Not one file that is an image: nothing is left to audit."""
    for name in ("glioma", "notumor"):
        (folder / name).mkdir()
        (folder / name / "a.png").write_bytes(b"words")
        (folder / name / "b.jpg").write_bytes(b"")
    return folder


def _dataset(name, build, says):
    return Case(name, "dataset", build, says, 1, None)


def _boxes(name, data, says):
    return Case(name, "boxes", fixed(data), says, 1, None, "boxes.csv")


def _run(name, text, says):
    return Case(name, "run", fixed(text), says, 1, None, "config.json")


def config(**values) -> str:
    return json.dumps({"model": "cnn", "manifest": "none.csv"} | values)


CASES = (
    _manifest("manifest of nothing", b"", FIRST),
    _manifest("manifest without rows", HEAD, r"lists at least one image\. Received: none"),
    _manifest("manifest with other columns", b"file,label\na,b\n", FIRST + "'file,label'"),
    _manifest("manifest in UTF-16", "path,label".encode("utf-16"), "CSV file in UTF-8"),
    _manifest("manifest that climbs", HEAD + b"../../etc/x.png,g,g1,train,s\n", BELOW),
    _manifest("manifest with an absolute path", HEAD + b"/etc/x.png,g,g1,train,s\n", BELOW),
    _manifest("manifest with backslashes", HEAD + b"a\\b.png,g,g1,train,s\n", BELOW),
    _manifest("manifest with an unknown split", HEAD + b"a.png,g,g1,dev,s\n", "splits are train, val, test"),
    _manifest("manifest with an empty field", HEAD + b"a.png,,g1,train,s\n", "fields are not empty"),
    _manifest("manifest of four fields", HEAD + b"a.png,g,g1,train\n", "have 5 fields. Received: 4"),
    _manifest("manifest that names twice", HEAD + ROW + ROW, r"each image once.*\(lines 2 and 3\)"),
    _manifest("manifest with a leaking group", HEAD + ROW + b"c.png,glioma,g1,test,s\n",
              "A group stays in one split. Received: group 'g1' in train"),
    _manifest("manifest of missing files", HEAD + ROW, "Every file of a manifest exists"),
    _manifest("manifest with a path of 4,000 characters", HEAD + b"a" * 4000 + b".png,glioma,g1,train,s\n",
              r"Every file of a manifest exists.{0,400}$"),
    _manifest("manifest with NUL in a path", HEAD + b"a\x00b.png,glioma,g1,train,s\n", "Every file of a manifest"),
    _manifest("manifest with a field of 200,000 characters", HEAD + b"a" * 200_000 + ROW,
              "is a CSV file. Received: field larger"),
    _manifest("manifest with an open quote", HEAD + b'"a/b.png,glioma\n' + ROW, "have 5 fields"),
    _manifest("sidecar that isn't JSON", HEAD + ROW, "sidecar is JSON", "{"),
    _manifest("sidecar of a list", HEAD + ROW, "sidecar is a JSON object. Received: list", "[]"),
    _manifest("sidecar nested 100,000 deep", HEAD + ROW, "sidecar is JSON", "[" * 100_000),
    _manifest("sidecar with a key twice", HEAD + ROW, "sidecar is JSON", '{"root": "a", "root": "b"}'),
    _dataset("dataset that isn't there", lambda folder: folder / "none", FOLDER.format("'none', which")),
    _dataset("dataset that is a file", lambda folder: no_classes(folder) / "slice.png",
             FOLDER.format("'slice.png', which is not a folder")),
    _dataset("dataset of nothing", nothing, FOLDER.format(".*nothing in it")),
    _dataset("dataset without classes", no_classes, FOLDER.format(".*no class folder")),
    _dataset("dataset of empty classes", empty_classes, FOLDER.format(".*no class folder of images")),
    _dataset("dataset of broken images", broken_images, "at least one readable image. Received: .*4 unreadable"),
    _boxes("boxes of nothing", b"", BOXES.format(".*empty")),
    _boxes("boxes with other columns", b"a,b\n", BOXES.format("'a,b'")),
    _boxes("boxes with nan", BOX_HEAD + b"a.png,nan,0.5,0.1,0.1\n", BOXES.format("'a.png,nan")),
    _boxes("boxes beyond 1", BOX_HEAD + b"a.png,0.5,0.5,1.5,0.1\n", BOXES.format("'a.png,0.5,0.5,1.5")),
    _boxes("boxes without a size", BOX_HEAD + b"a.png,0.5,0.5,0,0.1\n", "width and height are above 0"),
    _boxes("boxes that name twice", BOX_HEAD + b"a.png,.5,.5,.1,.1\n" * 2, "names each image once"),
    _run("config that isn't JSON", "{", r"config\.json must be readable JSON"),
    _run("config with a key twice", '{"model": "cnn", "model": "vgg16"}', "must be readable JSON"),
    _run("config nested 100,000 deep", "[" * 100_000, "must be readable JSON"),
    _run("config of a list", "[1]", "is a JSON object. Received: list"),
    _run("config with an unknown key", config(lambda_=3), "holds known settings alone"),
    _run("config with NaN", config().replace("}", ', "learning_rate": NaN}'), "must be readable JSON"),
    _run("config of negative epochs", config(epochs=-1), "epochs is at least 1. Received: -1"),
    _run("config with text for a number", config(epochs="many"), "Received: "),
)  # fmt: skip
