"""`index`: the training slices of a model, so that similar cases can be found."""

import argparse
from pathlib import Path

from core.commands.progress import progress_bar


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.add_argument("model", help="a published model")
    parser.add_argument(
        "--manifest", type=Path, required=True, metavar="FILE", help="the manifest it learnt from"
    )
    parser.add_argument("--root", type=Path, metavar="DIR", help="the images' folder")
    parser.add_argument("--out", type=Path, metavar="FILE", help="where to write the index")


def run(arguments: argparse.Namespace) -> int:
    """Write the index and print where it is."""
    from core.data.manifest import read_manifest
    from core.inference import load_predictor
    from core.similar import build_index

    manifest = read_manifest(arguments.manifest, arguments.root)
    predictor = load_predictor(arguments.model)
    with progress_bar() as progress:
        print(build_index(predictor, manifest, arguments.out, progress))
    return 0
