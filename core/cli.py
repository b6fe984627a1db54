"""The command line: finds the command, and turns errors into one sentence and an exit code."""

import argparse
import io
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from types import FrameType
from typing import Final

from core import DISCLAIMER, __version__
from core.errors import GliaLensError

# A new command is one line here and one module with `add_arguments` and `run`.
COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "models": ("core.commands.models", "list the models and which of them are ready"),
    "predict": ("core.commands.predict", "let models read files, folders, zips or volumes"),
    "audit": ("core.commands.audit", "look for leaks, twins and broken files in a dataset"),
    "split": ("core.commands.split", "split datasets without leakage and write a manifest"),
    "train": ("core.commands.train", "train a model, or go on with a training run"),
    "evaluate": ("core.commands.evaluate", "measure a model or a run and write its report"),
    "publish": ("core.commands.publish", "turn a finished run into published weights"),
    "export": ("core.commands.export", "write a published network for other programs"),
    "compare": ("core.commands.compare", "set all ready models side by side"),
    "index": ("core.commands.index", "index the training slices, to find similar ones"),
    "fetch-data": ("core.commands.fetch_data", "download the public dataset from Kaggle"),
    "check-api": ("core.commands.check_api", "send labelled images to a service and score it"),
    "serve": ("core.commands.serve", "start the REST service"),
    "app": ("core.commands.app", "open the dashboard"),
}
"""Name: the module that does it, and its line in `--help`."""

ERROR: Final = 1
USAGE: Final = 2
INTERRUPTED: Final = 130
PIPE_CLOSED: Final = 141


def build_parser(command: str | None = None) -> argparse.ArgumentParser:
    """Build the parser; only the wanted command's module is imported.

    Args:
        command: Name of the command whose arguments are needed; None for the overview alone.
    """
    parser = argparse.ArgumentParser(
        prog="python -m core", description="GliaLens on the command line.", epilog=DISCLAIMER
    )
    parser.add_argument("--version", action="version", version=f"glialens {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, (module, summary) in COMMANDS.items():
        sentence = f"{summary[0].upper()}{summary[1:]}."
        sub = commands.add_parser(name, help=summary, description=sentence)
        if name == command:
            chosen = import_module(module)
            chosen.add_arguments(sub)
            sub.set_defaults(run=chosen.run, parser=sub)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: Arguments after the program's name; those of the process by default.

    Returns:
        0 on success; 1 for an error, said as one sentence on stderr; 2 for wrong usage; 130
        after Ctrl-C or SIGTERM; 141 where the reader of stdout has gone.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        with _terminable():
            code = _run(words)
            sys.stdout.flush()
        return code
    except GliaLensError as error:
        print(f"error: {error}", file=sys.stderr)
        return ERROR
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # Python would complain once more when it flushes stdout at exit.
        _discard_stdout()
        return PIPE_CLOSED


def _run(words: list[str]) -> int:
    command = next((word for word in words if not word.startswith("-")), None)
    try:
        arguments = build_parser(command).parse_args(words)
    except SystemExit as stop:
        return int(stop.code or 0)
    try:
        return int(arguments.run(arguments) or 0)
    except argparse.ArgumentTypeError as error:
        arguments.parser.print_usage(sys.stderr)
        print(f"{arguments.parser.prog}: error: {error}", file=sys.stderr)
        return USAGE


@contextmanager
def _terminable() -> Iterator[None]:
    """Let SIGTERM stop a command as Ctrl-C does."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    try:
        before = signal.signal(signal.SIGTERM, interrupt)
    except ValueError:
        # Only the main thread may install handlers.
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _discard_stdout() -> None:
    try:
        target = sys.stdout.fileno()
    except (OSError, ValueError):
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, target)
    os.close(nowhere)
