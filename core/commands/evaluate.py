"""`evaluate`: the report that every screen reads."""

import argparse
from pathlib import Path
from typing import Any

from core.commands.arguments import fraction
from core.commands.frameworks import load_keras
from core.commands.outputs import check_writable, columns
from core.commands.progress import progress_bar, say
from core.labels import describe


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.add_argument(
        "target", metavar="MODEL_OR_RUN", help="a model's name, a published folder or a run"
    )
    parser.add_argument("--manifest", type=Path, required=True, metavar="FILE")
    parser.add_argument("--split", choices=("train", "val", "test"), default="test")
    parser.add_argument(
        "--root", type=Path, help="dataset root, if the manifest's own is elsewhere"
    )
    parser.add_argument(
        "--boxes",
        type=Path,
        action="append",
        default=[],
        metavar="CSV",
        help="tumour boxes; by default the boxes.csv beside each source",
    )
    parser.add_argument(
        "--external", type=Path, metavar="DIR", help="tumour slices of another origin"
    )
    parser.add_argument("--threshold", type=fraction, help="confidence that counts; default: 0.7")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="report.json",
        help="write the report, predictions.csv beside it",
    )


def run(arguments: argparse.Namespace) -> int:
    """Evaluate and print the headline figures."""
    if arguments.out is not None:
        check_writable(arguments.out.parent)
    load_keras()
    from core.evaluate import evaluate

    with progress_bar() as progress:
        report = evaluate(
            arguments.target,
            arguments.manifest,
            arguments.split,
            root=arguments.root,
            boxes=arguments.boxes,
            out=arguments.out,
            external=arguments.external,
            threshold=arguments.threshold,
            progress=progress,
        )
    print("\n".join(headlines(report)))
    if arguments.out is not None:
        say(f"Written: {arguments.out}")
    return 0


def interval(figure: dict[str, Any]) -> str:
    """Return a figure with its 95 % interval and its number, as a person reads it."""
    if figure.get("value") is None:
        return "not available"
    text = f"{figure['value']:.4f}"
    if figure.get("low") is not None and figure.get("high") is not None:
        text += f"  (95 % interval {figure['low']:.4f} to {figure['high']:.4f})"
    return f"{text}  n = {figure['n']}" if figure.get("n") is not None else text


def headlines(report: dict[str, Any]) -> list[str]:
    """Return the figures of a report that a person wants first.

    Args:
        report: As `core.evaluation.report.build_report` returns it.
    """
    rows = [["accuracy", interval(report["accuracy"])]]
    rows += [[f"macro {name}", interval(value)] for name, value in report["macro"].items()]
    rows.append(["calibration error", interval(report["calibration"]["after"]["ece_interval"])])
    for source, figures in report["per_source"].items():
        rows.append([f"accuracy on {source}", interval(figures["accuracy"])])
    for key, figures in report["per_class"].items():
        rows.append([f"recall of {describe(key).name.lower()}", interval(figures["recall"])])
    if report["external"]:
        rows.append(
            [f"AUROC on {report['external']['name']}", interval(report["external"]["auroc"])]
        )
    if report["within_patient"]:
        rows.append(["AUROC within patients", interval(report["within_patient"]["auroc"])])
    if report["shipped_split"]:
        rows.append(["shipped split (leaking)", interval(report["shipped_split"]["accuracy"])])
    return [f"{report['model']} on {report['split']}: {report['n']} images", *columns(rows)]
