"""Look for what is wrong with a dataset before anything is trained on it."""

import time
from collections import Counter, defaultdict
from itertools import combinations
from pathlib import Path
from typing import Final

from core.data.audit_report import AuditReport, TwinPair, render
from core.data.catalogue import CatalogueImage, Progress, discover
from core.data.fingerprint import Fingerprints, take_fingerprints
from core.data.twins import Twins, find_twins
from core.errors import DatasetError

__all__ = ["AuditReport", "TwinPair", "audit", "render"]

_WHOLE: Final = "all"
# A thousand copies of one blank picture would make half a million pairs.
_MOST: Final = 50


def _pairs(
    prints: Fingerprints, twins: Twins, by_path: dict[str, CatalogueImage]
) -> dict[str, list[TwinPair]]:
    """Spell out the pairs of files and sort them into across, within and conflicts."""
    alike: dict[str, list[str]] = defaultdict(list)
    for path, digest in zip(prints.paths, prints.digests, strict=True):
        alike[digest].append(path)
    out: dict[str, list[TwinPair]] = {"across": [], "within": [], "conflicts": []}

    def sort_in(a: str, b: str, correlation: float, exact: bool) -> None:
        first, second = sorted((a, b))
        pair = TwinPair(first, second, correlation, exact)
        one, two = by_path[first], by_path[second]
        if one.shipped_split != two.shipped_split:
            out["across"].append(pair)
        elif not exact:
            out["within"].append(pair)
        if one.label != two.label:
            out["conflicts"].append(pair)

    for group in alike.values():
        for a, b in combinations(group[:_MOST], 2):
            sort_in(a, b, 1.0, True)
    near = ~twins.exact
    for i, j, value in zip(
        twins.first[near].tolist(),
        twins.second[near].tolist(),
        twins.correlation[near].tolist(),
        strict=True,
    ):
        for a in alike[prints.digests[i]][:_MOST]:
            for b in alike[prints.digests[j]][:_MOST]:
                # Rounding can push the correlation of two near-identical heads past 1.
                sort_in(a, b, min(value, 1.0), False)
    for found in out.values():
        found.sort(key=lambda pair: (-pair.correlation, pair.first, pair.second))
    return out


def _test_leaks(
    prints: Fingerprints, twins: Twins, by_path: dict[str, CatalogueImage]
) -> tuple[int, int]:
    """Count test images with an exact copy, and with any twin, in training."""
    split_of = [by_path[path].shipped_split for path in prints.paths]
    pairs = list(zip(prints.digests, split_of, strict=True))
    trained = {digest for digest, split in pairs if split == "train"}
    near = set(trained)
    for i, j in zip(twins.first.tolist(), twins.second.tolist(), strict=True):
        first, second = prints.digests[i], prints.digests[j]
        near |= {second} if first in trained else set()
        near |= {first} if second in trained else set()
    tested = [digest for digest, split in pairs if split == "test"]
    return sum(digest in trained for digest in tested), sum(digest in near for digest in tested)


def audit(root: Path, progress: Progress | None = None) -> AuditReport:
    """Audit a dataset folder.

    Args:
        root: The dataset's folder, in any layout that `core.data.catalogue.discover` knows.
        progress: Called now and then with (done, total, what).

    Returns:
        The report.

    Raises:
        DatasetError: If the folder holds no dataset, or none of its images can be read.
    """
    started = time.perf_counter()
    catalogue = discover(root)
    prints = take_fingerprints(root, [image.path for image in catalogue.images], progress)
    unreadable = sorted(catalogue.unreadable + prints.unreadable, key=lambda item: item.path)
    if not prints.paths:
        raise DatasetError(
            f"A dataset holds at least one readable image. Received: {catalogue.source!r} with "
            f"{len(unreadable)} unreadable files, first {unreadable[0].path!r}."
        )
    by_path = {image.path: image for image in catalogue.images}
    twins = find_twins(prints, progress=progress)
    pairs = _pairs(prints, twins, by_path)
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    groups: dict[str, list[str]] = defaultdict(list)
    for path, digest in zip(prints.paths, prints.digests, strict=True):
        counts[by_path[path].shipped_split or _WHOLE][by_path[path].label] += 1
        groups[digest].append(path)
    exact, leaking = _test_leaks(prints, twins, by_path)
    sizes = Counter(f"{width} x {height}" for width, height in prints.sizes)
    return AuditReport(
        catalogue.source,
        len(prints.paths),
        len(groups),
        {split: dict(sorted(counts[split].items())) for split in sorted(counts)},
        dict(sizes.most_common()),
        dict(Counter(prints.modes).most_common()),
        tuple(unreadable),
        tuple(tuple(group) for group in groups.values() if len(group) > 1),
        tuple(pairs["within"]),
        tuple(pairs["across"]),
        sum(counts["test"].values()) if "test" in counts else 0,
        exact,
        leaking,
        tuple(pairs["conflicts"]),
        tuple(sorted(prints.suspected_ct)),
        time.perf_counter() - started,
    )
