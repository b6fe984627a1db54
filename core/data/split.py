"""Split datasets so that no picture and no patient is on both sides.

A group is what hangs together by likeness (exact copies, near twins, and pairs above `KIN`,
which are mostly neighbouring slices of one patient), by a range of neighbouring file numbers,
or by a patient's name. Groups are dealt out whole.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from os.path import commonpath
from pathlib import Path, PurePosixPath
from typing import Any, Final

import numpy as np

from core.data.assign import assign_groups, check_fractions
from core.data.catalogue import Catalogue, Progress, SetAside, discover
from core.data.fingerprint import take_fingerprints
from core.data.grouping import Item, find_anchors, find_faults, find_too_close, name_groups
from core.data.manifest import SPLITS, Manifest, ManifestRow, count_rows, write_manifest
from core.data.twins import find_twins
from core.errors import DatasetError

# Among the real data no chain of pairs above 0.95 grows beyond 35 images; at 0.90 one
# swallows a thousand.
KIN: Final = 0.95


@dataclass(frozen=True)
class SplitResult:
    """A split of one or several datasets.

    Attributes:
        rows: One row per kept image, sorted by path.
        root: Folder that the paths are relative to.
        excluded: Images left out, with reasons, sorted by path.
        seed: The seed.
        fractions: The wanted shares of train, val and test.
        largest: Name and size of the largest groups.
        joined: Groups that likeness joined out of several ranges or patients.
        leaking: Whether the split is known to leak.
    """

    rows: tuple[ManifestRow, ...]
    root: Path
    excluded: tuple[SetAside, ...]
    seed: int
    fractions: tuple[float, float, float]
    largest: tuple[tuple[str, int], ...] = ()
    joined: int = 0
    leaking: bool = False

    def counts(self) -> dict[str, dict[str, dict[str, int]]]:
        """Return the number of images per source, split and label."""
        return count_rows(self.rows)

    def write(self, path: Path) -> Manifest:
        """Write the manifest and its sidecar; see `core.data.manifest.write_manifest`."""
        extra: dict[str, Any] = {"leaking": True} if self.leaking else {}
        return write_manifest(
            path,
            self.rows,
            self.root,
            seed=self.seed,
            fractions=self.fractions,
            excluded=self.excluded,
            extra=extra,
        )


def _gather(roots: Sequence[Path]) -> tuple[Path, list[Item], list[SetAside]]:
    if not roots:
        raise DatasetError("A split needs at least one dataset folder. Received: none.")
    resolved = [root.resolve() for root in roots]
    if len(set(resolved)) != len(resolved) or len({r.name for r in resolved}) != len(resolved):
        names = ", ".join(root.name for root in resolved)
        raise DatasetError(f"Dataset folders have different names. Received: {names}.")
    base = resolved[0] if len(resolved) == 1 else Path(commonpath(resolved))
    for root in resolved:
        if len(resolved) > 1 and any(other in root.parents for other in resolved):
            raise DatasetError(
                f"Dataset folders don't lie inside each other. Received: {root.name!r}."
            )
    items: list[Item] = []
    excluded: list[SetAside] = []
    for root in resolved:
        catalogue: Catalogue = discover(root)
        prefix = PurePosixPath(root.relative_to(base).as_posix())
        for image in catalogue.images:
            path = (prefix / image.path).as_posix()
            items.append(Item(path, image.label, catalogue.source, image.shipped_split))
        excluded += [SetAside((prefix / i.path).as_posix(), i.reason) for i in catalogue.unreadable]
    return base, sorted(items, key=lambda item: item.path), excluded


def make_split(
    roots: Sequence[Path],
    fractions: Sequence[float] = (0.7, 0.15, 0.15),
    seed: int = 0,
    progress: Progress | None = None,
) -> SplitResult:
    """Split one or several datasets into train, val and test without leakage.

    Args:
        roots: Dataset folders; for several, paths are relative to their common parent.
        fractions: Wanted shares of train, val and test, per class and source.
        seed: Seed of the order in which equal groups are dealt.
        progress: Called now and then with (done, total, what).

    Returns:
        The split; the same input gives the same result.

    Raises:
        DatasetError: If a folder holds no dataset, two share a name, or the fractions break
            their rule.
    """
    shares = check_fractions(fractions)
    base, items, excluded = _gather(roots)
    prints = take_fingerprints(base, [item.path for item in items], progress)
    excluded += prints.unreadable
    by_path = {item.path: item for item in items}
    items = [by_path[path] for path in prints.paths]
    links = find_twins(prints, KIN, progress=progress)
    faults = find_faults(items, prints, links)
    kept = [k for k in range(len(items)) if k not in faults]
    groups, joined = name_groups(items, kept, find_anchors(items, prints, kept), links)
    members: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for k, group in groups.items():
        members[group].append((items[k].label, items[k].source))
    dealt = assign_groups(members, shares, seed)
    splits = {k: dealt[group] for k, group in groups.items()}
    weight = dict(zip(SPLITS, shares, strict=True))
    faults |= find_too_close(items, prints, splits, links, weight)
    rows = [
        ManifestRow(items[k].path, items[k].label, groups[k], splits[k], items[k].source)
        for k in kept
        if k not in faults
    ]
    excluded += [SetAside(items[k].path, reason) for k, reason in faults.items()]
    sizes = Counter(groups.values()).most_common(10)
    return SplitResult(
        tuple(rows),
        base,
        tuple(sorted(excluded, key=lambda item: item.path)),
        seed,
        shares,
        tuple(sizes),
        joined,
    )


def as_shipped_split(
    root: Path, seed: int = 0, val_fraction: float = 0.15, progress: Progress | None = None
) -> SplitResult:
    """Take a dataset's own Training/Testing folders as they are, leaks included.

    Where no validation folder ships, a share of the training images of each class is drawn
    for it. Every image is its own group, and the sidecar says `"leaking": true`.

    Args:
        root: The dataset's folder.
        seed: Seed of the draw.
        val_fraction: Share of the training images that becomes val.
        progress: Called now and then with (done, total, what).

    Returns:
        The split.

    Raises:
        DatasetError: If the dataset ships no train and test folders.
    """
    base, items, excluded = _gather([root])
    shipped = {item.shipped for item in items}
    if not {"train", "test"} <= shipped:
        raise DatasetError(
            "A shipped split needs a training and a testing folder. "
            f"Received: {base.name!r} with {', '.join(sorted(s for s in shipped if s)) or 'none'}."
        )
    prints = take_fingerprints(base, [item.path for item in items], progress)
    readable = set(prints.paths)
    items = [item for item in items if item.path in readable]
    splits = {item.path: item.shipped or "train" for item in items}
    if "val" not in shipped:
        rng = np.random.default_rng(seed)
        for label in sorted({item.label for item in items}):
            pool = [i.path for i in items if i.label == label and i.shipped == "train"]
            drawn = rng.permutation(len(pool))[: round(val_fraction * len(pool))]
            splits.update({pool[i]: "val" for i in drawn})
    rows = tuple(
        ManifestRow(i.path, i.label, PurePosixPath(i.path).as_posix(), splits[i.path], i.source)
        for i in items
    )
    share = {s: sum(row.split == s for row in rows) / len(rows) for s in SPLITS}
    return SplitResult(
        rows,
        base,
        tuple(sorted([*excluded, *prints.unreadable], key=lambda item: item.path)),
        seed,
        (share["train"], share["val"], share["test"]),
        leaking=True,
    )
