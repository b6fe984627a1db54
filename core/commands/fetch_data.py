"""`fetch-data`: the public dataset from Kaggle."""

import argparse
import sys
from contextlib import redirect_stdout
from pathlib import Path

from core.commands.progress import progress_bar, say


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.add_argument("folder", type=Path, metavar="DEST", help="a new or empty folder")


def run(arguments: argparse.Namespace) -> int:
    """Download the dataset and print where it is."""
    from core.data.download import KAGGLE_DATASET, fetch_kaggle

    say(f"Fetching {KAGGLE_DATASET} from kaggle.com …")
    # kagglehub prints; stdout carries records alone.
    with redirect_stdout(sys.stderr), progress_bar() as progress:
        folder = fetch_kaggle(arguments.folder, progress)
    print(folder)
    return 0
