"""Write the figures of docs/performance.md from benchmarks/results, between its markers.

python -m benchmarks.performance_page
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from benchmarks import speed_tables as speed
from core.engines.shards import SHARD_FILES
from core.files import write_text

PAGE: Final = Path("docs/performance.md")
RESULTS: Final = Path("benchmarks/results")
PLAN_SLICES: Final = 10_000_000
PLAN_MACHINES: Final = 10
PLAN_CORES: Final = 16


def growth(result: dict[str, Any]) -> str:
    """Return the table of audit and split over the number of images."""
    lines = [
        "| images | audit, s | of which twin search, s | split, s | near twins | load before |",
        "|---:|---:|---:|---:|---:|---:|",
    ]
    for row in result["sizes"]:
        audit, split = row["audit"], row["split"]
        search = row["of_which"]["twin_search"]
        lines.append(
            f"| {row['images']:,} | {_both(audit)} | {_both(search)} | {_both(split)} "
            f"| {row['near_pairs']:,} | {row['load_before']} |"
        )
    steps = [
        f"from {step['from']:,} to {step['to']:,} images as n to the power of {step['audit']} "
        f"(audit), {step['split']} (split) and {step['twin_search']} (twin search alone)"
        for step in result["grows_as_power"]
    ]
    told = "; ".join(steps)
    return "\n".join([*lines, "", f"Processor time grows {told}."] if steps else lines)


def cluster(result: dict[str, Any]) -> str:
    """Return the table of the runs over one archive."""
    names = {
        "serial": "one process",
        "cluster": f"{result['workers']} workers",
        "cluster_one_killed": f"{result['workers']} workers, one killed half way",
        "all_finished": "once more, all shards finished",
    }
    lines = [
        f"{result['slices']:,} phantoms, `{result['model']}`, {result['cores']} cores, "
        f"{result['shards']} shards.",
        "",
        "| run | wall, s | processor, s | records | missing | twice | same bytes |",
        "|---|---:|---:|---:|---:|---:|---|",
    ]
    for key, name in names.items():
        run = result["runs"][key]
        told = (
            f"{run['records']:,} | {run['missing']} | {run['twice']} "
            f"| {'yes' if run['equal_after_sorting'] else 'NO'}"
            if "records" in run
            else f"{result['slices']:,} | | | the measure"
        )
        lines.append(f"| {name} | {run['wall_seconds']} | {run['processor_seconds']} | {told} |")
    over = result["overhead"]
    lines += [
        "",
        f"The undisturbed cluster took {over['cluster']['wall']} times the wall time and "
        f"{over['cluster']['processor']} times the processor time of one process, the start of "
        "its workers included.",
    ]
    return "\n".join(lines)


def plan(result: dict[str, Any]) -> str:
    """Return what ten million slices would take, from what was measured."""
    rate = result["slices_per_processor_second_serial"]
    factor = max(1.0, result["overhead"]["cluster"]["processor"])
    hours = PLAN_SLICES / rate * factor / 3600.0
    shards = -(-PLAN_SLICES // SHARD_FILES)
    return "\n".join(
        [
            "| what | figure | where it comes from |",
            "|---|---:|---|",
            f"| slices per core and second, `{result['model']}` | {rate} "
            "| measured, start-up included |",
            f"| overhead of the cluster in processor time | {factor} | measured |",
            f"| processor time | {hours:,.0f} core-hours | slices ÷ rate × overhead |",
            f"| wall time on {PLAN_MACHINES} machines of {PLAN_CORES} cores "
            f"| {hours / PLAN_MACHINES / PLAN_CORES:,.1f} h | if it scaled without loss |",
            f"| shards | {shards:,} | {SHARD_FILES} files each |",
            f"| records on disk | {PLAN_SLICES * result['bytes_per_record'] / 1e9:,.1f} GB "
            f"| {result['bytes_per_record']} bytes a record, measured |",
            f"| work lost with a worker | {SHARD_FILES / rate:,.0f} s at most "
            "| one shard, and the worker's start |",
        ]
    )


BLOCKS: Final[dict[str, tuple[str, Callable[[dict[str, Any]], str]]]] = {
    "growth": ("scale.json", growth),
    "cluster": ("dask_scale.json", cluster),
    "plan": ("dask_scale.json", plan),
    "about": ("bench.json", speed.about),
    "targets": ("bench.json", speed.verdicts),
    "explained": ("bench.json", speed.explained),
    "throughput": ("bench.json", speed.throughput),
    "starts": ("bench.json", speed.starts),
    "reading": ("bench.json", speed.reading),
    "training": ("bench.json", speed.training),
    "memory": ("bench.json", speed.memory),
    "agreement": ("precision.json", speed.agreement),
    "engines": ("engines.json", speed.engines),
}


def render(text: str, results: Path = RESULTS) -> str:
    """Return the page with every block filled whose figures exist.

    Args:
        text: The page; a block stands between `<!-- NAME -->` and `<!-- /NAME -->`.
        results: Folder of the figures.
    """
    for name, (file, write) in BLOCKS.items():
        path = results / file
        if path.exists():
            block = write(json.loads(path.read_text(encoding="utf-8")))
            told = f"<!-- {name} -->\n{block}\n<!-- /{name} -->"
            pattern = f"<!-- {name} -->.*?<!-- /{name} -->"
            text = re.sub(pattern, lambda _, told=told: told, text, flags=re.DOTALL)  # type: ignore[misc]
    return text


def _both(figure: dict[str, float]) -> str:
    return f"{figure['wall_seconds']} ({figure['processor_seconds']})"


if __name__ == "__main__":
    write_text(PAGE, render(PAGE.read_text(encoding="utf-8")))
