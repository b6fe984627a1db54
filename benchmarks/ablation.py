"""What each measure against cheating is worth: the table of `docs/generalisation.md`.

Every row is one training that differs from a neighbour in one thing. This script trains
nothing: it prints the commands, and fills the table from the reports that they left.

    python -m benchmarks.ablation --commands --root DATA [--external DIR]
    python -m benchmarks.ablation --write
"""

import argparse
import json
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import DatasetError
from core.evaluation.storage import read_report
from core.files import write_text

DOCUMENT = Path("docs/generalisation.md")
BEGIN, END = "<!-- ablation: begin -->", "<!-- ablation: end -->"
MISSING = "not yet measured"
_BASE = ("--model", "cnn", "--size", "96", "--epochs", "6", "--learning-rate", "2e-3")
_STILL = ("--paste", "0", "--sham", "0", "--mirror", "0")
_ONE, _ALL = "one-source.csv", "weights/manifest.csv"


@dataclass(frozen=True)
class Row:
    """One training.

    Attributes:
        run: Name of its folder below `runs`.
        title: What is new, for a person.
        flags: Flags of `train` beside the common ones.
        manifest: The manifest that it trains on.
    """

    run: str
    title: str
    flags: tuple[str, ...]
    manifest: str = _ALL

    def train(self, root: str = "DATA") -> str:
        """Return the training's command."""
        words = ["python", "-m", "core", "train", *_BASE, *self.flags]
        words += ["--manifest", self.manifest, "--root", root, "--out", f"runs/{self.run}"]
        return shlex.join(words)

    def evaluate(self, root: str = "DATA", external: str = "") -> str:
        """Return the command that writes the report, on the test split of all sources."""
        words = ["python", "-m", "core", "evaluate", f"runs/{self.run}", "--manifest", _ALL]
        words += ["--root", root, "--out", f"runs/{self.run}/report.json"]
        return shlex.join(words + (["--external", external] if external else []))


_AVERAGE = ("--head", "average")
ROWS = (
    Row(
        "ablation-one-source",
        "one source, geometric augmentation",
        (*_AVERAGE, "--balance", "0", "--no-style", *_STILL),
        _ONE,
    ),
    Row("ablation-style", "+ style augmentation", (*_AVERAGE, "--balance", "0", *_STILL), _ONE),
    Row("ablation-sources", "+ all sources", (*_AVERAGE, "--balance", "0", *_STILL)),
    Row("ablation-balance", "+ balanced drawing", (*_AVERAGE, *_STILL)),
    Row("ablation-map", "+ lesion map, without boxes", ("--lesion-weight", "0", *_STILL)),
    Row("ablation-boxes", "+ the map trained on boxes", _STILL),
    Row("ablation-paste", "+ pasted lesions", ("--sham", "0", "--mirror", "0")),
    Row("ablation-sham", "+ pasted ordinary tissue", ("--mirror", "0")),
    Row("ablation-all", "+ lesions mirrored away (everything)", ()),
    Row("ablation-no-style", "everything but style augmentation", ("--no-style",)),
    Row("ablation-no-average", "everything but weight averaging", ("--averaging", "0")),
    Row("ablation-half-balance", "everything, half balanced", ("--balance", "0.5")),
    Row("ablation-place", "everything, attention inside the boxes", ("--place-weight", "0.3")),
)

COLUMNS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("accuracy, grouped test", ("accuracy",)),
    ("external AUROC", ("external", "auroc")),
    ("found at 95 % specificity", ("external", "found_at_95_specificity")),
    ("within-patient AUROC", ("within_patient", "auroc")),
    ("pointing game", ("localisation", "pointing")),
    ("the same, lesion map", ("localisation", "lesion_map", "pointing")),
)


def figure(report: dict[str, Any] | None, keys: Sequence[str]) -> str:
    """Return a figure of a report with its interval, or that there is none.

    Args:
        report: A report; None where there is none.
        keys: The way to the figure.
    """
    value: Any = report
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    if not isinstance(value, dict) or value.get("value") is None:
        return MISSING if report is None or keys[0] == "external" else "-"
    text = f"{value['value']:.3f}"
    if value.get("low") is not None and value.get("high") is not None:
        text += f" ({value['low']:.3f} to {value['high']:.3f})"
    return text


