"""Which images must stay together, and which can't be kept at all."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from core.data.fingerprint import Fingerprints
from core.data.neighbours import (
    GUARD,
    NUMBERED_SOURCE,
    PATIENT_SOURCE,
    cut_ranges,
    guard_drops,
    patient_of,
)
from core.data.twins import TWIN, Twins, unit_vectors


@dataclass(frozen=True)
class Item:
    """One readable image of the datasets to split.

    Attributes:
        path: Path relative to the common root, with forward slashes.
        label: Class key.
        source: Name of the dataset's folder.
        shipped: `train`, `val` or `test` where the folders say so, else None.
    """

    path: str
    label: str
    source: str
    shipped: str | None


def find_faults(items: Sequence[Item], prints: Fingerprints, links: Twins) -> dict[int, str]:
    """Say which images are no MRI, copies within a dataset, or contradict a twin's label."""
    twins = links.above(TWIN)
    alike: dict[str, list[int]] = defaultdict(list)
    for index, digest in enumerate(prints.digests):
        alike[digest].append(index)
    faults = {
        k: "It looks like CT, not MRI: a white skull ring around an even brain."
        for k, item in enumerate(items)
        if item.path in prints.suspected_ct
    }
    for i, j in zip(twins.first.tolist(), twins.second.tolist(), strict=True):
        pair = alike[prints.digests[i]] + alike[prints.digests[j]]
        labels = {items[k].label for k in pair}
        if len(labels) > 1:
            for k in pair:
                other = next(o for o in pair if items[o].label != items[k].label)
                faults.setdefault(
                    k, f"Its twin {items[other].path} is labelled {items[other].label}."
                )
    for members in alike.values():
        first: dict[str, int] = {}
        for k in members:
            kept = first.setdefault(items[k].source, k)
            if kept != k:
                faults.setdefault(k, f"An exact copy of {items[kept].path}.")
    return faults


def find_anchors(
    items: Sequence[Item], prints: Fingerprints, kept: Sequence[int]
) -> dict[int, str]:
    """Name the range or patient of each image that has one."""
    anchors: dict[int, str] = {}
    numbered: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for k in kept:
        stem = PurePosixPath(items[k].path).stem
        if items[k].source == NUMBERED_SOURCE and stem.isdecimal():
            numbered[items[k].label].append((int(stem), k))
        elif items[k].source == PATIENT_SOURCE and (patient := patient_of(stem)):
            anchors[k] = f"{PATIENT_SOURCE}/{patient}"
    for label, pairs in numbered.items():
        pairs.sort()
        numbers, indices = [n for n, _ in pairs], [k for _, k in pairs]
        for part in cut_ranges(numbers, unit_vectors(prints.thumbs[indices, 0])):
            name = f"{NUMBERED_SOURCE}/{label}/{numbers[part[0]]}-{numbers[part[-1]]}"
            anchors.update({indices[p]: name for p in part})
    return anchors


def name_groups(
    items: Sequence[Item], kept: Sequence[int], anchors: dict[int, str], links: Twins
) -> tuple[dict[int, str], int]:
    """Join what hangs together; return each image's group and how many joined anchors."""
    names = sorted(set(anchors.values()))
    node = {name: len(items) + position for position, name in enumerate(names)}
    alive = np.zeros(len(items), np.bool_)
    alive[list(kept)] = True
    live = alive[links.first] & alive[links.second]
    left = links.first[live].tolist() + list(anchors)
    right = links.second[live].tolist() + [node[name] for name in anchors.values()]
    size = len(items) + len(names)
    graph = coo_matrix((np.ones(len(left)), (left, right)), (size, size))
    component = connected_components(graph, directed=False)[1]
    called: dict[int, str] = {}
    inside: Counter[int] = Counter()
    for name in names:
        called.setdefault(int(component[node[name]]), name)
        inside[int(component[node[name]])] += 1
    for k in kept:
        called.setdefault(
            int(component[k]), PurePosixPath(items[k].path).with_suffix("").as_posix()
        )
    groups = {k: called[int(component[k])] for k in kept}
    return groups, sum(count > 1 for count in inside.values())


def find_too_close(
    items: Sequence[Item],
    prints: Fingerprints,
    splits: dict[int, str],
    links: Twins,
    weight: dict[str, float],
) -> dict[int, str]:
    """Say which images lie within the guard gap of a neighbour in another split.

    A copy or twin of a numbered slice stands at that slice's place too, whatever its name.
    """
    places: dict[str, set[tuple[str, int]]] = defaultdict(set)
    for k in splits:
        stem = PurePosixPath(items[k].path).stem
        if items[k].source == NUMBERED_SOURCE and stem.isdecimal():
            places[prints.digests[k]].add((items[k].label, int(stem)))
    own = {digest: set(found) for digest, found in places.items()}
    for i, j in zip(links.first.tolist(), links.second.tolist(), strict=True):
        first, second = prints.digests[i], prints.digests[j]
        for here, there in ((first, second), (second, first)):
            if here not in own and there in own:
                places[here] |= own[there]
    standing: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for k in splits:
        for label, number in places.get(prints.digests[k], ()):
            standing[label].append((number, k))
    faults: dict[int, str] = {}
    for pairs in standing.values():
        drops = guard_drops([(number, splits[k]) for number, k in pairs], weight)
        for number, k in pairs:
            if number in drops:
                faults[k] = (
                    f"It stands at number {number} of {NUMBERED_SOURCE}, closer than {GUARD} "
                    "to a slice in another split."
                )
    return faults
