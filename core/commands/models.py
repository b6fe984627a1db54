"""`models`: the registry and which weights are ready."""

import argparse
import json
from typing import Any

from core.commands.outputs import columns
from core.models.registry import ModelStatus, get_spec, statuses


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the arguments."""
    parser.add_argument("--json", action="store_true", help="print one JSON list, cards included")


def run(arguments: argparse.Namespace) -> int:
    """List the models."""
    found = statuses()
    if arguments.json:
        print(json.dumps([_record(s) for s in found], indent=1, ensure_ascii=False))
        return 0
    rows = [["model", "name", "input", "state"]]
    for status in found:
        size = status.card.input_size if status.card else get_spec(status.name).input_size
        state = "ready" if status.ready else f"not ready: {status.reason}"
        rows.append([status.name, status.title, f"{size} px", state])
    print("\n".join(columns(rows, right=(2,))))
    return 0


def _record(status: ModelStatus) -> dict[str, Any]:
    spec = get_spec(status.name)
    return {
        "name": status.name,
        "title": status.title,
        "summary": spec.summary,
        "source": spec.source,
        "input_size": status.card.input_size if status.card else spec.input_size,
        "ready": status.ready,
        "reason": status.reason,
        "card": status.card.raw if status.card else None,
    }
