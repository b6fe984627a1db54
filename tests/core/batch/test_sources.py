import io
import zipfile

import numpy as np
import pytest

from core.batch.sources import (
    Source,
    count_files,
    fetch,
    folder_label,
    is_candidate,
    open_source,
    safe_path,
)
from core.errors import UnreadableError
from core.imaging.limits import Limits
from core.imaging.overlay import to_png

LABELS = ("glioma", "meningioma", "notumor", "pituitary")


def picture(value):
    return to_png(np.full((20, 24, 3), value, np.uint8))


def zipped(members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return Source("all.zip", buffer.getvalue())


@pytest.mark.parametrize(
    ("path", "label"),
    [
        ("glioma/a.png", "glioma"),
        ("Testing/no_tumor/deep/a.png", "notumor"),
        ("glioma/Meningioma Tumor/a.png", "meningioma"),
        ("all.zip/pituitary\\a.png", "pituitary"),
        ("other/a.png", None),
        ("glioma.png", None),
    ],
)
def test_the_innermost_telling_folder_is_the_label(path, label):
    assert folder_label(path, LABELS) == label


def test_a_path_is_shown_by_its_last_parts_made_safe():
    assert safe_path("a/b/c/<x>/d\u202e.png") == "b/c/x/d.png"
    assert safe_path("../../x.png") == "x.png"
    assert safe_path("..").startswith("image-")


def test_a_zip_counts_its_pictures_alone():
    source = zipped({"glioma/a.png": b"", "b.jpg": b"", "notes.txt": b"", "__MACOSX/._a.png": b""})
    assert count_files(source) == 2
    assert count_files(Source("a.png", picture(1))) == 1
    assert count_files(Source("cut.zip", source.data[:40])) == 1


def test_a_folder_gives_its_pictures_and_zips_alone():
    names = {"f/a.png": b"", "f/IM0001": picture(1), "f/notes.txt": b"x", "f/.a.png": picture(1)}
    found = [name for name, data in names.items() if is_candidate(Source(name, data))]
    assert found == ["f/a.png", "f/IM0001"]
    assert is_candidate(zipped({"a.png": b""}))


def test_a_file_of_a_zip_is_fetched_again_by_its_name():
    source = zipped({"glioma/a.png": picture(10), "meningioma/a.png": picture(99)})
    members = [file.member for file in open_source(source)]
    assert members == ["glioma/a.png", "meningioma/a.png"]
    assert fetch(source, "meningioma/a.png") == picture(99)
    assert fetch(Source("a.png", b"whole"), "") == b"whole"
    with pytest.raises(UnreadableError, match="a zip without it"):
        fetch(source, "none.png")


def test_a_large_file_is_refused_but_a_large_zip_is_opened():
    limits = Limits(max_bytes=200)
    [file] = open_source(Source("a.png", b"x" * 201), limits)
    assert "Received:" in str(file.error)
    source = zipped({f"{k}.png": b"" for k in range(4)})
    assert len(source.data) > 200
    assert len(list(open_source(source, limits))) == 4
