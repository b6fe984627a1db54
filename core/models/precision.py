"""Number formats: bfloat16 where the processor multiplies it in hardware."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import keras


@lru_cache(maxsize=1)
def has_fast_bfloat16() -> bool:
    """Return whether this processor has AVX512-BF16 or AMX (read from Linux's cpuinfo)."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    flags = next((line for line in text.splitlines() if line.startswith("flags")), "").split()
    return "avx512_bf16" in flags or "amx_bf16" in flags


def resolve(precision: str) -> str:
    """Return the Keras policy for `auto`, `float32` or `mixed_bfloat16`."""
    if precision != "auto":
        return precision
    return "mixed_bfloat16" if has_fast_bfloat16() else "float32"


@contextmanager
def built_in(policy: str) -> Iterator[None]:
    """Give the layers that are built inside this block a policy; others keep theirs."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
