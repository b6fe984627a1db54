"""`predict`: one record per slice and model."""

import argparse
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from core import DISCLAIMER
from core.cli import ERROR
from core.commands.explained import ExplanationFolder
from core.commands.frameworks import load_keras
from core.commands.outputs import check_writable
from core.commands.progress import open_bar, say
from core.commands.records import FORMATS, Record, answer, failure, open_writer
from core.errors import ModelNotReadyError
from core.imaging.inputs import InputItem, iter_inputs
from core.models import registry

if TYPE_CHECKING:
    from core.inference import Predictor

_BATCH = 32


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="files, folders, zips")
    parser.add_argument(
        "--model", metavar="NAME|all", help="one model, or all that are ready; by default the first"
    )
    parser.add_argument(
        "--explain", type=Path, metavar="DIR", help="write a Grad-CAM overlay and map per record"
    )
    parser.add_argument("--format", choices=FORMATS, default="table", help="default: table")


def run(arguments: argparse.Namespace) -> int:
    """Read every file with every wanted model."""
    names = _names(arguments.model)
    folder: ExplanationFolder | None = None
    if arguments.explain is not None:
        check_writable(arguments.explain)
        folder = ExplanationFolder(arguments.explain)
    predictors = _load(names, skip=arguments.model == "all")
    labels = dict.fromkeys(label for p in predictors for label in p.labels)
    writer = open_writer(arguments.format, tuple(labels), folder is not None)
    failed = False
    for items in _chunks(_counted(arguments.paths), _BATCH if folder is None else 1):
        for record in _records(items, predictors, folder):
            failed = failed or "error" in record
            writer.write(record)
        sys.stdout.flush()
    writer.close()
    if arguments.format == "table":
        say(DISCLAIMER)
    return ERROR if failed else 0


def _names(wanted: str | None) -> list[str]:
    """Return the models to ask, checked before anything heavy is loaded."""
    if wanted not in (None, "all"):
        status = registry.status(str(wanted))
        if not status.ready:
            raise ModelNotReadyError(str(status.reason))
        return [status.name]
    found = registry.statuses()
    ready = [status.name for status in found if status.ready]
    if not ready:
        raise ModelNotReadyError(
            f"At least one model must be ready. Received: none; {found[0].name}: {found[0].reason}"
        )
    return ready if wanted == "all" else ready[:1]


def _load(names: list[str], skip: bool) -> list["Predictor"]:
    load_keras()
    from core.inference import get_predictor

    predictors: list[Predictor] = []
    for number, name in enumerate(names):
        try:
            predictors.append(get_predictor(name))
        except ModelNotReadyError as error:
            if not skip or (number + 1 == len(names) and not predictors):
                raise
            say(f"{name} is left out: {error}")
    return predictors


def _records(
    items: list[InputItem], predictors: list["Predictor"], folder: ExplanationFolder | None
) -> Iterator[Record]:
    slices = [item.slice for item in items if item.slice is not None]
    if folder is None:
        answers = [iter(predictor.predict(slices, _BATCH)) for predictor in predictors]
    for item in items:
        if item.slice is None:
            yield failure(item)
        elif folder is None:
            for predictions in answers:
                yield answer(item, next(predictions), {})
        else:
            for predictor in predictors:
                analysis = predictor.analyse(item.slice)
                files = folder.save(item, item.slice, analysis)
                yield answer(item, analysis.prediction, files)


def _counted(paths: list[Path]) -> Iterator[InputItem]:
    """Yield the items of all paths while a bar counts the files."""
    before = None
    done, total = 0, sum(_files(path) for path in paths)
    with open_bar(total, "reading", "file") as bar:
        for item in iter_inputs(paths):
            yield item
            if item.file != before:
                before, done = item.file, done + 1
                # Members of a zip come on top of what could be counted beforehand.
                bar.total = max(total, done)
                bar.update()


def _files(path: Path) -> int:
    # Unlike Path.is_dir, it takes a name that no file can have.
    if not os.path.isdir(path):
        return 1
    return sum(len(files) for _, _, files in os.walk(path))


def _chunks(items: Iterable[InputItem], size: int) -> Iterator[list[InputItem]]:
    """Group items so that each group but the last holds `size` of them."""
    chunk: list[InputItem] = []
    for item in items:
        chunk.append(item)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
