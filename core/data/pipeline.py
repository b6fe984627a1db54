"""Feeding the training step without letting it wait."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import cv2
import numpy as np

from core.types import FloatArray

MakeBatch = Callable[[int], tuple[FloatArray, ...]]
_WORKERS = 2
_AHEAD = 4


def tensorflow_dataset(make: MakeBatch, steps: int) -> Iterator[tuple[FloatArray, ...]]:
    """Run a batch function through `tf.data`: two at a time, in order, prefetched.

    Args:
        make: From a step, from 0, to its arrays (float32). It must be safe to call from
            several threads.
        steps: Number of batches.

    Yields:
        The batches as NumPy arrays.
    """
    import tensorflow as tf

    cv2.setNumThreads(1)
    example = make(0)

    def load(step: tf.Tensor) -> list[tf.Tensor]:
        values = tf.numpy_function(lambda s: make(int(s)), [step], [tf.float32] * len(example))
        for value, array in zip(values, example, strict=True):
            value.set_shape(array.shape)
        return values

    dataset = tf.data.Dataset.range(steps)
    dataset = dataset.map(load, num_parallel_calls=_WORKERS, deterministic=True)
    for values in dataset.prefetch(_AHEAD):
        yield tuple(np.asarray(value) for value in values)


def threaded(make: MakeBatch, steps: int) -> Iterator[tuple[FloatArray, ...]]:
    """Do the same without TensorFlow, for the other Keras backends."""
    cv2.setNumThreads(1)
    with ThreadPoolExecutor(_WORKERS) as workers:
        waiting: list[Future[tuple[FloatArray, ...]]] = [
            workers.submit(make, step) for step in range(min(_AHEAD, steps))
        ]
        for step in range(steps):
            batch = waiting.pop(0).result()
            if step + _AHEAD < steps:
                waiting.append(workers.submit(make, step + _AHEAD))
            yield batch
