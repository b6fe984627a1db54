"""`audit`: what is wrong with a dataset before anything is trained on it."""

import argparse
from pathlib import Path

from core.commands.outputs import check_writable
from core.commands.progress import progress_bar


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.add_argument("folder", type=Path, metavar="DIR", help="the dataset's folder")
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="write everything that was found, every pair too"
    )


def run(arguments: argparse.Namespace) -> int:
    """Audit one dataset and print what was found."""
    from core.data.audit import audit, render
    from core.files import write_json

    if arguments.json is not None:
        check_writable(arguments.json.parent)
    with progress_bar() as progress:
        report = audit(arguments.folder, progress)
    if arguments.json is not None:
        write_json(arguments.json, report.to_dict())
    print(render(report))
    return 0
