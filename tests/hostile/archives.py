"""Zips and names: bombs, links, ways out, and what no file can be called."""

# ruff: noqa: E501 (a table reads best with a case a line)

import io
import os
import stat
import struct
import zipfile

from tests.hostile.case import Case, fixed
from tests.hostile.pictures import encoded, grey, png_bomb

LONG = "ü" * 4000
OUT = r"A zip's members lie inside it\. Received: a path that leads out of it\."
OPENED = r"A path names a file that can be opened\. Received: {}"


def packed(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return buffer.getvalue()


def special(mode: int) -> bytes:
    """A member that is a link, a pipe or a device by its mode."""
    info = zipfile.ZipInfo("slice.png")
    info.external_attr = (mode | 0o777) << 16
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(info, "/etc/passwd")
    return buffer.getvalue()


def bomb(members: int = 15, megabytes: int = 18) -> bytes:
    """Small members of zeros with an image's name, hundreds of megabytes altogether."""
    body = b"\x89PNG\r\n\x1a\n" + bytes(megabytes * 2**20)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(members):
            archive.writestr(f"{number}.png", body)
    return buffer.getvalue()


def matryoshka(depth: int = 6) -> bytes:
    data = packed(("slice.png", encoded(grey())))
    for _ in range(depth):
        data = packed(("inner.zip", data), method=zipfile.ZIP_STORED)
    return data


def lying_count(count: int) -> bytes:
    data = bytearray(packed(("slice.png", encoded(grey()))))
    struct.pack_into("<HH", data, data.rindex(b"PK\x05\x06") + 8, count, count)
    return bytes(data)


def lying_size() -> bytes:
    """A member of 12 MB whose headers claim 9 bytes."""
    data = bytearray(packed(("slice.png", encoded(grey()) + bytes(12 * 2**20))))
    for mark, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        struct.pack_into("<I", data, data.index(mark) + offset, 9)
    return bytes(data)


def flipped(offset: int) -> bytes:
    data = bytearray(packed(("slice.png", encoded(grey()))))
    data[offset] ^= 0xFF
    return bytes(data)


def encrypted() -> bytes:
    data = bytearray(packed(("slice.png", encoded(grey()))))
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + offset] |= 1
    return bytes(data)


def _zip(name, build, says, status, row=None):
    return Case(name, "zip", build, says, 1, status, "scans.zip", row)


def _name(name, text, says="", status=200):
    return Case(name, "name", fixed(text), says, 0, status, row=22 if ".." in text else 23)


def _path(name, build, says):
    return Case(name, "path", build, says, 1, None)


def no_images(folder):
    (folder / "notes.txt").write_text("words")
    return folder


def pipe(folder):
    os.mkfifo(folder / "slice.png")
    return folder / "slice.png"


def circle(folder):
    (folder / "again").symlink_to(folder)
    (folder / "slice.png").symlink_to(folder / "nowhere.png")
    return folder


CASES = (
    _zip("zip slip", lambda: packed(("../../x.png", encoded(grey()))), OUT, 415, 22),
    _zip("zip slip with backslashes", lambda: packed(("..\\..\\x.png", encoded(grey()))), OUT, 415, 22),
    _zip("absolute member", lambda: packed(("/etc/x.png", encoded(grey()))), OUT, 415, 22),
    _zip("member on a drive", lambda: packed(("C:/x.png", encoded(grey()))), OUT, 415, 22),
    _zip("symlink in a zip", lambda: special(stat.S_IFLNK), "plain files. Received: a link", 415),
    _zip("pipe in a zip", lambda: special(stat.S_IFIFO), "plain files. Received: a link or a special", 415),
    _zip("zip bomb", bomb, r"may inflate to at most 256 MB\. Received: more", 413),
    _zip("png bomb in a zip", lambda: packed(("a.png", png_bomb())), "9000 x 9000", 413, 11),
    _zip("member over 20 MB", lambda: packed(("a.png", encoded(grey()) + bytes(21 * 2**20))),
         r"member may have at most 20 MB", 413),
    _zip("nested zip", lambda: packed(("a.zip", packed(("b.png", encoded(grey()))))),
         "images directly. Received: a zip inside the zip", 415),
    _zip("zip in zip in zip", matryoshka, "images directly. Received: a zip inside the zip", 415),
    _zip("2,001 members", lambda: packed(*((f"{k}.txt", b"") for k in range(2001))),
         r"at most 2,000 members\. Received: 2,001", 413),
    _zip("60,000 members by the end record", lambda: lying_count(60_000),
         r"at most 2,000 members\. Received: 60,000", 413),
    _zip("lies about its size", lying_size, "member must be whole", 422),
    _zip("encrypted", encrypted, "read without a password", 415),
    _zip("bzip2", lambda: packed(("a.png", encoded(grey())), method=zipfile.ZIP_BZIP2),
         "stored or deflated", 415),
    _zip("flipped byte in a member", lambda: flipped(200), "must be whole", 422),
    _zip("flipped byte in the directory", lambda: flipped(-60), "must be whole", 422),
    _zip("half a zip", lambda: packed(("a.png", encoded(grey())))[:500], "A zip must be whole", 422),
    _zip("zip start alone", fixed(b"PK\x03\x04"), "A zip must be whole", 422),
    _zip("empty zip", packed, "holds at least one image. Received: none", 422),
    _zip("zip of texts", lambda: packed(("a.txt", b"words")), "holds at least one image", 422),
    _zip("empty member", lambda: packed(("a.png", b"")), "an empty file", 422, 1),
    _zip("html named png in a zip", lambda: packed(("a.png", b"<html>")), "an HTML page", 415, 7),
    _name("name that climbs", "../../x.png"),
    _name("name that climbs on Windows", "..\\..\\boot.png"),
    _name("name of HTML", "<img src=x onerror=alert(1)>.png"),
    _name("name with control characters", "a\x01b\x1b[31m\x7f.png"),
    _name("name with right-to-left marks", "scan\u202egnp.exe"),
    _name("name of 4,000 characters", LONG + ".png", "whole multipart form", 400),
    _name("name of 300 characters", LONG[:300] + ".png"),
    _name("name of a formula", "=cmd|' /C calc'!A0.png"),
    _name("name of spaces", "   "),
    _path("path that isn't there", lambda folder: folder / "none.png", OPENED.format("no such file")),
    _path("path of 4,000 characters", lambda folder: folder / (LONG + ".png"), OPENED.format("file name")),
    _path("path with NUL", lambda folder: folder / "a\x00b.png", OPENED.format("a name that no file")),
    _path("path with half a character", lambda folder: folder / "\ud800.png",
          OPENED.format("a name that no file")),
    _path("folder without images", no_images, r"A folder holds at least one image\. Received: none"),
    _path("pipe", pipe, r"A path names a plain file\. Received: a special file"),
    _path("device", fixed("/dev/zero"), r"A path names a plain file\. Received: a special file"),
    _path("links in a circle and into nothing", circle, OPENED.format("no such file")),
)  # fmt: skip