def table(runs: Path, weights: Path) -> list[str]:
    """Return the lines of the two tables and of the list of commands.

    Args:
        runs: Folder of runs, each with the `report.json` that `evaluate` wrote.
        weights: Folder of published models.
    """

    def figures(folder: Path) -> list[str]:
        path = folder / "report.json"
        report = read_report(path) if path.is_file() else None
        return [figure(report, keys) for _, keys in COLUMNS]

    titles = [title for title, _ in COLUMNS]
    published = ("cnn", "vgg16", "vgg19")
    return [
        *markdown(
            ["trained with", *titles], ([row.title, *figures(runs / row.run)] for row in ROWS)
        ),
        "",
        "The published models, by the same measure:",
        "",
        *markdown(["model", *titles], ([name, *figures(weights / name)] for name in published)),
        "",
        "The commands, in the order of the rows:",
        "",
        "```",
        *(row.train() for row in ROWS),
        "```",
    ]


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a Markdown table."""
    return [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows)]


def fill(text: str, lines: Sequence[str], markers: tuple[str, str] = (BEGIN, END)) -> str:
    """Put lines between two markers of the document.

    Raises:
        DatasetError: If the document hasn't both markers, once each and in order.
    """
    begin, end = markers
    if text.count(begin) != 1 or text.count(end) != 1 or text.index(begin) > text.index(end):
        raise DatasetError(f"The document has the lines {begin} and {end}. Received: another.")
    before, rest = text.split(begin)
    _, after = rest.split(end)
    return before + "\n".join([begin, "", *lines, "", end]) + after


def read_result(path: Path) -> dict[str, Any]:
    """Read what a benchmark has measured.

    Raises:
        DatasetError: If it hasn't been measured yet.
    """
    if not path.exists():
        raise DatasetError(f"A result is measured before it is written. Missing: {path}")
    result: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return result


def add_document_flags(parser: argparse.ArgumentParser, document: Path = DOCUMENT) -> None:
    """Let a command write its tables into a document; see `deliver`."""
    parser.add_argument("--document", type=Path, default=document)
    parser.add_argument("--write", action="store_true", help=f"fill {document}")


def deliver(
    lines: Sequence[str], options: argparse.Namespace, markers: tuple[str, str] = (BEGIN, END)
) -> None:
    """Print lines, or put them between two markers of the document where that is wanted.

    Args:
        lines: The tables.
        options: With what `add_document_flags` adds.
        markers: See `fill`.

    Raises:
        DatasetError: If the document hasn't both markers.
    """
    if options.write:
        text = options.document.read_text(encoding="utf-8")
        write_text(options.document, fill(text, lines, markers))
    else:
        print("\n".join(lines))


def keep_measured(lines: Sequence[str], text: str) -> list[str]:
    """Take over from the document the rows whose report isn't here, instead of emptying them.

    Args:
        lines: Of `table`.
        text: The document.
    """
    told = {line.split(" | ")[0]: line for line in text.splitlines() if line.startswith("| ")}
    return [
        told.get(line.split(" | ")[0], line) if line.split(" | ")[1:2] == [MISSING] else line
        for line in lines
    ]


def main(argv: Sequence[str] | None = None) -> None:
    """Print the commands or the tables, or write the tables into the document."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--commands", action="store_true", help="print what has to be run")
    add_document_flags(parser)
    parser.add_argument("--root", default="DATA", help="dataset root, for the commands")
    parser.add_argument("--external", default="", help="external folder, for the commands")
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    parser.add_argument("--weights", type=Path, default=Path("weights"))
    options = parser.parse_args(argv)
    if options.commands:
        print("\n".join(row.train(options.root) for row in ROWS))
        print("\n".join(row.evaluate(options.root, options.external) for row in ROWS))
        return
    lines = table(options.runs, options.weights)
    if options.write:
        lines = keep_measured(lines, options.document.read_text(encoding="utf-8"))
    deliver(lines, options)


if __name__ == "__main__":
    main()
