"""Everything a resume needs, in one file that is either the old one or the new one."""

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from core.errors import RunError
from core.files import replacing

STATE_FILE = "last/state.safetensors"


def _variables(model: keras.Model) -> list[Any]:
    return [*model.weights, *random_states(model), *model.optimizer.variables]


def random_states(model: keras.Model) -> list[Any]:
    """Return the states of the random generators (dropout), which are no weights."""
    return [variable for variable in model.variables if "seed" in variable.path]


def save_state(run: Path, model: keras.Model, progress: dict[str, Any]) -> None:
    """Write weights, optimizer, random state and progress.

    Args:
        run: The run's folder.
        model: A compiled model whose optimizer is built.
        progress: JSON-ready; the history so far and what else the trainer must remember.
    """
    tensors = {
        f"{number:05d}": np.array(keras.ops.convert_to_numpy(variable.value), order="C")
        for number, variable in enumerate(_variables(model))
    }
    with replacing(run / STATE_FILE) as temporary:
        save_file(tensors, str(temporary), metadata={"progress": json.dumps(progress)})


def load_state(run: Path, model: keras.Model) -> dict[str, Any]:
    """Put back what `save_state` wrote and return the progress.

    Raises:
        RunError: If there is nothing to resume, or it doesn't fit the model.
    """
    path = run / STATE_FILE
    if not path.is_file():
        raise RunError(
            "A run can be resumed once an epoch has finished. "
            f"Received: '{run.name}' without {STATE_FILE}."
        )
    variables = _variables(model)
    try:
        with safe_open(str(path), framework="numpy") as stored:
            names = sorted(stored.keys())
            progress: dict[str, Any] = json.loads(stored.metadata()["progress"])
            values = [stored.get_tensor(name) for name in names]
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise RunError(f"{STATE_FILE} must be whole. Received: a damaged file.") from error
    shapes = [tuple(variable.shape) for variable in variables]
    if shapes != [value.shape for value in values]:
        raise RunError(
            f"{STATE_FILE} must fit the run's configuration. Received: other shapes or counts."
        )
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
    return progress
