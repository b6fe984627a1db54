"""What the figures should come to, and whether they do."""

from typing import Any

from benchmarks.explained import OURS
from benchmarks.timing import Target

Result = dict[str, Any]
VGGS = ("vgg16", "vgg19")


def targets(result: Result) -> list[Target]:
    """Hold a result of `benchmarks.bench` against every target.

    Args:
        result: The sections by name; a section that is missing leaves its targets unmeasured.
    """
    return [
        *_explained(result.get("explained", [])),
        *_bfloat16(result.get("throughput", [])),
        *_agreement(result.get("precision") or {}),
        *_throughput(result.get("throughput", [])),
        *_start(result),
        _audit(result.get("growth") or {}),
    ]


def _explained(rows: list[Result]) -> list[Target]:
    found = []
    for row in rows:
        name, ratio = row["model"], row["ratio_to_floor"][OURS]
        found += [
            Target(f"{name}: predict and explain / bare forward pass", ratio, "at most", 1.1, "x"),
            Target(
                f"{name}: faster than the usual app",
                row["faster_than_usual_app"],
                "at least",
                5.0,
                "x",
            ),
        ]
    return found


def _bfloat16(rows: list[Result]) -> list[Target]:
    found = []
    for row in rows:
        if row["model"] == "vgg16" and "faster_than_float32" in row:
            told = f"vgg16: bfloat16 faster than float32, batch {row['batch']}"
            found.append(Target(told, row["faster_than_float32"], "at least", 1.6, "x"))
    return found


def _agreement(result: Result) -> list[Target]:
    found = []
    for name, row in result.get("models", {}).items():
        told = f"{row['slices']} test slices, {row['size']} px"
        found += [
            Target(
                f"{name}: labels unchanged by bfloat16",
                round(100 * row["labels_unchanged"], 3),
                "at least",
                99.8,
                "%",
                told,
            ),
            Target(
                f"{name}: largest move of a probability by bfloat16",
                row["distance_largest"],
                "at most",
                0.02,
                "",
                told,
            ),
        ]
    return found


def _throughput(rows: list[Result]) -> list[Target]:
    return [
        Target(
            f"{row['model']}: share of the matrix rate, batch 32, {row['precision']}",
            round(100 * row["share_of_matrices"], 1),
            "at least",
            80.0,
            "%",
        )
        for row in rows
        if row["model"] in VGGS and row["batch"] == 32
    ]


def _start(result: Result) -> list[Target]:
    commands = {row["command"]: row["median_ms"] / 1000 for row in result.get("commands", [])}
    paint = result.get("first_paint") or {}
    drawn = paint.get("first_heading")
    again = result.get("second_model")
    redraw = result.get("redraw") or {}
    controls = redraw.get("controls") or {}
    return [
        Target("python -m core --help", commands.get("python -m core --help"), "at most", 0.5, "s"),
        Target(
            "first paint of the dashboard",
            drawn and drawn["median_ms"] / 1000,
            "at most",
            2.0,
            "s",
            paint.get("not_painted_because", ""),
        ),
        *(
            Target(
                f"overlay redrawn after its {name}",
                (controls.get(name) or {}).get("median_ms"),
                "at most",
                100.0,
                "ms",
                redraw.get("not_timed_because", ""),
            )
            for name in ("opacity", "outline")
        ),
        Target(
            "decoding that a second model is spared",
            again and 100 * again["decoding_saved"],
            "at least",
            95.0,
            "%",
        ),
    ]


def _audit(growth: Result) -> Target:
    sizes = growth.get("sizes", [])
    largest = next((row for row in sizes if row["images"] == 100_000), None)
    minutes = largest and largest["audit"]["wall_seconds"] / 60
    return Target(
        "audit of 100,000 images",
        minutes and round(minutes, 1),
        "at most",
        15.0,
        "min",
        "" if largest else "benchmarks.scale has not measured this size",
    )
