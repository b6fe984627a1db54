"""Everything a resume needs, in one file that is either the old one or the new one."""

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from core.data.manifest import Manifest
from core.errors import OutputError, RunError
from core.files import replacing
from core.training.runs import file_sha256, read_run

STATE_FILE = "last/state.safetensors"


def _variables(model: keras.Model, optimizer: keras.optimizers.Optimizer) -> list[Any]:
    return [*model.weights, *random_states(model), *optimizer.variables]


def random_states(model: keras.Model) -> list[Any]:
    """Return the states of the random generators (dropout), which are no weights."""
    return [variable for variable in model.variables if "seed" in variable.path]


def save_state(
    run: Path, model: keras.Model, optimizer: keras.optimizers.Optimizer, progress: dict[str, Any]
) -> None:
    """Write weights, optimizer, random state and progress.

    Args:
        run: The run's folder.
        model: The whole model.
        optimizer: The optimizer, built.
        progress: JSON-ready; the history so far and what else the trainer must remember.

    Raises:
        OutputError: If the file can't be written.
    """
    tensors = {
        f"{number:05d}": np.array(keras.ops.convert_to_numpy(variable.value), order="C")
        for number, variable in enumerate(_variables(model, optimizer))
    }
    try:
        with replacing(run / STATE_FILE) as temporary:
            save_file(tensors, str(temporary), metadata={"progress": json.dumps(progress)})
    except SafetensorError as error:
        # The library tells of a full disk in an error of its own.
        raise OutputError(
            f"The output must be writable. Received: {STATE_FILE}, {error}."
        ) from error


def read_progress(run: Path) -> dict[str, Any]:
    """Return the progress that `save_state` wrote, without the weights.

    Raises:
        RunError: If there is nothing to resume, or it is damaged.
    """
    path = run / STATE_FILE
    if not path.is_file():
        raise RunError(
            "A run can be resumed once an epoch has finished. "
            f"Received: '{run.name}' without {STATE_FILE}."
        )
    try:
        with safe_open(str(path), framework="numpy") as stored:
            progress: dict[str, Any] = json.loads(stored.metadata()["progress"])
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise RunError(f"{STATE_FILE} must be whole. Received: a damaged file.") from error
    return progress


def own_progress(run: Path, epochs: int, manifest: Manifest) -> dict[str, Any]:
    """Return what a resume goes on from, no best epoch where another's weights lie in its place.

    A process that was killed between the best weights and the state leaves the weights of an
    epoch that is trained again now. The best before it is gone, so the next epoch is kept.

    Args:
        run: The run's folder.
        epochs: How many epochs it shall have.
        manifest: What it would learn from.

    Raises:
        RunError: As `read_progress`; if the manifest isn't the run's; or if the weights are
            other ones and no epoch is left.
    """
    progress = read_progress(run)
    read_run(run).check_manifest(manifest.sha256)
    if progress.get("best_sha256") in (None, file_sha256(run / "best.weights.h5")):
        return progress
    if len(progress["history"]) >= epochs:
        raise RunError(
            "best.weights.h5 is the file that the run's state names, where no epoch is left to be "
            f"trained again. Received: another in '{run.name}'."
        )
    return {**progress, "best": {}, "best_sha256": None}


def load_state(run: Path, model: keras.Model, optimizer: keras.optimizers.Optimizer) -> None:
    """Put back the weights, the random state and the optimizer that `save_state` wrote.

    Raises:
        RunError: If the file is damaged or doesn't fit the model.
    """
    variables = _variables(model, optimizer)
    try:
        with safe_open(str(run / STATE_FILE), framework="numpy") as stored:
            values = [stored.get_tensor(name) for name in sorted(stored.keys())]
    except (SafetensorError, OSError) as error:
        raise RunError(f"{STATE_FILE} must be whole. Received: a damaged file.") from error
    shapes = [tuple(variable.shape) for variable in variables]
    if shapes != [value.shape for value in values]:
        raise RunError(
            f"{STATE_FILE} must fit the run's configuration. Received: other shapes or counts."
        )
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
