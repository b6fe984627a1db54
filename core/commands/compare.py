"""`compare`: every ready model side by side."""

import argparse
from pathlib import Path
from typing import Any

from core.commands.evaluate import interval
from core.commands.frameworks import load_keras
from core.commands.outputs import check_writable, columns
from core.commands.progress import progress_bar, say
from core.ensemble import ENSEMBLE
from core.labels import describe


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="where to write the comparison; default: comparison.json in the weights folder",
    )
    parser.add_argument(
        "--manifest", type=Path, metavar="FILE", help="refuse models measured on another one"
    )
    parser.add_argument(
        "--latency", action="store_true", help="load every model and time single slices"
    )


def run(arguments: argparse.Namespace) -> int:
    """Compare, write, and print a table for a person."""
    from core.settings import get_settings

    out: Path = arguments.out or get_settings().weights_dir / "comparison.json"
    check_writable(out.parent)
    if arguments.latency:
        load_keras()
    from core.compare import compare

    with progress_bar() as progress:
        comparison = compare(
            manifest=arguments.manifest,
            out=out,
            latency=arguments.latency,
            progress=progress,
        )
    print("\n".join(table(comparison)))
    say(f"Written: {out}")
    return 0


def table(comparison: dict[str, Any]) -> list[str]:
    """Return the headline figures of a comparison, as a person reads them.

    Args:
        comparison: As `core.compare.compare` returns it.
    """
    rows = dict(comparison["models"])
    if comparison["ensemble"]:
        rows[ENSEMBLE] = comparison["ensemble"]
    lines: list[list[str]] = []
    for name, row in rows.items():
        figures = [["accuracy", interval(row["accuracy"])]]
        figures.append(["macro F1", interval(row["macro"]["f1"])])
        for key, values in row["per_class"].items():
            figures.append([f"F1 of {describe(key).name.lower()}", interval(values["f1"])])
        error = row["calibration"]
        bare = {"value": error["ece"]}
        figures.append(["calibration error", interval(error.get("ece_interval") or bare)])
        for key, title in (("external", "AUROC, external"), ("within_patient", "AUROC, patients")):
            figures.append([title, interval(row[key]["auroc"]) if row[key] else "not available"])
        found = row["localisation"]
        figures.append(["pointing game", interval(found["pointing"]) if found else "not available"])
        if row["parameters"] is not None:
            figures.append(["parameters", f"{row['parameters']:,}"])
        figures.append(["weights", f"{row['bytes'] / 1e6:.1f} MB"])
        if row.get("latency"):
            spent = row["latency"]
            figures.append(
                ["one slice", f"{spent['predict_ms']} ms, explained {spent['explain_ms']} ms"]
            )
        lines += [[name if number == 0 else "", *pair] for number, pair in enumerate(figures)]
    text = columns(lines)
    for pair in comparison["pairs"]:
        text.append(
            f"{pair['first']} - {pair['second']}: {interval(pair['accuracy_difference'])}, "
            f"McNemar p = {pair['p_value']:.4g}"
        )
    return text + comparison["notes"]
