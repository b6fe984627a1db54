import io
import os
import stat
import zipfile

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from core.errors import TooLargeError, UnreadableError, UnsupportedTypeError
from core.imaging.inputs import (
    iter_bytes,
    iter_files,
    iter_inputs,
    open_input,
    read_bytes,
    read_path,
)
from core.imaging.limits import Limits
from tests.core.imaging.test_volume import dicom


def png(seed: int = 0) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (20, 24), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def zipped(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def test_one_image_gives_one_slice(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(png())
    [slice_] = read_path(path)
    assert slice_.name == "a.png"
    assert slice_.sha256 == read_bytes(png(), "b.png")[0].sha256


def test_a_volume_is_chosen_in_every_file_and_pictures_hold_one(tmp_path):
    values = np.random.default_rng(0).normal(size=(18, 20, 17, 2)).astype(np.float32)
    scan = nib.Nifti1Image(values, np.eye(4)).to_bytes()
    whole, packed = tmp_path / "a.nii", tmp_path / "b.zip"
    whole.write_bytes(scan)
    packed.write_bytes(zipped({"in.nii": scan, "still.png": png()}))
    second = read_bytes(scan, volume=1)[3].sha256
    assert read_path(whole, volume=1)[3].sha256 == second != read_path(whole)[3].sha256
    assert list(open_input(whole, "a", Limits(), 1))[3].slice.sha256 == second
    items = list(open_input(packed, "b", Limits(), 1))
    assert items[3].slice.sha256 == second
    for data in (png(), dicom(0.0, 1, 90)):
        with pytest.raises(UnreadableError, match=r"from 1 to 1\. Received: 2\."):
            read_bytes(data, volume=1)
    assert [item.file for item in items if item.error] == ["b/still.png"]


def test_a_missing_file_says_so(tmp_path):
    with pytest.raises(UnreadableError, match="Received: no such file or directory"):
        read_path(tmp_path / "none.png")


def test_a_pipe_is_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UnreadableError, match="a special file"):
        read_path(tmp_path / "pipe")


def test_a_bad_file_does_not_stop_the_others(tmp_path):
    (tmp_path / "a.png").write_bytes(png())
    (tmp_path / "b.png").write_text("words")
    (tmp_path / "c.png").write_bytes(b"")
    (tmp_path / "d.png").write_bytes(png(1))
    items = list(iter_inputs([tmp_path / f"{name}.png" for name in "abcdz"]))
    assert [item.slice is not None for item in items] == [True, False, False, True, False]
    assert isinstance(items[1].error, UnsupportedTypeError)
    assert isinstance(items[2].error, UnreadableError)
    assert "no such file" in str(items[4].error)


def test_folders_are_walked_in_order_and_hold_images_only(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / ".git").mkdir()
    for name in ("b.png", "a.png", "sub/c", ".git/d.png", ".e.png"):
        (tmp_path / name).write_bytes(png())
    (tmp_path / "boxes.csv").write_text("file,x\n")
    (tmp_path / "broken.png").write_text("words")
    items = list(iter_inputs([tmp_path]))
    assert [os.path.relpath(item.file, tmp_path) for item in items] == [
        "a.png",
        "b.png",
        "broken.png",
        "sub/c",
    ]
    assert items[2].error is not None


def test_an_empty_folder_is_an_error(tmp_path):
    [item] = iter_inputs([tmp_path])
    assert "at least one image" in str(item.error)


def test_files_are_read_only_when_asked_for(tmp_path):
    (tmp_path / "a.png").write_bytes(png())
    (tmp_path / "b.png").write_bytes(png())
    items = iter_inputs([tmp_path / "a.png", tmp_path / "b.png"])
    assert next(items).slice is not None
    (tmp_path / "b.png").unlink()
    assert "no such file" in str(next(items).error)


def test_a_zip_is_read_member_by_member(tmp_path):
    path = tmp_path / "scans.zip"
    path.write_bytes(
        zipped(
            {
                "x/b.png": png(1),
                "a.png": png(2),
                "notes.txt": b"words",
                "__MACOSX/a.png": b"junk",
                "c.png": b"words",
            }
        )
    )
    items = list(iter_inputs([path]))
    assert [item.file.removeprefix(f"{path}/") for item in items] == ["a.png", "c.png", "b.png"]
    assert [item.error is None for item in items] == [True, False, True]
    uploaded = list(iter_bytes(path.read_bytes(), "scans.zip"))
    assert [item.file for item in uploaded] == [
        "scans.zip/a.png",
        "scans.zip/c.png",
        "scans.zip/b.png",
    ]


def test_a_zip_where_one_image_is_asked_for_is_refused():
    with pytest.raises(UnsupportedTypeError, match="Received: a zip archive"):
        read_bytes(zipped({"a.png": png()}), "a.png")


def test_members_that_climb_link_or_nest_are_refused(tmp_path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("../out.png", png())
        archive.writestr("/abs.png", png())
        archive.writestr("inner.zip", zipped({"a.png": png()}))
        link = zipfile.ZipInfo("link.png")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("ok.png", png())
    items = {item.file: item for item in iter_bytes(buffer.getvalue(), "z.zip")}
    messages = sorted(str(item.error) for item in items.values() if item.error)
    assert [item.file for item in items.values() if item.slice] == ["z.zip/ok.png"]
    assert len(messages) == 4
    assert sum("leads out of it" in message for message in messages) == 2
    assert sum("a zip inside the zip" in message for message in messages) == 1
    assert sum("a link" in message for message in messages) == 1
    assert not any(".." in name for name in items)


def test_a_zip_bomb_is_bounded():
    limits = Limits(max_bytes=1 << 20, max_inflated_bytes=3 << 20)
    bomb = zipped({"big.png": png() + bytes(2 << 20)})
    [item] = iter_bytes(bomb, "z.zip", limits)
    assert isinstance(item.error, TooLargeError)
    many = zipped({f"{i}.png": png() + bytes(900_000) for i in range(6)})
    items = list(iter_bytes(many, "z.zip", limits))
    assert sum(item.slice is not None for item in items) == 3
    assert "inflate to at most 3 MB" in str(items[-1].error)


def test_too_many_members_are_refused():
    data = zipped({f"{i}.png": b"x" for i in range(11)})
    [item] = iter_bytes(data, "z.zip", Limits(max_members=10))
    assert isinstance(item.error, TooLargeError)
    assert "at most 10 members. Received: 11" in str(item.error)


@pytest.mark.parametrize("cut", [30, 200, -30, -5])
def test_a_truncated_zip_is_unreadable(cut):
    [item] = iter_bytes(zipped({"a.png": png(), "b.png": png()})[:cut], "z.zip")
    assert isinstance(item.error, UnreadableError)


def test_a_damaged_member_leaves_the_others():
    data = bytearray(zipped({"a.png": png(), "b.png": png()}))
    data[60] ^= 0xFF
    items = list(iter_bytes(bytes(data), "z.zip"))
    assert isinstance(items[0].error, UnreadableError)
    assert items[1].slice is not None


def test_a_zip_without_images_says_so():
    [item] = iter_bytes(zipped({"notes.txt": b"words"}), "z.zip")
    assert "at least one image" in str(item.error)


def test_files_of_a_zip_keep_their_folder():
    data = zipped({"glioma/a.png": png(), "b/c.png": b"words"})
    files = list(iter_files(data, "all.zip"))
    assert [file.member for file in files] == ["b/c.png", "glioma/a.png"]
    assert [file.file for file in files] == ["all.zip/c.png", "all.zip/a.png"]
    assert [len(file.slices) for file in files] == [0, 1]
    assert isinstance(files[0].error, UnsupportedTypeError)
    items = [item.file for file in files for item in file.items()]
    assert items == [item.file for item in iter_bytes(data, "all.zip")]


def test_a_file_outside_a_zip_has_no_member_name():
    [file] = iter_files(png(), "glioma/a.png")
    assert (file.file, file.member, len(file.slices)) == ("a.png", "", 1)
