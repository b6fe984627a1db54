"""`predict`: one record per slice and model."""

import argparse
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core import DISCLAIMER
from core.cli import ERROR
from core.commands.arguments import at_least_one
from core.commands.explained import ExplanationFolder
from core.commands.frameworks import load_keras
from core.commands.outputs import check_writable
from core.commands.progress import open_bar, say
from core.commands.records import FORMATS, open_writer
from core.engines.scoring import BATCH, Record, answer, chunks, failure, score
from core.engines.shards import Source, iter_shards
from core.errors import ModelNotReadyError
from core.imaging.inputs import InputItem
from core.imaging.limits import Limits, default_limits
from core.models import registry
from core.onnx_pass import is_ready
from core.settings import get_settings

if TYPE_CHECKING:
    from tqdm import tqdm

    from core.engines.archive import Cluster
    from core.inference import Predictor


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="files, folders, zips")
    parser.add_argument(
        "--model", metavar="NAME|all", help="one model, or all that are ready; by default the first"
    )
    parser.add_argument(
        "--explain", type=Path, metavar="DIR", help="write a Grad-CAM overlay and map per record"
    )
    parser.add_argument(
        "--volume",
        type=at_least_one,
        metavar="N",
        help="which volume of 4-D NIfTI files, from 1; other files hold one; default: 1",
    )
    parser.add_argument("--format", choices=FORMATS, default="table", help="default: table")
    parser.add_argument(
        "--engine",
        choices=("serial", "dask"),
        default="serial",
        help="one process, or a Dask cluster for archives of any size; default: serial",
    )
    parser.add_argument(
        "--scheduler", metavar="ADDRESS", help="Dask scheduler; without it a cluster starts here"
    )
    parser.add_argument(
        "--workers", type=at_least_one, metavar="N", help="processes of a cluster started here"
    )
    parser.add_argument(
        "--shards",
        type=Path,
        metavar="DIR",
        help="finished shards as Parquet; asking again skips them; default: runs/shards",
    )


def run(arguments: argparse.Namespace) -> int:
    """Read every file with every wanted model."""
    cluster = _cluster(arguments)
    names = _names(arguments.model)
    folder: ExplanationFolder | None = None
    if arguments.explain is not None:
        check_writable(arguments.explain)
        folder = ExplanationFolder(arguments.explain)
    with open_bar(sum(map(_files, arguments.paths)), "reading", "file") as bar:
        if cluster is None:
            predictors = _load(names, skip=arguments.model == "all")
            labels = dict.fromkeys(label for p in predictors for label in p.labels)
            groups = _serial(arguments.paths, arguments.volume or 1, predictors, folder, bar)
        else:
            load_keras()
            from core.engines.archive import read_archive

            cards = [card for name in names if (card := registry.status(name).card)]
            labels = dict.fromkeys(label for card in cards for label in card.labels)
            groups = read_archive(arguments.paths, names, cluster, lambda n: _advance(bar, n))
        writer = open_writer(arguments.format, tuple(labels), folder is not None)
        failed = False
        for group in groups:
            for record in group:
                failed = failed or "error" in record
                writer.write(record)
            sys.stdout.flush()
    writer.close()
    if arguments.format == "table":
        say(DISCLAIMER)
    return ERROR if failed else 0


def _cluster(arguments: argparse.Namespace) -> "Cluster | None":
    """Return where to score, checked before anything heavy is loaded; None for this process."""
    if arguments.engine == "serial":
        for name in ("scheduler", "workers", "shards"):
            if getattr(arguments, name) is not None:
                raise argparse.ArgumentTypeError(f"argument --{name}: it needs --engine dask")
        return None
    for name in ("explain", "volume"):
        if getattr(arguments, name) is not None:
            raise argparse.ArgumentTypeError(f"argument --{name}: it needs --engine serial")
    if arguments.scheduler is not None and arguments.workers is not None:
        raise argparse.ArgumentTypeError("argument --workers: a scheduler has its own workers")
    from core.engines.archive import Cluster
    from core.engines.cluster import check_installed

    check_installed()
    shards = arguments.shards or get_settings().runs_dir / "shards"
    check_writable(shards)
    return Cluster(shards, arguments.scheduler, arguments.workers)


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
    cards = [registry.status(name).card for name in names]
    if not all(card and is_ready(card) for card in cards):
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


def _serial(
    paths: list[Path],
    number: int,
    predictors: list["Predictor"],
    folder: ExplanationFolder | None,
    bar: "tqdm[Any]",
) -> Iterator[list[Record]]:
    limits = default_limits()
    for shard in iter_shards(paths, limits):
        items = _items(shard, limits, number - 1, bar)
        for chunk in chunks(items, BATCH if folder is None else 1):
            if folder is None:
                yield [record for records in score(chunk, predictors) for record in records]
            else:
                yield list(_explained(chunk[0], predictors, folder))


def _items(
    shard: tuple[Source, ...], limits: Limits, volume: int, bar: "tqdm[Any]"
) -> Iterator[InputItem]:
    for source in shard:
        yield from source.items(limits, volume)
        _advance(bar, 1)


def _explained(
    item: InputItem, predictors: list["Predictor"], folder: ExplanationFolder
) -> Iterator[Record]:
    if item.slice is None:
        yield failure(item)
        return
    for predictor in predictors:
        analysis = predictor.analyse(item.slice)
        yield answer(item, analysis.prediction, folder.save(item, item.slice, analysis))


def _advance(bar: "tqdm[Any]", files: int) -> None:
    # A folder may gain files while it is read.
    bar.total = max(bar.total or 0, bar.n + files)
    bar.update(files)


def _files(path: Path) -> int:
    # Unlike Path.is_dir, it takes a name that no file can have.
    if not os.path.isdir(path):
        return 1
    return sum(len(files) for _, _, files in os.walk(path))
