"""What chooses between networks: their answers on the validation split.

    python -m benchmarks.validation NAME=TARGET ... [--root DATA]
    python -m benchmarks.validation --write

A target is the folder of a published model or of a run; NAME is what the table calls it.
Each is asked as `publish --mirrored` would publish it: from both views, with the decision line
and the temperature of the validation split. The split is optimistic, therefore: it says which
network is better, not how good one is. One that learned from folds of it is asked about the fold
that it hasn't seen, and its row names it. Networks that were measured before stay in the results.
"""

import argparse
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.ablation import add_document_flags, deliver, figure, markdown
from core.data.manifest import Manifest, read_manifest
from core.data.pool import Pool, load_pool
from core.errors import DatasetError
from core.evaluate import as_trained, localise
from core.evaluation.calibration import fit_temperature, negative_log_likelihood, softmax
from core.evaluation.external import check_within_patients
from core.evaluation.inputs import WITHIN_PATIENT_SOURCE
from core.evaluation.intervals import GroupBootstrap
from core.evaluation.localisation import summarise_localisation
from core.evaluation.operating import no_tumour_shift, share_to_keep
from core.evaluation.storage import plain
from core.files import write_json
from core.labels import NO_TUMOUR
from core.logits import PoolLogits
from core.provenance import open_origin
from core.settings import get_settings
from core.types import FloatArray

RESULTS: Final = Path("benchmarks/results/validation.json")
MARKERS: Final = ("<!-- validation: begin -->", "<!-- validation: end -->")
COLUMNS: Final = (
    "network",
    "right",
    "log loss",
    "no-tumour kept",
    "within patients",
    "pointing",
    "pointing, worst class",
)


def answers(logits: FloatArray, pool: Pool, positions: Any, no_tumour: int) -> dict[str, Any]:
    """Score raw logits as a publication would: shifted to the line, then calibrated.

    Args:
        logits: float32 of shape (positions, classes).
        pool: The decoded slices.
        positions: int64, where the logits' slices lie in the pool.
        no_tumour: Index of the tumour-free class.
    """
    y = pool.targets[positions]
    rows = [pool.rows[i] for i in positions]
    free = y == no_tumour
    wanted = share_to_keep(logits, y, no_tumour, [row.group for row in rows])
    shift = no_tumour_shift(logits, y, no_tumour, wanted)
    moved = logits.copy()
    moved[:, no_tumour] += shift
    temperature = fit_temperature(moved, y)
    p = softmax(moved, temperature)
    right = p.argmax(axis=1) == y
    bootstrap = GroupBootstrap([row.group for row in rows])
    paired = np.array([row.source == WITHIN_PATIENT_SOURCE for row in rows])
    return {
        "slices": len(y),
        "right": int(right.sum()),
        "accuracy": bootstrap.mean(right).to_dict(),
        "log_loss": round(negative_log_likelihood(moved, y, temperature), 5),
        "notumour_wanted": round(wanted, 4),
        "notumour_shift": round(shift, 4),
        "notumour_kept": round(float(right[free].mean()), 5),
        "tumours_found": round(float((p[~free].argmax(axis=1) != no_tumour).mean()), 5),
        "within_patient": check_within_patients(
            p[paired],
            ~free[paired],
            no_tumour,
            [row.group for row, own in zip(rows, paired, strict=True) if own],
        ),
    }


def measured(target: str, manifest: Manifest) -> dict[str, Any]:
    """Return the row of a target; see `answers`, and `summarise_localisation` for its maps.

    A network that learned from folds of the validation split is asked about its own fold alone.
    """
    origin = open_origin(Path(target), mirrored=True)
    predictor = origin.predictor
    manifest = as_trained(predictor, manifest)
    no_tumour = predictor.labels.index(NO_TUMOUR)
    cache = get_settings().runs_dir / ".cache"
    pool = load_pool(manifest, predictor.card.input_size, cache, predictor.labels)
    positions = pool.where("val")
    logits = PoolLogits(predictor, pool)(positions)
    # The line is drawn anew, from where the training left it.
    logits[:, no_tumour] -= origin.shift
    cams, lesions, _ = localise(predictor, pool, positions)
    return {
        "command": origin.facts["command"],
        "size": predictor.card.input_size,
        "split": "val",
        "fold": predictor.card.fold,
        "manifest_sha256": manifest.sha256,
        **answers(logits, pool, positions, no_tumour),
        "localisation": summarise_localisation(cams),
        "lesion_map": summarise_localisation(lesions) if lesions else None,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def table(networks: dict[str, dict[str, Any]]) -> list[str]:
    """Return the lines of the table, in the order in which the networks were measured."""
    rows = []
    for name, row in networks.items():
        rows.append(
            (
                f"{name} (fold {row['fold']})" if row.get("fold") else name,
                f"{row['right']} of {row['slices']}: {figure(row, ('accuracy',))}",
                f"{row['log_loss']:.4f}",
                f"{row['notumour_kept']:.3f}",
                figure(row, ("within_patient", "auroc")),
                figure(row, ("localisation", "pointing")),
                _worst(row["localisation"]["per_class"]),
            )
        )
    return markdown(COLUMNS, rows)


def _worst(classes: dict[str, dict[str, Any]]) -> str:
    if not classes:
        return "-"
    key = min(classes, key=lambda name: classes[name]["pointing"]["value"])
    return f"{key}: {figure(classes[key], ('pointing',))}"


def _named(word: str) -> tuple[str, str]:
    name, _, target = word.partition("=")
    if not (name and target):
        raise DatasetError(f"A network is given as NAME=TARGET. Received: {word!r}.")
    return name, target


def main(argv: Sequence[str] | None = None) -> None:
    """Measure targets, or write what was measured into the document."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("targets", nargs="*", metavar="NAME=TARGET")
    parser.add_argument("--manifest", type=Path, default=Path("weights/manifest.csv"))
    parser.add_argument("--root", type=Path, help="root of the manifest's paths")
    parser.add_argument("--results", type=Path, default=RESULTS)
    add_document_flags(parser)
    options = parser.parse_args(argv)
    # All names first, so that a wrong one is refused before minutes of measuring.
    targets = dict(_named(word) for word in options.targets)
    networks: dict[str, dict[str, Any]] = (
        json.loads(options.results.read_text(encoding="utf-8")) if options.results.exists() else {}
    )
    if targets:
        manifest = read_manifest(options.manifest, options.root)
        for name, target in targets.items():
            networks[name] = plain(measured(target, manifest))
            write_json(options.results, networks)
    deliver(table(networks), options, MARKERS)


if __name__ == "__main__":
    main()
