"""One case, the filters over cases, and the little picture that a case keeps."""

import unicodedata
from dataclasses import dataclass, field
from datetime import datetime
from io import BytesIO
from typing import Any, Final

from PIL import Image

from core.errors import CaseLogError

OTHER: Final = "other"
"""Verdict: the reader sees something that the model has no class for."""
UNSURE: Final = "unsure"
"""Verdict: the reader can't tell."""
MAX_NOTE: Final = 2000
MAX_THUMBNAIL: Final = 64 * 1024
# 144 x 144 RGB pixels without any compression still lie below 64 KiB.
_THUMBNAIL_SIDE: Final = 144


@dataclass(frozen=True)
class Case:
    """One saved answer.

    Attributes:
        id: Number of the case; never given twice.
        created: When it was saved, UTC.
        model: Name of the model.
        model_version: GliaLens version on the model's card; empty where unknown.
        weights_sha256: Digest of the weights; empty where there are several or none.
        probabilities: Calibrated probability of each class key.
        predicted: Key of the most probable class.
        confidence: Its probability.
        threshold: Confidence from which the answer was accepted.
        accepted: Whether it was.
        in_domain: Whether the slice looked like brain MRI; None if unchecked.
        prediction_set: Class keys of the conformal set.
        warnings: What a person was told before the answer.
        pixel_digest: `Slice.sha256`: tells the same slice again, and nothing else.
        verdict: The reader's class key, `OTHER`, `UNSURE`, or None before a verdict.
        note: The reader's note.
        judged: When the verdict was given, UTC.
        thumbnail: PNG of at most 64 KiB; None where there is none or it was left out.
    """

    id: int
    created: datetime
    model: str
    model_version: str
    weights_sha256: str
    probabilities: dict[str, float]
    predicted: str
    confidence: float
    threshold: float
    accepted: bool
    in_domain: bool | None
    prediction_set: tuple[str, ...]
    warnings: tuple[str, ...]
    pixel_digest: str
    verdict: str | None = None
    note: str = ""
    judged: datetime | None = None
    thumbnail: bytes | None = field(default=None, repr=False)

    @property
    def agrees(self) -> bool | None:
        """Whether the reader's verdict is the model's class; None without one or if unsure."""
        if self.verdict is None or self._is_unsure:
            return None
        return self.verdict == self.predicted

    @property
    def _is_unsure(self) -> bool:
        return self.verdict == UNSURE and UNSURE not in self.probabilities

    def to_record(self) -> dict[str, Any]:
        """Return the JSON-ready record; all but the thumbnail."""
        record = {name: getattr(self, name) for name in FIELDS}
        record["created"] = self.created.isoformat()
        record["judged"] = None if self.judged is None else self.judged.isoformat()
        record["probabilities"] = dict(self.probabilities)
        for name in ("prediction_set", "warnings"):
            record[name] = list(record[name])
        return record


FIELDS: Final = tuple(n for n in Case.__dataclass_fields__ if n != "thumbnail")


@dataclass(frozen=True)
class Filters:
    """Which cases are meant; what is None doesn't matter.

    Attributes:
        model: Name of the model.
        predicted: Class key of the model's answer.
        verdict: The reader's verdict.
        judged: Whether the reader gave a verdict.
        accepted: Whether the answer was accepted.
        agrees: Whether reader and model agree; cases without or with an unsure verdict are
            neither.
        since: Earliest time of saving.
        until: Latest time of saving.
        pixel_digest: Digest of the slice.
    """

    model: str | None = None
    predicted: str | None = None
    verdict: str | None = None
    judged: bool | None = None
    accepted: bool | None = None
    agrees: bool | None = None
    since: datetime | None = None
    until: datetime | None = None
    pixel_digest: str | None = None


@dataclass(frozen=True)
class Page:
    """Some cases, newest first, and how many there are in all."""

    cases: tuple[Case, ...]
    total: int


def thumbnail(picture: bytes) -> bytes:
    """Shrink a PNG to half its sides and at most 144 pixels, without anything beside pixels.

    So no slice is kept as it is, however small it was.

    Args:
        picture: Bytes of a PNG.

    Returns:
        Bytes of an RGB PNG, at most 64 KiB.

    Raises:
        CaseLogError: If it can't be read as PNG.
    """
    try:
        with Image.open(BytesIO(picture), formats=["PNG"]) as opened:
            small = opened.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise CaseLogError(
            "The overlay of a case must be a PNG picture. "
            f"Received: {len(picture)} bytes that can't be read as one."
        ) from error
    most = max(min(_THUMBNAIL_SIDE, max(small.size) // 2), 1)
    small.thumbnail((most, most))
    # A copy by pixels alone: text chunks of the file can't come along.
    bare = Image.frombytes("RGB", small.size, small.tobytes())
    stream = BytesIO()
    bare.save(stream, "PNG", optimize=True)
    return stream.getvalue()


def clean_note(note: str) -> str:
    """Return a note without characters that a database can't hold.

    Raises:
        CaseLogError: If it is longer than 2,000 characters.
    """
    kept = "".join(c for c in note if c in "\n\t" or unicodedata.category(c) not in ("Cc", "Cs"))
    kept = kept.strip()
    if len(kept) > MAX_NOTE:
        raise CaseLogError(f"A note has at most {MAX_NOTE:,} characters. Received: {len(kept):,}.")
    return kept


def check_verdict(verdict: str | None, labels: tuple[str, ...]) -> None:
    """Check that a verdict is one of the model's classes, `OTHER`, `UNSURE` or None.

    Raises:
        CaseLogError: If it isn't.
    """
    allowed = (*labels, OTHER, UNSURE)
    if verdict is not None and verdict not in allowed:
        raise CaseLogError(
            f"A verdict is one of {', '.join(dict.fromkeys(allowed))}. Received: {verdict!r}."
        )
