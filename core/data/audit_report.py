"""What an audit found, as JSON and as plain text."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from core.data.catalogue import SetAside
from core.data.twins import RADIUS, TWIN

_SHOWN: Final = 5


@dataclass(frozen=True)
class TwinPair:
    """Two files that show the same slice.

    Attributes:
        first: Path of one, relative to the dataset.
        second: Path of the other.
        correlation: Normalised correlation of the two heads, 1 for identical pixels.
        exact: Whether the decoded pixels are identical.
    """

    first: str
    second: str
    correlation: float
    exact: bool


@dataclass(frozen=True)
class AuditReport:
    """What an audit found.

    Attributes:
        source: Name of the dataset's folder.
        images: Images that could be decoded.
        distinct: Different pictures among them, by decoded pixels.
        counts: Images per shipped split (`all` where none ships) and class.
        sizes: Images per `width x height`, most frequent first.
        modes: Images per pixel format, as Pillow names it, most frequent first.
        unreadable: Files that could not be read, with reasons.
        duplicate_groups: Paths that share their decoded pixels, one tuple per picture.
        twins_within: Near twins in one split, exact copies left out.
        twins_across: Near twins and exact copies in two splits.
        test_images: Images of the shipped test split.
        test_exact: Of these, how many have an exact copy in training.
        test_twins: Of these, how many have an exact copy or near twin in training.
        conflicts: Pairs of twins whose classes differ.
        suspected_not_mri: Paths that look like CT.
        seconds: How long the audit took.
    """

    source: str
    images: int
    distinct: int
    counts: dict[str, dict[str, int]]
    sizes: dict[str, int]
    modes: dict[str, int]
    unreadable: tuple[SetAside, ...] = ()
    duplicate_groups: tuple[tuple[str, ...], ...] = ()
    twins_within: tuple[TwinPair, ...] = ()
    twins_across: tuple[TwinPair, ...] = ()
    test_images: int = 0
    test_exact: int = 0
    test_twins: int = 0
    conflicts: tuple[TwinPair, ...] = ()
    suspected_not_mri: tuple[str, ...] = ()
    seconds: float = field(default=0.0, compare=False)

    @property
    def leaking_share(self) -> float | None:
        """Share of the shipped test images with a twin in training; None without a test split."""
        return self.test_twins / self.test_images if self.test_images else None

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON-ready values."""

        def pairs(items: tuple[TwinPair, ...]) -> list[dict[str, Any]]:
            return [
                {
                    "first": pair.first,
                    "second": pair.second,
                    "correlation": round(pair.correlation, 4),
                    "exact": pair.exact,
                }
                for pair in items
            ]

        share = self.leaking_share
        return {
            "source": self.source,
            "images": self.images,
            "distinct": self.distinct,
            "counts": self.counts,
            "sizes": self.sizes,
            "modes": self.modes,
            "unreadable": [{"path": i.path, "reason": i.reason} for i in self.unreadable],
            "exact_duplicates": self.images - self.distinct,
            "duplicate_groups": [list(group) for group in self.duplicate_groups],
            "twins_within": pairs(self.twins_within),
            "twins_across": pairs(self.twins_across),
            "test": {
                "images": self.test_images,
                "exact_in_train": self.test_exact,
                "twin_in_train": self.test_twins,
                "share": None if share is None else round(share, 4),
            },
            "conflicts": pairs(self.conflicts),
            "suspected_not_mri": list(self.suspected_not_mri),
            "method": {
                "correlation_above": TWIN,
                "hamming_radius": RADIUS,
                "exact": "identical decoded grey pixels and shape",
            },
            "seconds": round(self.seconds, 1),
        }


def _more(count: int) -> list[str]:
    return [f"  … and {count - _SHOWN} more"] if count > _SHOWN else []


def _pair_lines(title: str, pairs: Sequence[TwinPair]) -> list[str]:
    if not pairs:
        return [f"{title}: none"]
    lines = [f"{title}: {len(pairs)}"]
    for pair in pairs[:_SHOWN]:
        how = "identical" if pair.exact else f"{pair.correlation:.3f}"
        lines.append(f"  {how}  {pair.first}  =  {pair.second}")
    return lines + _more(len(pairs))


def _table(counts: dict[str, dict[str, int]]) -> list[str]:
    labels = sorted({label for row in counts.values() for label in row})
    widths = [max(len(label), 6) for label in labels]
    first = max(len("split"), *(len(split) for split in counts))
    lines = [
        "  ".join(
            ["split".ljust(first), *(n.rjust(w) for n, w in zip(labels, widths, strict=True))]
        )
        + "   total"
    ]
    for split, row in counts.items():
        cells = [str(row.get(n, 0)).rjust(w) for n, w in zip(labels, widths, strict=True)]
        lines.append("  ".join([split.ljust(first), *cells]) + f"  {sum(row.values()):6d}")
    return lines


def render(report: AuditReport) -> str:
    """Write an audit out for a person.

    Args:
        report: The audit.

    Returns:
        Lines of text, without a final line break. Long lists show their first five entries;
        `AuditReport.to_dict` holds them all.
    """
    lines = [f"{report.source}: {report.images} images, {report.distinct} different pictures", ""]
    lines += [*_table(report.counts), ""]
    for title, found in (("Sizes", report.sizes), ("Pixel formats", report.modes)):
        shown = [f"{name} ({count})" for name, count in list(found.items())[:_SHOWN]]
        rest = f", and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        lines.append(f"{title}: {', '.join(shown)}{rest}")
    if report.unreadable:
        lines.append(f"Unreadable files: {len(report.unreadable)}")
        lines += [f"  {item.path}: {item.reason}" for item in report.unreadable[:_SHOWN]]
        lines += _more(len(report.unreadable))
    else:
        lines.append("Unreadable files: none")
    lines.append(
        f"Exact duplicates: {report.images - report.distinct} files more than pictures, "
        f"in {len(report.duplicate_groups)} groups"
    )
    lines += _pair_lines("Near twins within a split", report.twins_within)
    lines += _pair_lines("Twins across splits", report.twins_across)
    share = report.leaking_share
    if share is not None:
        lines.append(
            f"Leak: {report.test_twins} of {report.test_images} test images ({share:.1%}) have a "
            f"twin in training, {report.test_exact} of them an exact copy"
        )
    lines += _pair_lines("Twins with different labels", report.conflicts)
    if report.suspected_not_mri:
        lines.append(f"Look like CT, not MRI: {len(report.suspected_not_mri)}")
        lines += [f"  {path}" for path in report.suspected_not_mri[:_SHOWN]]
        lines += _more(len(report.suspected_not_mri))
    else:
        lines.append("Look like CT, not MRI: none")
    lines.append(f"Took {report.seconds:.1f} s")
    return "\n".join(lines)
