import pytest

from ui.errors import plain


@pytest.mark.parametrize(
    "hostile",
    [
        "![x](http://example.org/x.png)",
        "[click](javascript:alert(1))",
        "<img src=x onerror=alert(1)>",
        ":red[shout] :material/warning:",
        "$\\frac{1}{2}$ `code` **bold** _it_ ~~gone~~",
        "www.example.org and me@example.org",
    ],
)
def test_markup_is_escaped(hostile):
    escaped = plain(hostile)
    for mark in ("[", "<", "$", "`", "*", "_", "~", "@"):
        assert escaped.count(mark) == escaped.count("\\" + mark)
    assert "http:" not in escaped
    assert "www." not in escaped
    assert ":red" not in escaped.replace("\\:red", "")


def test_plain_sentences_stay_as_they_are():
    text = "A slice is 2-D. Received: 3 planes, 12.5 MB (too many)!"
    assert plain(text) == text


def test_line_starts_and_breaks_cannot_open_a_block():
    assert plain("# a\n- b\n1. c") == "\\# a - b 1. c"
    assert plain("- b") == "\\- b"
    assert plain("1. c") == "1\\. c"
