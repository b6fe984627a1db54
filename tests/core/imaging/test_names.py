import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.imaging.names import MAX_LENGTH, safe_name


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("scan 01.png", "scan 01.png"),
        ("C:\\Users\\me\\scan.dcm", "scan.dcm"),
        ("folder/scan.png", "scan.png"),
        ("Gehirn-Übersicht.jpg", "Gehirn-Übersicht.jpg"),
        ("<b>x</b>.png", "b_.png"),
        ("a<b>&\"'c.png", "a_b_c.png"),
        ("a\x00b\x1b.png", "ab.png"),
        ("scan\u202egnp.exe", "scangnp.exe"),
        (".hidden.png", "hidden.png"),
        ("a\n b\t.png", "a b .png"),
    ],
)
def test_names_are_cleaned(raw, expected):
    assert safe_name(raw) == expected


@pytest.mark.parametrize("raw", ["", "   ", "...", "///", "\u202e\u200b", "<>", "_"])
def test_a_name_of_nothing_is_generated(raw):
    assert safe_name(raw).startswith("image-")
    assert safe_name(raw) == safe_name(raw)


def test_a_climbing_name_is_replaced():
    name = safe_name("../../x.png")
    assert name.startswith("image-")
    assert name.endswith(".png")


def test_a_long_name_keeps_its_extension():
    name = safe_name("x" * 300 + ".png")
    assert len(name) == MAX_LENGTH
    assert name.endswith("….png")


@given(st.text(max_size=400))
def test_any_name_becomes_harmless(raw):
    name = safe_name(raw)
    assert 1 <= len(name) <= MAX_LENGTH
    assert not set(name) & set("/\\<>&\"'`\x00")
    assert all(unicodedata.category(ch)[0] != "C" for ch in name)
    assert not name.startswith(".")
