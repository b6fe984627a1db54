"""Slices per second, and as a share of what the machine multiplies matrices with."""

import gc
import statistics
from typing import Any

import keras

from benchmarks.networks import NETWORKS, compiled, noise, operations, untrained
from benchmarks.timing import Case, interleave, paired_ratio, summary

POLICIES = ("float32", "mixed_bfloat16")
_SIDE = 2048
_MATRIX = 2 * _SIDE**3


def multiplication(policy: str) -> Case:
    """Return a product of two matrices of 2,048 rows, in the number format of a policy."""
    import tensorflow as tf

    kind = tf.bfloat16 if policy == "mixed_bfloat16" else tf.float32
    generator = tf.random.Generator.from_seed(0)
    left, right = (tf.cast(generator.normal((_SIDE, _SIDE)), kind) for _ in range(2))
    product = tf.function(lambda: tf.matmul(left, right))
    # One number is asked for, so that the product must be finished.
    return lambda: product()[0, 0].numpy()


def measure(size: int, rounds: int, batches: tuple[int, ...]) -> list[dict[str, Any]]:
    """Time every network at every batch size in both number formats, in turns."""
    rows = []
    for name in NETWORKS:
        models = {policy: untrained(name, size, policy) for policy in POLICIES}
        passes = {policy: compiled(model) for policy, model in models.items()}
        work = operations(models["float32"])
        for batch in batches:
            images = noise(batch, size)
            cases: dict[str, Case] = {}
            for policy in POLICIES:
                cases[policy] = lambda run=passes[policy], x=images: run(x)
                cases[f"matrices {policy}"] = multiplication(policy)
            turns = rounds if batch > 1 else 3 * rounds
            seconds = interleave(cases, turns, warm=1)
            for policy in POLICIES:
                each = statistics.median(seconds[policy])
                # Rates are what the machine can do, so the fastest run of either counts: a pass
                # lasts much longer than a product, and what disturbs one may spare the other.
                rate = _MATRIX / min(seconds[f"matrices {policy}"])
                best = work * batch / min(seconds[policy])
                rows.append(
                    {
                        "model": name,
                        "size": size,
                        "batch": batch,
                        "precision": policy,
                        "weights": "random",
                        **summary(seconds[policy]),
                        "slices_per_second": round(batch / each, 2),
                        "gflops_per_slice": round(work / 1e9, 2),
                        "gflops_per_second": round(best / 1e9, 1),
                        "matrices_gflops_per_second": round(rate / 1e9, 1),
                        "share_of_matrices": round(best / rate, 3),
                    }
                )
            rows[-1]["faster_than_float32"] = paired_ratio(
                seconds["float32"], seconds["mixed_bfloat16"]
            )
        del models, passes
        keras.backend.clear_session()
        gc.collect()
    return rows
