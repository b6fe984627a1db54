"""`split`: a leakage-free split of one or several datasets, as a manifest."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from core.commands.arguments import seed
from core.commands.outputs import check_writable, columns
from core.commands.progress import progress_bar, say

if TYPE_CHECKING:
    from core.data.catalogue import SetAside
    from core.data.manifest import ManifestRow

_SHOWN = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.add_argument("folders", nargs="+", type=Path, metavar="DIR", help="dataset folders")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="manifest.csv", help="the manifest to write"
    )
    parser.add_argument("--seed", type=seed, default=0, help="default: 0")
    parser.add_argument(
        "--fractions",
        nargs=3,
        type=float,
        default=(0.7, 0.15, 0.15),
        metavar=("TRAIN", "VAL", "TEST"),
        help="wanted shares; default: 0.7 0.15 0.15",
    )
    parser.add_argument(
        "--as-shipped",
        action="store_true",
        help="keep the Training/Testing folders of one dataset, leaks included, for comparison",
    )


def run(arguments: argparse.Namespace) -> int:
    """Split, write the manifest and print the counts."""
    from core.data.split import as_shipped_split, make_split

    if arguments.as_shipped and len(arguments.folders) != 1:
        raise argparse.ArgumentTypeError("--as-shipped takes one dataset folder")
    check_writable(arguments.out.parent)
    with progress_bar() as progress:
        if arguments.as_shipped:
            result = as_shipped_split(arguments.folders[0], arguments.seed, progress=progress)
        else:
            result = make_split(
                arguments.folders, arguments.fractions, arguments.seed, progress=progress
            )
    result.write(arguments.out)
    print("\n".join(_summary(result.rows)))
    groups = len({row.group for row in result.rows})
    say(f"{len(result.rows)} images in {groups} groups; no group is in two splits.")
    if result.leaking:
        say("This split is known to leak: use it for comparison alone.")
    _say_excluded(result.excluded)
    say(f"Written: {arguments.out}")
    return 0


def _summary(rows: Sequence["ManifestRow"]) -> list[str]:
    from core.data.manifest import count_rows

    labels = sorted({row.label for row in rows})
    table = [["source", "split", *labels, "total"]]
    for source, splits in count_rows(rows).items():
        for split, counts in splits.items():
            cells = [str(counts.get(label, 0)) for label in labels]
            table.append([source, split, *cells, str(sum(counts.values()))])
    return columns(table, right=range(2, len(table[0])))


def _say_excluded(excluded: Sequence["SetAside"]) -> None:
    if not excluded:
        return
    say(f"{len(excluded)} images are left out, the sidecar names them all:")
    for item in excluded[:_SHOWN]:
        say(f"  {item.path}: {item.reason}")
    if len(excluded) > _SHOWN:
        say(f"  … and {len(excluded) - _SHOWN} more")
