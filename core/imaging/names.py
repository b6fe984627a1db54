"""Names that are safe to show, to store and to write into a report."""

import re
import unicodedata
from hashlib import sha256
from typing import Final

MAX_LENGTH: Final = 80
_MAX_SUFFIX: Final = 12
_UNSAFE: Final = re.compile(r"[<>&\"'`:*?|%{}$;\\/]+")


def safe_name(raw: str) -> str:
    """Return a display name made of one harmless path part.

    Path parts, control characters, marks that change the direction of text, and characters
    with a meaning in HTML, shells or file systems are removed; long names are shortened in
    their stem. A name that climbs (`..`) or of which nothing is left is replaced by a
    generated one, the same for the same input.

    Args:
        raw: A name from outside; anything.

    Returns:
        1 to `MAX_LENGTH` characters.
    """
    parts = re.split(r"[\\/]", raw)
    last = unicodedata.normalize("NFC", parts[-1])
    # Category C: control, format (bidi marks, zero width), surrogate, private, unassigned.
    visible = "".join(" " if ch in "\t\r\n" else ch for ch in last)
    visible = "".join(ch for ch in visible if unicodedata.category(ch)[0] != "C")
    name = _UNSAFE.sub("_", visible)
    name = re.sub(r"\s+", " ", name).strip(" ._")
    if ".." in (part.strip() for part in parts[:-1]) or not name.strip("_-. "):
        return _generated(raw, name)
    return _shortened(name)


def suffix_of(name: str) -> str:
    """Return a name's last extension in lower case with its dot, or an empty string."""
    match = re.search(r"\.[A-Za-z0-9]{1,8}$", name)
    return match.group().lower() if match else ""


def _shortened(name: str) -> str:
    if len(name) <= MAX_LENGTH:
        return name
    suffix = suffix_of(name)[:_MAX_SUFFIX]
    return name[: MAX_LENGTH - len(suffix) - 1].rstrip(" .") + "…" + suffix


def _generated(raw: str, name: str) -> str:
    digest = sha256(raw.encode("utf-8", errors="surrogatepass")).hexdigest()[:8]
    return f"image-{digest}{suffix_of(name)}"
