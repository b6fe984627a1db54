"""The tables of docs/performance.md that come from `benchmarks.bench` and `benchmarks.engines`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from core.models.card import read_card

Result = dict[str, Any]
WEIGHTS: Final = Path(__file__).parents[1] / "weights"


def verdicts(result: Result) -> str:
    """Return every target beside what was measured."""
    told = [
        [t["target"], _figure(t), t["wanted"], t["verdict"], t["note"]] for t in result["targets"]
    ]
    table = _lines(["target", "measured", "wanted", "verdict", ""], told, ">>")
    return table + outdated(result.get("precision") or {})


def outdated(result: Result, weights: Path = WEIGHTS) -> str:
    """Say whose bfloat16 was measured with other weights than are published today.

    Args:
        result: What `benchmarks.precision` wrote.
        weights: Folder of the published weights.

    Returns:
        A sentence behind a table; empty where every figure is of today's weights.
    """
    names = []
    for name, row in result.get("models", {}).items():
        card = weights / name / "card.json"
        if not card.is_file() or read_card(card.parent).sha256 != row["sha256"]:
            names.append(f"{name} ({row['created'][:10]}, weights {row['sha256'][:12]})")
    if not names:
        return ""
    return (
        "\n\nWhat bfloat16 does to answers was measured with weights that have been published anew "
        f"since: {', '.join(names)}. Of today's weights it says nothing."
    )


def about(result: Result) -> str:
    """Return on what, when and beside what the figures were measured."""
    machine = result["machine"]
    kind = "multiplies" if machine["multiplies_bfloat16"] else "doesn't multiply"
    return (
        f"{result['created'][:10]}: {machine['cores']} cores ({machine['processor']}, which {kind} "
        f"bfloat16 in hardware), Python {machine['python']}, TensorFlow {machine['tensorflow']}; "
        f"the whole took {result['seconds']} s. The load was {machine['load_before']} before and "
        f"{result['load_after']} after."
    )


def explained(result: Result) -> str:
    """Return the ways to predict and explain one slice."""
    told = []
    for row in result["explained"]:
        for way, times in row["times"].items():
            ratio = row["ratio_to_floor"][way]
            told.append(
                [row["model"], way, f"{times['median_ms']:.1f}", f"{ratio:.2f}", str(times["runs"])]
            )
    return _lines(["network", "way", "median, ms", "to the floor", "runs"], told, "->>>")


def throughput(result: Result) -> str:
    """Return slices per second and shares of the rate of matrix products."""
    told = []
    for row in result["throughput"]:
        faster = row.get("faster_than_float32")
        told.append(
            [
                row["model"],
                str(row["batch"]),
                row["precision"],
                f"{row['slices_per_second']:.1f}",
                f"{row['gflops_per_second']:,.0f}",
                f"{100 * row['share_of_matrices']:.0f} %",
                f"{faster:.2f}" if faster else "",
            ]
        )
    header = ["network", "batch", "format", "slices/s", "GFLOP/s", "of matrices", "x float32"]
    return _lines(header, told, ">->>>>")


def starts(result: Result) -> str:
    """Return the cold starts."""
    told = [
        [f"`{row['command']}`", f"{row['median_ms'] / 1000:.2f}", str(row["runs"])]
        for row in result["commands"]
    ]
    paint = result["first_paint"]
    for name, key in (("server answers", "server_answers"), ("first heading", "first_heading")):
        row = paint[key]
        if row:
            seconds = f"{row['median_ms'] / 1000:.2f}"
            told.append([f"`python -m core app`, {name}", seconds, str(row["runs"])])
    return _lines(["process", "median, s", "runs"], told, ">>")


def reading(result: Result) -> str:
    """Return milliseconds per megapixel, one column per side."""
    sides = sorted({row["side"] for row in result["reading"]})
    names = list(dict.fromkeys(row["what"] for row in result["reading"]))
    found = {(r["what"], r["side"]): r for r in result["reading"]}
    told = [
        [
            name,
            *(f"{found[name, side]['ms_per_megapixel']:.1f}" for side in sides),
            f"{found[name, sides[-1]]['ratio_to_opencv_png']:.1f}",
        ]
        for name in names
    ]
    header = ["ms per megapixel", *(f"{side} px" for side in sides), "to the floor"]
    again = result["second_model"]
    first, second, each = (
        again[key]["median_ms"]
        for key in ("decode_first_model", "decode_second_model", "preprocess_each_model")
    )
    return (
        _lines(header, told, ">" * len(sides) + ">")
        + f"\n\nOpening {again['what']} takes {first:.1f} ms to decode for the first model and "
        f"{second:.2f} ms for the next one; preparing it takes {each:.2f} ms for each model, as "
        "they differ in size."
    )


def training(result: Result) -> str:
    """Return what the pipeline and stored features cost and save."""
    step, epoch = result["training_step"], result["head_epoch"]
    return _lines(
        ["what", "floor", "ratio"],
        [
            [
                f"training step of `{step['model']}`, {step['size']} px, batch "
                f"{step['batch_size']}: {step['real_pipeline_ms']:.0f} ms with the real pipeline",
                f"{step['synthetic_ms']:.0f} ms with tensors that lie ready",
                f"{step['ratio']:.2f}",
            ],
            [
                f"epoch of `{epoch['model']}`'s head, {epoch['size']} px: "
                f"{epoch['epoch_stored_clock_seconds']} s from stored features",
                f"{epoch['epoch_without_clock_seconds']} s through the whole network",
                f"1 / {epoch['ratio_clock']:.0f}",
            ],
        ],
        "->",
    )


def memory(result: Result) -> str:
    """Return peak resident sets."""
    figures = result["memory"]["peak_mib"]
    return _lines(
        ["process", "peak, MiB"], [[name, f"{mib:,}"] for name, mib in figures.items()], ">"
    )


def agreement(result: Result) -> str:
    """Return how far bfloat16 moves the answers of the published models."""
    told = [
        [
            name,
            f"{row['slices']:,}",
            f"{100 * row['labels_unchanged']:.2f} % ({row['labels_changed']} changed)",
            f"{row['distance_p99']:.4f}",
            f"{row['distance_largest']:.4f}",
            f"{100 * row['within_0.02']:.2f} %",
            f"{100 * row['accuracy_float32']:.2f} %",
            f"{100 * row['accuracy_bfloat16']:.2f} %",
        ]
        for name, row in result["models"].items()
    ]
    header = [
        "model", "test slices", "labels unchanged", "99th percentile of moves", "largest move",
        "within 0.02", "accuracy, float32", "accuracy, bfloat16",
    ]  # fmt: skip
    return _lines(header, told, ">>>>>>>") + outdated(result)


def engines(result: Result) -> str:
    """Return every engine beside the default one."""
    told = []
    for entry in result["models"]:
        told += [
            [
                entry["model"],
                row["engine"],
                str(row["batch"]),
                f"{row['median_ms']:.1f}",
                f"{row['faster_than_default']:.2f}",
                f"{row['logits_apart']:.4f}",
            ]
            for row in entry["engines"]
        ]
        told += [[entry["model"], e, "", why, "", ""] for e, why in entry["left_out"].items()]
    header = ["network", "engine", "batch", "median, ms", "x default", "logits apart"]
    versions = ", ".join(f"{name} {number}" for name, number in result["versions"].items())
    size = result["models"][0]["size"]
    default = result["models"][0]["default"]
    return (
        _lines(header, told, "->>>>")
        + f"\n\n{size} px; the default computes in {default}. {versions}."
    )


def _figure(target: Result) -> str:
    value = target["measured"]
    return "" if value is None else f"{value:.4g} {target['unit']}".rstrip()


def _lines(header: Sequence[str], rows: Sequence[Sequence[str]], aligned: str) -> str:
    """Write a Markdown table; `aligned` has `>` or `-` per column from the second on."""
    marks = ["---", *("---:" if a == ">" else "---" for a in aligned)]
    marks += ["---"] * (len(header) - len(marks))
    lines = [f"| {' | '.join(header)} |", f"|{'|'.join(marks)}|"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])
