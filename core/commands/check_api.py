"""`check-api`: send labelled images to a service and score its answers."""

import argparse
import os
from pathlib import Path
from typing import Any

from core.commands.outputs import check_writable
from core.commands.progress import progress_bar, say
from core.errors import DatasetError, GliaLensError
from core.labels import canonical


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.add_argument("--url", required=True, help="the service, as http://localhost:8000")
    parser.add_argument(
        "--data", required=True, type=Path, metavar="DIR", help="a folder of class folders"
    )
    parser.add_argument(
        "--threshold", type=_share, default=0.7, help="confidence that counts; default: 0.7"
    )
    parser.add_argument("--model", metavar="NAME", help="the service's default if not given")
    parser.add_argument(
        "--manifest", type=Path, help="take the images from a manifest; DIR is then its root"
    )
    parser.add_argument("--split", default="test", help="the manifest's split; default: test")
    parser.add_argument("--limit", type=_count, metavar="N", help="only N images, at random")
    parser.add_argument("--seed", type=int, default=0, help="of that draw; default: 0")
    parser.add_argument("--concurrency", type=_count, default=4, help="at once; default: 4")
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("check-api"),
        metavar="DIR",
        help="results.csv, summary.json and the journal of a resume; default: check-api",
    )
    parser.add_argument("--restart", action="store_true", help="forget an earlier check in --out")
    parser.epilog = "The key, if the service wants one, is read from GLIALENS_API_KEY."


def run(arguments: argparse.Namespace) -> int:
    """Check the service, going on where an earlier check stopped."""
    from core.api_client import Client
    from core.check_api import Journal, check, find_images
    from core.check_summary import as_text, summarise, write_results

    check_writable(arguments.out)
    images = find_images(
        arguments.data, arguments.manifest, arguments.split, arguments.limit, arguments.seed
    )
    client = Client(arguments.url, arguments.model, os.environ.get("GLIALENS_API_KEY"))
    client.overview()
    client.wait_until_ready()
    weights = _weights(client.models(), arguments.model, {image.label for image in images})
    subject = {
        "data": str(arguments.data.resolve()),
        "model": arguments.model,
        "weights": weights,
    }
    journal = Journal(arguments.out, subject, arguments.restart)
    known = sum(image.path in journal.known for image in images)
    if known:
        say(f"{known} of {len(images)} images were answered before; going on with the rest")
    try:
        with progress_bar() as progress:
            outcomes = check(
                client, arguments.data, images, journal, arguments.concurrency, progress
            )
    except (GliaLensError, KeyboardInterrupt):
        say(f"{len(journal.known)} answers are kept: the same command goes on from there")
        raise
    finally:
        journal.close()
        client.close()
    summary = {"url": arguments.url, **subject, **summarise(outcomes, arguments.threshold)}
    del summary["data"]
    write_results(arguments.out, outcomes, summary)
    print(as_text(summary))
    return 0


def _weights(listed: dict[str, Any], wanted: str | None, labels: set[str]) -> dict[str, str]:
    """Return the digests of the models that will answer, and check that they know the classes."""
    name = wanted or listed.get("default")
    names = listed.get("ensemble", []) if name == "ensemble" else [name]
    found = [model for model in listed.get("models", []) if model["name"] in names]
    answered = {canonical(label) for model in found for label in model.get("labels") or ()}
    if answered and not labels & answered:
        raise DatasetError(
            f"The folders carry classes that the model knows ({', '.join(sorted(answered))}). "
            f"Received: {', '.join(sorted(labels))}."
        )
    strange = sorted(labels - answered) if answered else []
    if strange:
        say(f"note: the model never answers {', '.join(strange)}; these images count as wrong")
    return {model["name"]: str(model.get("sha256")) for model in found}


def _share(text: str) -> float:
    value = float(text)
    if not 0.0 <= value <= 1.0:
        raise argparse.ArgumentTypeError(f"a threshold lies in 0 to 1, not {text}")
    return value


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"a number of at least 1, not {text}")
    return value
