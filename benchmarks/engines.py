"""Other engines than the default one: are they faster with the same answers?

    pip install onnxruntime openvino     # in an environment of its own; each is optional
    python -m benchmarks.engines [--models cnn vgg16] [--size 224] [--batches 1 32]

The same untrained network through each engine, in turns with the default, which computes in the
number format that `auto` chooses. Explaining is left out: only the forward pass could go to
another engine. An engine that isn't installed is listed as such.
"""

import argparse
import os
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import keras
import numpy as np

from benchmarks.networks import compiled, noise, untrained
from benchmarks.timing import interleave, load, paired_ratio, summary, table
from core.files import write_json
from core.models.head import LOGITS_LAYER
from core.models.precision import resolve
from core.types import FloatArray

RESULTS = Path("benchmarks/results/engines.json")
DEFAULT = "default"
Pass = Callable[[FloatArray], FloatArray]


def xla(model: keras.Model) -> Pass:
    """Compile the forward pass with XLA."""
    import tensorflow as tf

    inner = keras.Model(model.input, model.output[LOGITS_LAYER])

    @tf.function(jit_compile=True)
    def run(images: Any) -> Any:
        return tf.cast(inner(images, training=False), tf.float32)

    return lambda images: np.asarray(run(tf.constant(images)))


def int8(model: keras.Model) -> Pass:
    """Quantise a copy with Keras and compile it as the default is compiled."""
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    copy.quantize("int8")
    return compiled(copy)


def _exported(model: keras.Model, folder: Path) -> Path:
    path = folder / f"{model.name}.onnx"
    plain = keras.Model(model.input, model.output[LOGITS_LAYER])
    signature = [keras.InputSpec(shape=model.input.shape, dtype="float32", name="slice")]
    plain.export(path, format="onnx", verbose=False, input_signature=signature)
    return path


def onnx_runtime(path: Path) -> Pass:
    """Open an ONNX file with ONNX Runtime, with one thread per core."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = os.cpu_count() or 1
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return lambda images: np.asarray(session.run(None, {"slice": images})[0])


def openvino(path: Path, precision: str) -> Pass:
    """Open an ONNX file with OpenVINO in a number format, tuned for one request at a time."""
    import openvino as ov

    hints = {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "LATENCY"}
    found = ov.Core().compile_model(str(path), "CPU", hints)
    return lambda images: np.asarray(found(images)[0])


def engines(
    model: keras.Model, policy: str, folder: Path
) -> tuple[dict[str, Pass], dict[str, str]]:
    """Return the engines that there are, and the reasons why others aren't."""
    exact = untrained(model.name, model.input.shape[1], "float32")
    exact.set_weights(model.get_weights())
    wanted: dict[str, tuple[str | None, Callable[[], Pass]]] = {
        "default float32": (None, lambda: compiled(exact)),
        f"XLA {policy}": (None, lambda: xla(model)),
        "XLA float32": (None, lambda: xla(exact)),
        "Keras int8": (None, lambda: int8(exact)),
        "ONNX Runtime float32": ("onnxruntime", lambda: onnx_runtime(_exported(exact, folder))),
        "OpenVINO float32": ("openvino", lambda: openvino(_exported(exact, folder), "f32")),
        "OpenVINO bfloat16": ("openvino", lambda: openvino(_exported(exact, folder), "bf16")),
    }
    found: dict[str, Pass] = {DEFAULT: compiled(model)}
    left_out: dict[str, str] = {}
    for name, (package, make) in wanted.items():
        needed = [p for p in (package, package and "tf2onnx") if p]
        missing = [p for p in needed if find_spec(p) is None]
        if missing:
            left_out[name] = f"{missing[0]} isn't installed"
            continue
        found[name] = make()
    return found, left_out


def measure(name: str, size: int, batches: list[int], rounds: int) -> dict[str, Any]:
    """Time one network through every engine and compare the answers with float32's."""
    policy = resolve("auto")
    model = untrained(name, size, policy)
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        passes, left_out = engines(model, policy, Path(scratch))
        check = noise(4, size)
        exact = passes["default float32"](check)
        spread = float(exact.std())
        apart = {
            key: round(float(np.abs(run(check) - exact).max()) / spread, 5)
            for key, run in passes.items()
        }
        for batch in batches:
            images = noise(batch, size)
            turns = rounds if batch > 1 else 3 * rounds
            cases = {key: lambda run=run, x=images: run(x) for key, run in passes.items()}
            seconds = interleave(cases, turns)
            rows += [
                {
                    "engine": key,
                    "batch": batch,
                    **summary(values),
                    "faster_than_default": paired_ratio(seconds[DEFAULT], values),
                    "logits_apart": apart[key],
                }
                for key, values in seconds.items()
            ]
    return {
        "model": name,
        "size": size,
        "default": policy,
        "weights": "random",
        "engines": rows,
        "left_out": left_out,
    }


def main() -> None:
    """Measure, print, write `benchmarks/results/engines.json`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", default=["cnn", "vgg16"])
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 32])
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    before = load()
    found = [measure(n, options.size, options.batches, options.rounds) for n in options.models]
    for entry in found:
        print(f"\n{entry['model']}, {entry['size']} px, default {entry['default']}")
        lines = [
            [
                row["engine"],
                str(row["batch"]),
                f"{row['median_ms']:.1f}",
                f"{row['faster_than_default']:.2f}",
                f"{row['logits_apart']:.5f}",
            ]
            for row in entry["engines"]
        ]
        header = ["engine", "batch", "median ms", "x faster", "logits apart, in deviations"]
        print(table(header, lines))
        for engine, reason in entry["left_out"].items():
            print(f"{engine}: {reason}")
    versions = {
        name: __import__(name).__version__
        for name in ("tensorflow", "keras", "onnxruntime", "openvino")
        if find_spec(name)
    }
    write_json(
        RESULTS,
        {
            "models": found,
            "versions": versions,
            "cores": os.cpu_count(),
            "load_before": before,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
        },
    )


if __name__ == "__main__":
    main()
