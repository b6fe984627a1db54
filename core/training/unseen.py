"""What trained weights have seen already, so that no run is validated on it."""

from pathlib import Path

from core.data.manifest import Manifest, read_manifest
from core.errors import DatasetError, RunError
from core.models.card import read_card
from core.training.config import STARTS, TrainConfig, read_config
from core.training.runs import read_run


def next_fold(init: str, manifest: Path) -> str:
    """Return the fold that a run that starts from `init` is validated on, unless told another.

    Args:
        init: See `TrainConfig`.
        manifest: Path of the run's manifest.

    Returns:
        The fold that the start was validated on itself, where its manifest was the same; else
        empty, for the whole validation split.

    Raises:
        RunError: If it is a run whose configuration is broken.
        ModelNotReadyError: If it is a published model whose card is.
        DatasetError: If the manifest must be known and can't be read.
    """
    fold, learned_from = _seen(Path(init))
    return fold if fold and learned_from in (None, read_manifest(manifest).sha256) else ""


def check_unseen(config: TrainConfig, manifest: Manifest) -> None:
    """Refuse a start or a teacher that was trained on the slices that would validate the run.

    Args:
        config: Settings of the run.
        manifest: Its manifest.

    Raises:
        RunError: If one was trained on folds of the same manifest's validation split, and
            validated on another fold than this run's.
    """
    named = [] if config.init in STARTS else [("--init", Path(config.init))]
    for flag, folder in [*named, *(("--teacher", folder) for folder in config.teachers)]:
        fold, learned_from = _seen(folder)
        if fold and fold != config.fold and learned_from in (None, manifest.sha256):
            raise RunError(
                f"Weights that were validated on fold {fold} were trained on the others, so a run "
                f"that {flag} names them for is validated on --fold {fold} as well. "
                f"Received: --fold {config.fold or 'none'} with '{folder.name}'."
            )


def _seen(folder: Path) -> tuple[str, str | None]:
    """Return the fold that weights were validated on, and the digest of their manifest.

    The fold is empty for all, or where nothing lies; the digest None where nobody knows it.
    """
    if (folder / "card.json").is_file():
        card = read_card(folder)
        return card.fold, card.learned_from
    if not (folder / "config.json").is_file():
        return "", None
    config, told = read_config(folder), read_run(folder).manifest_sha256
    if told:
        return config.fold, told
    try:
        return config.fold, read_manifest(Path(config.manifest)).sha256 if config.fold else None
    except DatasetError:
        return config.fold, None
