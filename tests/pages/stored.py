"""Weights files that are whole, and that no fake predictor ever reads."""

from hashlib import sha256

import numpy as np
from safetensors.numpy import save

WEIGHTS, OTHERS = (save({"nothing": np.full(1, value, np.float16)}) for value in (0, 1))
DIGEST, OTHER_DIGEST = (sha256(data).hexdigest() for data in (WEIGHTS, OTHERS))
