"""`publish`: a finished run becomes `weights/NAME`."""

import argparse
from pathlib import Path

from core.commands.evaluate import interval
from core.commands.frameworks import load_keras
from core.commands.outputs import columns
from core.commands.progress import progress_bar, say


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.add_argument(
        "folder", type=Path, metavar="RUN", help="folder of a run, or of published weights"
    )
    parser.add_argument("name", metavar="NAME", help="name below the weights folder")
    parser.add_argument(
        "--manifest",
        type=Path,
        metavar="FILE",
        help="what published weights are set up by anew; a run has its own",
    )
    parser.add_argument(
        "--root", type=Path, help="dataset root, if the manifest's own is elsewhere"
    )
    parser.add_argument(
        "--external", type=Path, metavar="DIR", help="tumour slices of another origin"
    )
    parser.add_argument(
        "--mirrored",
        action=argparse.BooleanOptionalAction,
        help="answer with the mean over a slice and its mirror image, which takes twice the time; "
        "default: as published before",
    )


def run(arguments: argparse.Namespace) -> int:
    """Publish and print the card's figures."""
    load_keras()
    from core.publish import publish
    from core.settings import get_settings

    weights_dir = get_settings().weights_dir
    with progress_bar() as progress:
        card = publish(
            arguments.folder,
            arguments.name,
            weights_dir,
            manifest=arguments.manifest,
            root=arguments.root,
            external=arguments.external,
            mirrored=arguments.mirrored,
            progress=progress,
        )
    rows = [
        [f"{check} {name}", interval(figure)]
        for check, figures in card.metrics.items()
        for name, figure in (figures or {}).items()
        if isinstance(figure, dict) and "value" in figure
    ]
    rows += [["temperature", f"{card.temperature:.4f}"], ["licence", card.license]]
    print("\n".join(columns(rows)))
    say(f"Written: {weights_dir / card.name}")
    return 0
