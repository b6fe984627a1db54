"""`export`: a published network for other programs."""

import argparse
from pathlib import Path

from core.commands.frameworks import load_keras
from core.commands.outputs import check_writable, columns
from core.commands.progress import say
from core.export import FORMATS, check_format, default_path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.add_argument("name", metavar="NAME", help="the published model")
    parser.add_argument("--format", choices=FORMATS, default="keras", help="default: keras")
    parser.add_argument(
        "--out", type=Path, metavar="PATH", help="default: NAME.keras, NAME-savedmodel, NAME.onnx"
    )


def run(arguments: argparse.Namespace) -> int:
    """Export and say what the reader of the file must know."""
    from core.models import registry

    form = arguments.format
    path: Path = arguments.out or default_path(arguments.name, form)
    registry.get_spec(arguments.name)
    check_format(form)
    check_writable(path.absolute().parent)
    load_keras()
    from core.export import export

    card = export(arguments.name, form, path)
    size = card.input_size
    print(
        "\n".join(
            columns(
                [
                    ["input", f"float32 (batch, {size}, {size}, 1), as core.imaging.preprocess"],
                    ["output", f"logits, float32 (batch, {len(card.labels)})"],
                    ["labels", ", ".join(card.labels)],
                    ["temperature", f"{card.temperature:g}"],
                    ["licence", card.license],
                ]
            )
        )
    )
    if form == "keras":
        say("Its reader imports core.models.head first, which registers two layers.")
    say(f"Written: {path} and {path.name}.card.json")
    return 0
