"""Starting, resuming and publishing runs from a screen; no TensorFlow is loaded for it.

What a person chose becomes a `TrainConfig`, and the flags are written from its typed fields.
"""

from dataclasses import fields, replace
from pathlib import Path
from typing import Final

from core.data.manifest import read_manifest
from core.data.split_job import SPLITS_FOLDER
from core.errors import RunError
from core.jobs import Job, check_allowed, check_name, read_job, start_job
from core.models.registry import get_spec
from core.settings import get_settings
from core.training.augment import AugmentConfig
from core.training.config import STARTS, TrainConfig, read_config
from core.training.runs import read_run

TRAIN: Final = "train"
PUBLISH: Final = "publish"
AUGMENTATIONS: Final[dict[str, AugmentConfig]] = {
    "full": AugmentConfig(),
    "geometry": AugmentConfig(style=0.0, invert=0.0),
    "none": AugmentConfig(rotation=0.0, scale=0.0, shift=0.0, flip=0.0, style=0.0, invert=0.0),
}
"""What a form offers: everything, geometry alone, nothing."""
PLACE_WEIGHT: Final = 0.3
"""Keeps the attention of a form's runs inside the boxes: the ablation in docs/generalisation.md."""

_NESTED: Final = ("labels", "augmentation", "mixing")


def data_root(manifest: Path, data_dir: Path | None = None) -> Path:
    """Return the folder below which a manifest's images are.

    Args:
        manifest: The manifest.
        data_dir: Where to look as well: this folder and its parent. The settings' by default.

    Raises:
        DatasetError: If the manifest breaks its rules, or images are missing in every place.
    """
    loaded = read_manifest(manifest)
    data_dir = data_dir or get_settings().data_dir
    places = [loaded.root] + ([data_dir, data_dir.resolve().parent] if data_dir else [])
    for place in places:
        if loaded.rows and (place / loaded.rows[0].path).is_file():
            replace(loaded, root=place).check_files()
            return place
    loaded.check_files()
    return loaded.root


def train_words(config: TrainConfig, folder: Path) -> list[str]:
    """Return the words of `train` for a configuration, each flag with its value in one word."""
    usual = TrainConfig(config.model, config.manifest)
    words = [TRAIN]
    pairs = ((config, usual), (config.augmentation, usual.augmentation))
    for chosen, default in (*pairs, (config.mixing, usual.mixing)):
        for item in fields(chosen):
            value = getattr(chosen, item.name)
            named = item.name in ("model", "manifest", "size")
            if item.name in _NESTED or (value == getattr(default, item.name) and not named):
                continue
            flag = "--" + item.name.replace("_", "-")
            words.append(flag if value is True else f"{flag}={value}")
    return [*words, f"--out={folder}"]


def start_training(config: TrainConfig, name: str) -> Job:
    """Start a new run in a process of its own.

    Args:
        config: What was chosen; its ranges are checked where it is made.
        name: Name of the run's folder below the runs folder.

    Returns:
        The job, in the run's new folder.

    Raises:
        RunError: If the name is taken or not plain, the start doesn't exist or the frozen part
            would never have learned anything.
        UnknownModelError: If the registry has no such model.
        DatasetError: If the manifest can't be used as it is.
    """
    check_allowed()
    folder = get_settings().runs_dir / check_name(name)
    get_spec(config.model)
    config = replace(config, init=_checked_init(config.init))
    if config.init == "random" and (config.freeze or config.head_epochs):
        raise RunError(
            "What is frozen has learned something before: start from imagenet, published weights "
            "or a run. Received: a frozen part and a random start."
        )
    config = replace(config, root=str(data_root(Path(config.manifest)).resolve()))
    splits = {row.split for row in read_manifest(Path(config.manifest)).rows}
    if not {"train", "val"} <= splits:
        raise RunError("A manifest has training and validation slices. Received: one without.")
    try:
        folder.mkdir(parents=True)
    except FileExistsError as error:
        raise RunError(f"A new run needs a new name. Received: '{name}', which exists.") from error
    except OSError as error:
        raise RunError(f"The runs folder must be writable. Received: {error.strerror}.") from error
    return start_job(folder, TRAIN, train_words(config, folder.resolve()))


def resume_training(folder: Path, epochs: int | None = None) -> Job:
    """Go on with a run that stands still.

    Args:
        folder: The run's folder.
        epochs: New number of epochs, at least the old one; the run's own by default.

    Raises:
        RunError: If it is running, has no finished epoch, or no epoch would be left.
    """
    info, config = read_run(folder), read_config(folder)
    if info.status == "running":
        raise RunError(f"A run is resumed once it stands still. Received: '{info.id}', running.")
    if not info.resumable:
        raise RunError(
            f"A run can be resumed once an epoch has finished. Received: '{info.id}' without one."
        )
    wanted = config.epochs if epochs is None else epochs
    if wanted < config.epochs or wanted <= len(info.history):
        raise RunError(
            f"A resumed run has at least its {config.epochs} epochs, and more than the "
            f"{len(info.history)} it has finished. Received: {wanted}."
        )
    words = [TRAIN, "--resume", f"--out={folder.resolve()}", f"--epochs={wanted}"]
    return start_job(folder, TRAIN, words)


def start_publishing(
    folder: Path, name: str, external: Path | None = None, *, mirrored: bool = False
) -> Job:
    """Publish a run's best weights in a process of its own.

    Args:
        folder: The run's folder.
        name: Name below the weights folder; what is there is replaced.
        external: Folder of tumour slices of another origin.
        mirrored: Whether the model answers from a slice and its mirror image.

    Raises:
        RunError: If the run is still running or has no weights, or the name isn't plain.
    """
    check_name(name)
    info = read_run(folder)
    training = read_job(folder, TRAIN)
    if not info.publishable or (training is not None and training.running):
        raise info.not_publishable()
    words = [PUBLISH, str(folder.resolve()), name]
    if external:
        words.append(f"--external={external.resolve()}")
    if mirrored:
        words.append("--mirrored")
    return start_job(folder, PUBLISH, words)


def _checked_init(init: str) -> str:
    if init in STARTS:
        return init
    folder = Path(init)
    if not any((folder / name).is_file() for name in ("card.json", "best.weights.h5")):
        raise RunError(
            f"A start is {', '.join(STARTS)}, or the folder of a published model or a run. "
            f"Received: '{folder.name}'."
        )
    return str(folder.resolve())


def manifests() -> list[Path]:
    """Return the manifests that a form offers: the shipped one, and those made on screens."""
    settings = get_settings()
    shipped = settings.weights_dir / "manifest.csv"
    made = sorted((settings.runs_dir / SPLITS_FOLDER).glob("*/manifest.csv"))
    return [path for path in (shipped, *made) if path.is_file()]
